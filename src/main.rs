//! Parse, run, print, exit code.

use claude_failover::{
    cli,
    commands::{self, guard::entry},
    error::exit_of,
    logging,
    output::{self, Output},
};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A hook that holds up every tool call: before anything else is set up.
    if let Some(entry) = entry::entry(std::env::args_os().skip(1)) {
        entry::run(&entry);
    }
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(exit) => return ExitCode::from(exit as u8),
    };
    logging::start(cli.global.verbose, cli.global.quiet);
    let exit = commands::run(&cli).unwrap_or_else(|error| {
        Output { json: cli.global.json, quiet: cli.global.quiet }.error(&error);
        exit_of(&error)
    });
    ExitCode::from(output::arrived(exit) as u8)
}
