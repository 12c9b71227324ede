//! Diagnostics on stderr: `-v` says what changed, `-vv` why; under systemd each line has the
//! priority that the journal reads (sd-daemon(3)).

use log::{Level, LevelFilter};
use std::io::Write;

use crate::sys::paths;

/// Sets the logger up; called once.
pub fn start(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::Error,
        (_, 0) => LevelFilter::Warn,
        (_, 1) => LevelFilter::Info,
        (_, 2) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let journal = paths::var("JOURNAL_STREAM").is_some();
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Warn).filter_module("claude_failover", level).format(move |out, record| {
        let (priority, word) = match record.level() {
            Level::Error => (3, "error"),
            Level::Warn => (4, "warning"),
            Level::Info => (6, "info"),
            Level::Debug | Level::Trace => (7, "debug"),
        };
        if journal {
            writeln!(out, "<{priority}>{}", record.args())
        } else {
            writeln!(out, "{word}: {}", record.args())
        }
    });
    // A second call in one process (tests) keeps the first logger.
    let _ = builder.try_init();
}
