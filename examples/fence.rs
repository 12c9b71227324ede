//! Runs a program that can write only below given directories: `fence DIR[:DIR…] PROGRAM [ARG…]`.
//!
//! The tests start everything through it, so that a test which would touch the real home, another
//! test or the machine fails with "permission denied" instead. Landlock is inherited by whatever the
//! program starts, a tmux server included. Where the kernel has none, that is said on stderr.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program of the tests"
)]

use landlock::{ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules};
use std::os::unix::process::CommandExt;

fn main() {
    let mut words = std::env::args_os().skip(1);
    let dirs = words.next().expect("fence DIR[:DIR…] PROGRAM [ARG…]").into_string().expect("UTF-8");
    let program = words.next().expect("a program");
    let write = AccessFs::from_write(ABI::V3);
    // Devices and /proc/self are no places where anything stays.
    let allowed = dirs.split(':').chain(["/dev", "/proc"]);
    let status = Ruleset::default()
        .handle_access(write)
        .and_then(Ruleset::create)
        .and_then(|set| set.add_rules(path_beneath_rules(allowed, write)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .expect("Landlock refused the rules");
    if status.ruleset == RulesetStatus::NotEnforced {
        eprintln!("NOT FENCED: this kernel has no Landlock");
    }
    let error = std::process::Command::new(&program).args(words).exec();
    eprintln!("could not run {}: {error}", program.display());
    std::process::exit(127);
}
