//! `guard`: whether a tool call of an agent may run. Without arguments it is the hook; with them it says how it
//! would judge, what the rules are, or whether a table of the operator's is judged as expected.

pub mod entry;
mod explain;
mod rules;
mod test;

use anyhow::{Result, anyhow};
use std::path::{Path, PathBuf};

use crate::env::Global;
use crate::error::{Exit, Mark};
use crate::model::guard::world::Context;
use crate::output::Output;
use crate::sys::guard_policy::{self, Current};
use crate::sys::guard_world::{self, Disk};
use crate::sys::paths::{self, Roots};

/// Judge a tool call of an agent; say how a command would be judged
///
/// Called by the hooks of every session: reads the client's JSON on stdin, exits with 0 to let the call run
/// and with 2 to block it, with the reason on stderr. Whatever goes wrong blocks. With `--explain` it says how
/// it reads a command, and exits with 5 if it would be blocked. The command is never run.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Say how this command would be read and judged (`-`: the text on stdin)
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    explain: Option<String>,
    /// The directory in which it would run; the current one if absent
    #[arg(long, value_name = "DIR", requires = "explain")]
    cwd: Option<PathBuf>,
    /// The project whose policy holds
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// The session that asks, for the log
    #[arg(long, value_name = "SESSION", conflicts_with = "explain")]
    session: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the rules, or show one with its examples
    Rules(rules::Args),
    /// Judge every command of a file and say which verdicts are not those expected
    Test(test::Args),
}

/// Runs the command.
///
/// # Errors
/// If what was asked for cannot be answered. As a hook it does not return with one: it blocks.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let out = Output { json: global.json, quiet: global.quiet };
    match (&args.what, &args.explain) {
        (Some(What::Rules(args)), _) => rules::run(global, out, args),
        (Some(What::Test(args)), _) => test::run(global, out, args),
        (None, Some(command)) => {
            explain::run(global, out, command, args.cwd.as_deref(), args.project.as_deref())
        }
        // The forms that an entry has do not come here (`main`).
        (None, None) => Err(anyhow!("not how the guard is called"))
            .hint(REPAIR)
            .hint("as a hook it takes `--state-dir`, `--session` and `--project`, in this order of words: `guard` first")
            .exit(Exit::Usage),
    }
}

/// What to do where the entry itself is wrong: then every call is blocked.
pub const REPAIR: &str = "as long as a hook calls it so, every tool call is blocked: `claude-failover deploy-hook` writes the entry anew";

/// The machine and the policy, for the commands that people call.
struct Bench {
    current: Current,
    world: Disk,
    home: PathBuf,
}

impl Bench {
    /// The policy as a hook of this project would find it.
    fn new(global: &Global, out: Output, project: Option<&str>) -> Result<Self> {
        let roots = Roots::from_env()?;
        // Compiles the policy if need be, as every command does; without a configuration there is none.
        let env = crate::env::Env::new(global);
        let state = match &env {
            Ok(env) => Some(env.store.root().to_owned()),
            Err(_) => Some(paths::absolute_path(&roots.state_dir(global.state_dir.as_deref(), None))?),
        };
        let current = guard_policy::current(state.as_deref(), project);
        if let Some(note) = &current.note {
            out.warn(note);
        }
        if let (Ok(env), Some(name)) = (&env, project)
            && current.project_dir.as_deref().is_none_or(|dir| !dir.is_dir())
        {
            out.warn(&format!("no project of this name in `{}`: `{name}`", env.config_path.display()));
        }
        Ok(Self { current, world: Disk::default(), home: home() })
    }

    fn context(&self, cwd: &Path) -> Context<'_> {
        Context {
            cwd: cwd.to_owned(),
            home: self.home.clone(),
            project_dir: self.current.project_dir.clone(),
            policy: &self.current.policy,
            world: &self.world,
        }
    }
}

/// The own home: what the shell takes for `~`.
fn home() -> PathBuf {
    let named = paths::var("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    named.or_else(guard_world::own_home).unwrap_or_else(|| "/".into())
}
