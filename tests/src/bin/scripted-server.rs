//! The scripted model server as a program, for browser tests. `minions_tests::server` describes its API.

use std::io::Write;

use clap::Parser;
use tokio::net::TcpListener;

/// A model server that does as its script says.
#[derive(Parser)]
struct Options {
    /// The port of this machine to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    // Who started us waits for this line.
    println!("listening on http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    minions_tests::server::serve(listener).await?;
    Ok(())
}
