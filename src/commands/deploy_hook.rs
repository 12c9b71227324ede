//! `deploy-hook`: puts the guard into projects, proves that it blocks, and takes it out again.

use anyhow::{Result, anyhow};
use std::path::PathBuf;

mod machine;

use crate::act::deploy::{self, Plan};
use crate::act::self_test;
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::deploy::Fault;
use crate::model::report::{Item, Report};
use crate::sys::{paths, queue};

/// Put the guard into projects, and prove that it blocks
///
/// Writes `.claude/hooks/claude-failover-guard.sh` and one entry in `.claude/settings.json` (in
/// `settings.local.json` where git tracks that file), each only where it differs; everything else in these
/// files stays as it is. Every launch does this by itself. Without PROJECT: all projects of the configuration.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's name or directory
    #[arg(value_name = "PROJECT")]
    projects: Vec<String>,
    /// Say what is installed, outdated, disabled or missing, and test it; exit 5 if it is not in order
    #[arg(long, conflicts_with = "remove")]
    check: bool,
    /// Take it out again: everything else is then as it was before
    #[arg(long)]
    remove: bool,
    /// The machine's managed settings instead of projects (root): the one place that no project can switch off
    #[arg(long, conflicts_with = "projects")]
    pub managed: bool,
    /// Print what would be done and change nothing
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If a project is unknown.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let mut report = Report { command: "deploy-hook".into(), dry_run: args.dry_run, ..Report::default() };
    if args.managed {
        machine::run(env, args, &mut report)?;
    } else {
        let all = places(env, &args.projects, args.remove)?;
        for (name, dir) in &all {
            let done = match (args.check, args.remove) {
                (true, _) => Ok(check(env, name, dir)),
                (_, true) => remove(env, name, dir, args.dry_run),
                _ => put(env, name, dir, args.dry_run).map(|item| vec![item]),
            };
            report.actions.extend(done.unwrap_or_else(|e| vec![Item::error(name, verb_of_failure(args), &e)]));
        }
        report.summary = match all.len() {
            1 => "1 project".to_owned(),
            n => format!("{n} projects"),
        };
    }
    env.out.report(&report);
    let in_order = report.actions.iter().all(|item| !item.failed);
    Ok(if args.check && !in_order { Exit::No } else { report.exit() })
}

fn verb_of_failure(args: &Args) -> &'static str {
    if args.remove { "not removed" } else { "not deployed" }
}

/// The projects that are meant: name and directory.
fn places(env: &Env, asked: &[String], for_removal: bool) -> Result<Vec<(String, PathBuf)>> {
    let known = queue::projects(&env.config);
    if asked.is_empty() {
        let mut all: Vec<(String, PathBuf)> = known
            .into_iter()
            .filter(|p| p.guard_deploy || for_removal)
            .map(|p| (p.name.to_string(), p.path))
            .collect();
        if for_removal {
            // What was put somewhere must come out, whatever the configuration says now.
            for old in env.store.all_deployed() {
                let is_known =
                    |(_, path): &(String, PathBuf)| path.canonicalize().is_ok_and(|real| real == old.project);
                if !all.iter().any(is_known) {
                    all.push((old.project.display().to_string(), old.project));
                }
            }
        }
        return Ok(all);
    }
    let place = |text: &String| match known.iter().find(|p| p.name.as_str() == text) {
        Some(project) => Ok((text.clone(), project.path.clone())),
        None => {
            let path = paths::absolute_path(text.as_ref())?;
            if !path.is_dir() && !for_removal {
                return Err(anyhow!("no project `{text}` in the configuration, and no such directory"))
                    .hint("`claude-failover config check` lists the projects");
            }
            Ok((text.clone(), path))
        }
    };
    asked.iter().map(place).collect()
}

fn put(env: &Env, name: &str, dir: &std::path::Path, dry_run: bool) -> Result<Item> {
    if dry_run {
        let plan = deploy::plan(env, dir)?;
        let verb = if plan.is_done() { "up to date" } else { "would deploy" };
        return Ok(Item::new(name, verb, what(&plan)));
    }
    let before = deploy::plan(env, dir)?;
    let plan = deploy::deploy(env, dir)?;
    if let Some(fault) = deploy::faults(&plan.wanted).into_iter().next() {
        return Err(anyhow!(fault.what));
    }
    self_test::prove(env, &deploy::entries(&plan.wanted)?, &plan.wanted.project)?;
    let verb = if before.is_done() { "up to date" } else { "deployed" };
    Ok(Item::new(name, verb, format!("{}; proved to block", what(&plan))))
}

/// What stands where, in one line.
fn what(plan: &Plan) -> String {
    let short =
        |path: &std::path::Path| path.strip_prefix(&plan.wanted.project).unwrap_or(path).display().to_string();
    let mut text = format!("{} and {}", short(&plan.settings), short(&plan.wanted.script));
    for note in &plan.notes {
        text.push_str("; ");
        text.push_str(note);
    }
    text
}

fn check(env: &Env, name: &str, dir: &std::path::Path) -> Vec<Item> {
    let item = |fault: &Fault| {
        let hint = match fault.kind {
            crate::model::deploy::FaultKind::Disabled => {
                "take that out: with it no hook runs, the guard included".to_owned()
            }
            crate::model::deploy::FaultKind::Broken => {
                "mend it, then run `claude-failover deploy-hook`".to_owned()
            }
            _ => format!("claude-failover deploy-hook {name}"),
        };
        Item::failed(name, fault.kind.as_str(), &fault.what).hint(Some(hint))
    };
    match deploy::check(env, dir, false) {
        Err(e) => vec![Item::error(name, "missing", &e)],
        Ok(checked) if !checked.faults.is_empty() => checked.faults.iter().map(item).collect(),
        Ok(checked) => match checked.proof {
            Ok(()) => vec![Item::new(name, "in order", "installed, and proved to block")],
            Err(e) => vec![Item::error(name, "does not block", &e)],
        },
    }
}

fn remove(env: &Env, name: &str, dir: &std::path::Path, dry_run: bool) -> Result<Vec<Item>> {
    let removed = deploy::remove(env, dir, dry_run)?;
    if removed.files.is_empty() {
        return Ok(vec![Item::new(name, "not installed", "nothing of the guard is there")]);
    }
    let files: Vec<String> = removed.files.iter().map(|f| format!("`{}`", f.display())).collect();
    Ok(vec![Item::new(name, if dry_run { "would remove" } else { "removed" }, files.join(", "))])
}
