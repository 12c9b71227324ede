//! The command line: global flags and the list of commands. Arguments are in each command's file.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands;
use crate::env::Global;
use crate::error::{Exit, Mark};
use crate::output::Output;

/// Keeps a pool of Claude Code sessions busy, and alive across account limits.
///
/// There is no daemon: each command runs to its end under file locks on one state directory, started by timers, by
/// the client's own hooks, by a person or by a script. `init` sets everything up, `timers install` lets it run by
/// itself, `doctor` says what is wrong.
#[derive(Debug, Parser)]
#[command(name = "claude-failover", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What the exit codes mean; `guard` as a hook has its own.
pub const EXIT_CODES: [(u8, &str); 7] = [
    (0, "done, nothing to do, or skipped because another run holds the lock"),
    (1, "failed"),
    (2, "wrong usage"),
    (3, "part of the work failed"),
    (4, "a lock stayed busy although a person waited"),
    (5, "the answer is \"no\""),
    (6, "the configuration is invalid"),
];

/// The whole command line, with the exit codes in every command's help.
#[must_use]
pub fn command() -> clap::Command {
    fn told(command: clap::Command, codes: &str) -> clap::Command {
        command.after_help(codes.to_owned()).mut_subcommands(|command| told(command, codes))
    }
    let codes = EXIT_CODES.map(|(code, meaning)| format!("\n  {code}  {meaning}"));
    told(Cli::command(), &format!("Exit codes:{}", codes.concat()))
}

/// A report of a session, by the very words of its overlay: these run inside somebody's session, and the whole
/// command line takes longer to build than all that they do.
fn report(words: impl Iterator<Item = OsString>) -> Option<Cli> {
    let words: Option<Vec<String>> = words.map(|word| word.into_string().ok()).collect();
    let words = words?;
    let [what, state_flag, state, session_flag, session] = words.as_slice() else { return None };
    if state_flag != "--state-dir" || session_flag != "--session" || state.is_empty() || session.starts_with('-') {
        return None;
    }
    let session = session.clone();
    let command = match what.as_str() {
        "event" => Command::Event(commands::event::Args { session }),
        "statusline" => Command::Statusline(commands::statusline::Args { session }),
        _ => return None,
    };
    Some(Cli { global: Global { state_dir: Some(state.into()), ..Global::default() }, command })
}

/// Reads the command line; says itself what is wrong with it, or the help that was asked for.
///
/// # Errors
/// The exit code with which to end.
pub fn parse() -> Result<Cli, Exit> {
    if let Some(cli) = report(std::env::args_os().skip(1)) {
        return Ok(cli);
    }
    command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|e| {
        // A client takes exit 2 of a hook for "block": another version's overlay must not do that.
        let entry = std::env::args_os().nth(1);
        if e.use_stderr() && entry.is_some_and(|word| word == "event" || word == "statusline") {
            return Exit::Done;
        }
        if !e.use_stderr() {
            let _ = e.print();
            return Exit::Done;
        }
        // Of the guard it is what it should say, but a person must hear how to mend it.
        let of_guard = std::env::args_os().nth(1).is_some_and(|word| word == "guard");
        // What could not be parsed cannot say whether it wanted JSON: the words themselves do.
        if std::env::args_os().any(|word| word == "--json") {
            let text = e.render().to_string();
            let text = text.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
            let wrong: anyhow::Result<()> = Err(anyhow::anyhow!(text)).exit(Exit::Usage);
            let hint = if of_guard { commands::guard::REPAIR } else { "see `claude-failover --help`" };
            if let Err(e) = wrong.hint(hint) {
                Output { json: true, quiet: false }.error(&e);
            }
        } else {
            let _ = e.print();
            if of_guard {
                Output::default().warn(commands::guard::REPAIR);
            }
        }
        Exit::Usage
    })
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    Account(commands::account::Args),
    Checkpoint(commands::checkpoint::Args),
    #[command(hide = true)]
    Completions(commands::completions::Args),
    Config(commands::config::Args),
    Control(commands::control::Args),
    DeployHook(commands::deploy_hook::Args),
    Dispatch(commands::dispatch::Args),
    Doctor(commands::doctor::Args),
    #[command(hide = true)]
    Event(commands::event::Args),
    Explain(commands::explain::Args),
    Guard(commands::guard::Args),
    Init(commands::init::Args),
    Janitor(commands::janitor::Args),
    Launch(commands::launch::Args),
    Log(commands::log::Args),
    #[command(hide = true)]
    Man(commands::man::Args),
    Mcp(commands::mcp::Args),
    Notify(commands::notify::Args),
    QuotaCheck(commands::quota_check::Args),
    Status(commands::status::Args),
    #[command(hide = true)]
    Statusline(commands::statusline::Args),
    Stop(commands::stop::Args),
    Switch(commands::switch::Args),
    Task(commands::task::Args),
    Timers(commands::timers::Args),
    Watch(commands::watch::Args),
}
