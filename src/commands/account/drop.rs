//! `account drop`.

use anyhow::{Result, anyhow};
use std::path::PathBuf;

use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::name::AccountName;
use crate::model::report::{Item, Report};
use crate::sys::store::LogEntry;
use crate::sys::{atomic, home};

/// Take an account out of use
///
/// Forgets what is known of it, and says what to take out of the configuration. Its home and its login are
/// left as they are: nothing in them is touched.
#[derive(Debug, clap::Args)]
pub struct Drop {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    name: AccountName,
    /// Print what would be removed and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Takes an account out of use.
///
/// # Errors
/// If it is in use or unknown, or a step fails.
pub fn drop(env: &Env, args: &Drop) -> Result<Exit> {
    let name = &args.name;
    let ours: Vec<PathBuf> = [("accounts", "json"), ("signals", "jsonl")]
        .iter()
        .map(|(dir, ending)| env.store.root().join(dir).join(format!("{name}.{ending}")))
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    let configured = env.config.account(name);
    if configured.is_none() && ours.is_empty() {
        return Err(anyhow!("nothing is known of account `{name}`"))
            .hint("`claude-failover account list` lists the accounts");
    }
    if configured.is_some() && env.active() == *name {
        return Err(anyhow!("account `{name}` is the active one"))
            .hint("`claude-failover switch` moves to another");
    }
    if env.store.is_switching() {
        return Err(anyhow!("a switch is under way")).hint("wait until it has ended: `claude-failover status`");
    }
    let sessions = home::sessions_of(name, &env.store)?;
    if !sessions.is_empty() {
        return Err(anyhow!("account `{name}` is in use by {}", sessions.join(", ")))
            .hint("end them first; a dedicated session by /exit in it");
    }
    let mut report = Report { command: "account drop".into(), dry_run: args.dry_run, ..Report::default() };
    let verb = if args.dry_run { "would remove" } else { "removed" };
    if !args.dry_run && !ours.is_empty() {
        let _locked = env.store.lock()?;
        for path in &ours {
            atomic::remove(path)?;
        }
    }
    for path in &ours {
        report.actions.push(Item::new(path.display(), verb, "what was known of it"));
    }
    if !args.dry_run {
        env.note(&LogEntry {
            command: "account drop",
            what: "forgot an account",
            why: "a person asked for it",
            account: Some(name.as_str()),
            ..LogEntry::default()
        });
    }
    if let Some(account) = configured {
        let why = format!("take the entry `name: {name}` out of `accounts` yourself");
        report.actions.push(Item::new(env.config_path.display(), "left", why));
        for place in named(env, name) {
            report.actions.push(Item::new(env.config_path.display(), "left", place));
        }
        let why = "its home, with its login; `/logout` in a client ends that";
        report.actions.push(Item::new(account.home.display(), "left", why));
    }
    env.out.report(&report);
    Ok(report.exit())
}

/// Where else the configuration names it.
fn named(env: &Env, name: &AccountName) -> Vec<String> {
    let projects = env.config.projects.iter().filter(|p| p.account.as_ref() == Some(name));
    let dedicated = env.config.dedicated.iter().filter(|d| d.account.as_ref() == Some(name));
    let active = (env.config.active_account == *name)
        .then(|| "`active_account`, if it is set, names it as well".to_owned());
    projects
        .map(|p| format!("project `{}` names it as well", p.name))
        .chain(dedicated.map(|d| format!("dedicated session `{}` names it as well", d.name)))
        .chain(active)
        .collect()
}
