//! `deploy-hook --managed`: the entry in the machine's managed settings.
//!
//! It knows neither session nor project, so the policy that holds for all projects judges there.

use anyhow::{Context, Result, anyhow};
use std::path::Path;

use super::Args;
use crate::act::deploy;
use crate::act::self_test::{self, Entry};
use crate::env::Env;
use crate::error::Mark;
use crate::model::deploy::entry::{self, Parts};
use crate::model::report::{Item, Report};
use crate::sys::{atomic, deployed, managed};

const SUBJECT: &str = "the machine";

/// Installs, checks or removes it.
///
/// # Errors
/// If we may not write there.
pub fn run(env: &Env, args: &Args, report: &mut Report) -> Result<()> {
    let path = managed::ours();
    let text = text(env)?;
    let now = deployed::text(&path)?;
    report.summary = format!("`{}`", path.display());
    if args.check {
        report.actions.push(check(env, now.as_deref(), &text, &path));
        return Ok(());
    }
    if args.remove {
        let Some(_) = now else {
            report.actions.push(Item::new(SUBJECT, "not installed", format!("no `{}`", path.display())));
            return Ok(());
        };
        if !args.dry_run {
            atomic::remove(&path).with_context(|| "the managed settings need root".to_owned())?;
            if let Some(dir) = path.parent() {
                // Only where nothing of anybody else is in it; made by us or not, an empty one means nothing.
                atomic::remove_empty_dir(dir)?;
            }
        }
        let verb = if args.dry_run { "would remove" } else { "removed" };
        report.actions.push(Item::new(SUBJECT, verb, format!("`{}`", path.display())));
        return Ok(());
    }
    let is_new = now.as_ref() != Some(&text);
    if is_new && !args.dry_run {
        let dir = path.parent().unwrap_or(Path::new("/"));
        atomic::ensure_dir_mode(dir, 0o755)
            .and_then(|()| atomic::write_if(&path, text.as_bytes(), 0o644, || true).map(drop))
            .hint("managed settings need root: sudo claude-failover deploy-hook --managed (with --config and --state-dir)")?;
    }
    if !args.dry_run {
        prove(env)?;
    }
    let verb = match (is_new, args.dry_run) {
        (false, _) => "up to date",
        (true, true) => "would deploy",
        (true, false) => "deployed",
    };
    report.actions.push(Item::new(SUBJECT, verb, format!("`{}`", path.display())));
    Ok(())
}

fn text(env: &Env) -> Result<String> {
    let (program, timeout) = deploy::programs(env)?;
    let parts = Parts { program: &program, timeout: &timeout, state: env.store.root() };
    let command = entry::managed_command(&parts).ok_or_else(|| {
        anyhow!("a path that is not UTF-8 cannot be written into a hook: `{}`", program.display())
    })?;
    Ok(entry::managed(&command))
}

fn prove(env: &Env) -> Result<()> {
    let command = managed::installed().ok_or_else(|| anyhow!("the machine's entry is not there"))?;
    let entry = Entry { what: "the machine's entry".to_owned(), command, script: None };
    self_test::run(env, &entry, Path::new("/"))
}

fn check(env: &Env, now: Option<&str>, text: &str, path: &Path) -> Item {
    let failed = |verb: &str, what: String| {
        Item::failed(SUBJECT, verb, what).hint(Some("claude-failover deploy-hook --managed".to_owned()))
    };
    let above = managed::files().into_iter().filter(|file| file != path);
    if let Some(fault) = above.flat_map(|file| deploy::switched_off_in(&file)).next() {
        // Only the machine's own administrator can have said so.
        log::warn!("{}", fault.what);
    }
    match now {
        None => failed("missing", format!("no `{}`", path.display())),
        Some(now) if now != text => {
            failed("outdated", format!("not what this program writes: `{}`", path.display()))
        }
        Some(_) => match prove(env) {
            Ok(()) => Item::new(SUBJECT, "in order", format!("`{}`, proved to block", path.display())),
            Err(e) => Item::error(SUBJECT, "does not block", &e),
        },
    }
}
