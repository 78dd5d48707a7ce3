//! The `minions` command as the tests run it: cargo builds the programs of a tests' own package before them, and tells
//! where they are.

use std::process::ExitCode;

fn main() -> ExitCode {
    minions_cli::main()
}
