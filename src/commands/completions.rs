//! `completions`: what a shell needs to complete this program's command lines, names included.
//!
//! The scripts of the shells (`completions/`) hold no knowledge: they hand the words of the line back to this
//! command, which answers with candidates from clap's own description of the commands and from what lies on the
//! disk. It reads only, asks no other program, and whatever goes wrong it answers with what it has.

mod candidates;
mod names;
mod values;

use anyhow::Result;
use std::ffi::OsString;

use crate::cli;
use crate::env::Global;
use crate::error::Exit;
use crate::output::Output;

/// Print a completion script for a shell
///
/// Completes commands, options and files, and the names of sessions, accounts, tasks and projects as they are at
/// that moment, under the `--config` and `--state-dir` that stand before on the line.
///
/// bash: `source <(claude-failover completions bash)` in `~/.bashrc`; zsh: the same with `zsh` behind `compinit` in
/// `~/.zshrc`; fish: `claude-failover completions fish > ~/.config/fish/completions/claude-failover.fish`.
/// A package puts them where the shells look by themselves.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
    /// Answer the script instead: the candidates for this word of a line
    #[arg(long, value_name = "INDEX", hide = true, requires = "words")]
    word: Option<usize>,
    /// The words of that line
    #[arg(last = true, hide = true, requires = "word")]
    words: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Runs the command.
///
/// # Errors
/// None.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let out = Output { json: global.json, quiet: global.quiet };
    let Some(index) = args.word else {
        let script = match args.shell {
            Shell::Bash => include_str!("../../completions/claude-failover.bash"),
            Shell::Zsh => include_str!("../../completions/claude-failover.zsh"),
            Shell::Fish => include_str!("../../completions/claude-failover.fish"),
        };
        match out.json {
            true => out.object(&serde_json::json!({ "version": 1, "script": script })),
            false => out.text(script),
        }
        return Ok(Exit::Done);
    };
    // A person is in the middle of a line: a message would land in it.
    log::set_max_level(log::LevelFilter::Off);
    let candidates = candidates::of(cli::command(), global, &args.words, index);
    let lines: Vec<String> = candidates
        .into_iter()
        .map(|c| if c.help.is_empty() { c.value } else { format!("{}\t{}", c.value, c.help) })
        .collect();
    out.text(&lines.join("\n"));
    Ok(Exit::Done)
}
