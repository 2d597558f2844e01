//! watertight: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    watertight::cli::main()
}
