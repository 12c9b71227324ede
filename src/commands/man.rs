//! `man`: the pages of the manual, made from the very description that `--help` prints.

mod page;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::PathBuf;

use crate::cli;
use crate::env::Global;
use crate::error::Exit;
use crate::output::Output;
use crate::sys::{atomic, clock, paths};

/// Print the page of the manual, or write one for each command into a directory
///
/// `claude-failover man | man -l -` reads it. A package puts the pages where `man` looks.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write `claude-failover.1`, `claude-failover-task-add.1` and so on into this directory
    dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the directory cannot be written.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let out = Output { json: global.json, quiet: global.quiet };
    let pages = page::all(cli::command(), &date())?;
    if let Some(dir) = &args.dir {
        let dir = paths::absolute_path(dir)?;
        atomic::ensure_dir_mode(&dir, 0o755)?;
        for page in &pages {
            atomic::write_mode(&dir.join(&page.file), page.text.as_bytes(), 0o644)?;
        }
        return Ok(Exit::Done);
    }
    if out.json {
        let all: Vec<_> = pages.iter().map(|p| serde_json::json!({ "name": p.file, "text": p.text })).collect();
        out.object(&serde_json::json!({ "version": 1, "pages": all }));
    } else if let Some(page) = pages.first() {
        out.text(&page.text);
    }
    Ok(Exit::Done)
}

/// The day that the pages bear: the one that a reproducible build asks for, else today.
fn date() -> String {
    let asked = paths::var("SOURCE_DATE_EPOCH").and_then(|text| text.to_str()?.parse().ok());
    let time = asked.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(clock::now);
    time.to_zoned(TimeZone::UTC).date().to_string()
}
