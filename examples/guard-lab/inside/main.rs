//! What runs inside the sealed root of `guard-lab`: process 1 of it, and the stand-ins for the programs there.
//!
//! One small program under many names. As `guard-lab-inside` it is process 1: it proves that it is sealed off
//! ([`seal`]), and only then runs the commands that it is given ([`serve`]). Under any other name
//! (`/usr/bin/rm`, `/usr/bin/git`, …) it notes how it was called and does nothing, or nearly nothing
//! ([`stand_in`]). The name is that of the file which was started, so that `exec -a` does not hide it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program of the tests"
)]

mod seal;
mod serve;
mod stand_in;
mod tree;

use std::process::ExitCode;

/// The exit code of a refusal.
const REFUSED: u8 = 98;

fn main() -> ExitCode {
    let exe = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let name = exe.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    // Without /proc there is no name: that is a refusal as well.
    if !name.is_empty() && !name.starts_with("guard-lab-inside") {
        return stand_in::run(name);
    }
    let refusals = seal::refusals(&seal::Facts::gather());
    if !refusals.is_empty() {
        for refusal in refusals {
            eprintln!("guard-lab: not sealed: {refusal}; nothing was run");
        }
        return ExitCode::from(REFUSED);
    }
    serve::serve();
    ExitCode::SUCCESS
}
