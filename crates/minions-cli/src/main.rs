//! `minions`: the native shell. The same crates as in the browser, on this machine's GPU or CPU.

use std::process::ExitCode;

fn main() -> ExitCode {
    minions_cli::main()
}
