//! `timers`: the units that run everything by themselves.

mod list;

use anyhow::{Result, anyhow};
use std::path::PathBuf;

use crate::act::timers::{Control, Units, steps, text};
use crate::env::{Env, Global};
use crate::error::{Exit, Mark};
use crate::model::report::Report;
use crate::model::timers::{self, Filling, Flavour};
use crate::output::Output;
use crate::sys::{atomic, paths, user};

/// Let everything run by itself: systemd units, or lines for cron
///
/// A service and a timer for each of `dispatch`, `watch`, `quota-check`, `checkpoint`, `janitor` and `notify`,
/// path units for kicks and inboxes, a notice for runs that fail, and a unit of its own for the tmux server.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Install(Install),
    Remove(Remove),
    /// Show each timer: when it ran, how that went, when it runs next
    List(Which),
    Print(Print),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Units of the user's own manager (default)
    #[arg(long, conflicts_with = "system")]
    user: bool,
    /// Units of the machine's manager, which run as the user to whom the sessions belong (root)
    #[arg(long)]
    system: bool,
    /// That user (default: whoever owns the state directory)
    #[arg(long, value_name = "USER", requires = "system")]
    run_as: Option<String>,
}

/// Write the units, enable and start them
///
/// Can be run at any time, and should be after a change of the configuration: it changes what differs. The unit of
/// the tmux server is never restarted: that would end every session.
#[derive(Debug, clap::Args)]
struct Install {
    #[command(flatten)]
    which: Which,
    /// The socket on which requests are answered as well (see `control`); once there it stays
    #[arg(long, conflicts_with = "no_control")]
    control: bool,
    /// Take that socket away
    #[arg(long)]
    no_control: bool,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Disable and remove the units that `install` has written
///
/// The tmux server and its sessions go on.
#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    which: Which,
    /// End the tmux server too, and every session with it
    #[arg(long)]
    end_sessions: bool,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Print the units, or lines for cron
#[derive(Debug, clap::Args)]
struct Print {
    #[command(flatten)]
    which: Which,
    /// The socket on which requests are answered as well
    #[arg(long, conflicts_with = "cron")]
    control: bool,
    /// Lines for a crontab, for hosts without systemd
    #[arg(long, conflicts_with_all = ["generic", "system"])]
    cron: bool,
    /// Units for a package: no configuration is read, everything is in its default place
    #[arg(long, conflicts_with = "system")]
    generic: bool,
    /// The program that the units run (default: this one)
    #[arg(long, value_name = "FILE", requires = "generic")]
    program: Option<PathBuf>,
    /// Write them into a directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "cron")]
    to: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the configuration is invalid, or systemd is not there or refuses.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    match &args.verb {
        Verb::Install(args) => {
            let control = match (args.control, args.no_control) {
                (true, _) => Control::Wanted,
                (_, true) => Control::Unwanted,
                _ => Control::AsItIs,
            };
            let (env, units) = of(global, &args.which, control)?;
            Ok(report(&env, &steps::install(&units, args.dry_run)?))
        }
        Verb::Remove(args) => {
            let (env, units) = of(global, &args.which, Control::AsItIs)?;
            Ok(report(&env, &steps::remove(&units, args.end_sessions, args.dry_run)?))
        }
        Verb::List(which) => {
            let (env, units) = of(global, which, Control::AsItIs)?;
            list::list(&env, &units)
        }
        Verb::Print(args) => print(global, args),
    }
}

fn of(global: &Global, which: &Which, control: Control) -> Result<(Env, Units)> {
    let (env, flavour) = whose(global, which)?;
    let units = Units::with(&env, flavour, control)?;
    Ok((env, units))
}

fn report(env: &Env, report: &Report) -> Exit {
    env.out.report(report);
    report.exit()
}

/// Whose units, and what holds for that user. Root writes nothing into the state directory of somebody else.
fn whose(global: &Global, which: &Which) -> Result<(Env, Flavour)> {
    if !which.system {
        return Ok((Env::of_machine(global)?, Flavour::User));
    }
    let user = match &which.run_as {
        Some(user) => user.clone(),
        None => {
            let env = Env::of_machine(global)?;
            user::owner_of(env.store.root())
                .ok_or_else(|| anyhow!("whose sessions they are is not known: `{}`", env.store.root().display()))
                .hint("name the user with `--run-as`, or the state directory with `--state-dir`")?
        }
    };
    let home = user::home_of(&user).ok_or_else(|| anyhow!("no such user: `{user}`"))?;
    // `~` and all defaults are that user's, as they will be when the units run.
    let roots = paths::Roots::of_home(&home);
    Ok((Env::of_user(global, &roots)?, Flavour::System { user }))
}

fn print(global: &Global, args: &Print) -> Result<Exit> {
    let out = Output { json: global.json, quiet: global.quiet };
    if args.cron {
        // The locks that the lines name lie there: it must be there before cron's first run.
        Env::new(global)?;
        let lines = timers::cron::lines(&of(global, &args.which, Control::Unwanted)?.1.place)?;
        match out.json {
            true => out.object(&serde_json::json!({ "version": 1, "lines": lines.lines().collect::<Vec<_>>() })),
            false => out.text(&lines),
        }
        return Ok(Exit::Done);
    }
    let units = if args.generic {
        let program = args.program.clone().map_or_else(paths::this_program, Ok)?;
        // Nothing of a package is enabled by itself.
        timers::units(&Filling::generic(&text(&paths::absolute_path(&program)?)?)?, true)
    } else {
        let control = if args.control { Control::Wanted } else { Control::AsItIs };
        of(global, &args.which, control)?.1.units
    };
    if let Some(dir) = &args.to {
        let dir = paths::absolute_path(dir)?;
        atomic::ensure_dir_mode(&dir, 0o755)?;
        for unit in &units {
            atomic::write_mode(&dir.join(unit.name), unit.text.as_bytes(), 0o644)?;
        }
        return Ok(Exit::Done);
    }
    if out.json {
        let all: Vec<_> = units.iter().map(|u| serde_json::json!({ "name": u.name, "text": u.text })).collect();
        out.object(&serde_json::json!({ "version": 1, "units": all }));
        return Ok(Exit::Done);
    }
    let all: Vec<String> = units.iter().map(|u| format!("# {}\n{}", u.name, u.text)).collect();
    out.text(&all.join("\n"));
    Ok(Exit::Done)
}
