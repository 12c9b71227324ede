//! `doctor`: what is wrong, by what evidence, and what to do about it.

mod pool;

use anyhow::Result;
use serde::Serialize;
use std::sync::Arc;

use crate::act::doctor::{self, AREAS, Area, Around, fix};
use crate::env::Global;
use crate::error::{Exit, messages_of};
use crate::model::doctor::{count, fixes, sorted};
use crate::model::finding::{Finding, Fix, Severity};
use crate::model::home;
use crate::output::{BAD, FAINT, GOOD, Output, STRONG, WARN, styled};
use crate::sys::lock::LockError;

/// Say what is wrong, by what evidence, and what to do about it
///
/// Looks at everything that is known to go wrong: configuration, state directory, locks, disk, clock, locale,
/// client, logins, tmux and its control group, lingering, timers, hooks and the guard, sessions, queues,
/// notifications. Changes nothing without `--fix`. Exit 5 if there are faults; warnings alone are exit 0.
/// `-v` shows what is only good to know; `-q` prints how many faults and warnings there are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Put right what can be put right safely: modes, missing directories, links and lock files, hooks; damaged
    /// files are moved into `quarantine`. Each fix is shown first
    #[arg(long)]
    fix: bool,
    /// With `--fix`: show the fixes and change nothing
    #[arg(long, requires = "fix")]
    dry_run: bool,
}

/// A fix and what came of it.
#[derive(Debug, Serialize)]
struct Fixed {
    what: Fix,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// If `HOME` is not set.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let out = Output { json: global.json, quiet: global.quiet };
    let mut found = look(global)?;
    let plan = if args.fix { fixes(&found) } else { Vec::new() };
    let mut done = Vec::new();
    if args.fix && !args.dry_run && !plan.is_empty() {
        match carry_out(global, &out, &plan)? {
            Some(fixed) => done = fixed,
            None => return Ok(Exit::Done),
        }
        // What is left is what counts.
        found = look(global)?;
    }
    let faults = count(&found, Severity::Fault);
    let exit = match () {
        () if done.iter().any(|f| f.failed.is_some()) => Exit::Partial,
        () if faults > 0 => Exit::No,
        () => Exit::Done,
    };
    if out.json {
        let planned: Vec<Fixed> = match args.dry_run {
            true => plan.iter().map(|what| Fixed { what: what.clone(), failed: None }).collect(),
            false => done,
        };
        out.object(&serde_json::json!({
            "version": 1, "dry_run": args.dry_run, "faults": faults,
            "warnings": count(&found, Severity::Warning), "findings": found, "fixes": planned,
        }));
    } else if out.quiet {
        out.text(&(faults + count(&found, Severity::Warning)).to_string());
    } else {
        out.text(&text(global, &found));
        for fix in plan.iter().filter(|_| args.dry_run) {
            out.text(&format!("{} {fix}\n", styled(GOOD, "would")));
        }
    }
    Ok(exit)
}

/// Everything that is found, the worst first. Also the end of `init`.
///
/// # Errors
/// If `HOME` is not set.
pub fn look(global: &Global) -> Result<Vec<Finding>> {
    let around = Arc::new(Around::of(global)?);
    let areas: Vec<Area> =
        AREAS.into_iter().chain([("sessions", pool::look as fn(&Around) -> Vec<Finding>)]).collect();
    Ok(sorted(doctor::look(&around, &areas)))
}

/// Shows each fix, and then carries it out; `None` if another run is at it.
fn carry_out(global: &Global, out: &Output, plan: &[Fix]) -> Result<Option<Vec<Fixed>>> {
    let around = Around::of(global)?;
    let _held = match fix::begin(&around) {
        Ok(held) => held,
        Err(busy @ LockError::Busy { .. }) => {
            out.note(&format!("skipped: {busy}"));
            return Ok(None);
        }
        // The lock itself may be what has to be put right: who may use the directory may fix it.
        Err(LockError::Failed(e)) => {
            log::info!("without a lock: {e:#}");
            None
        }
    };
    let mut done = Vec::new();
    for fix in plan {
        out.note(&format!("{} {fix}", styled(STRONG, "fix:")));
        let failed = fix::apply(&around, fix).err().map(|e| messages_of(&e).join(": "));
        if let Some(why) = &failed {
            out.warn(&format!("not fixed: {why}"));
        }
        done.push(Fixed { what: fix.clone(), failed });
    }
    Ok(Some(done))
}

/// The findings for a person: faults and warnings, and with `-v` what is only good to know.
#[must_use]
pub fn text(global: &Global, found: &[Finding]) -> String {
    let least = if global.verbose > 0 { Severity::Info } else { Severity::Warning };
    let mut text: String = found.iter().filter(|f| f.severity >= least).map(of_finding).collect();
    let (faults, warnings) = (count(found, Severity::Fault), count(found, Severity::Warning));
    let notes = match count(found, Severity::Info) {
        n if n > 0 && global.verbose == 0 => format!(" ({} with -v)", home::count(n as u64, "note")),
        _ => String::new(),
    };
    text.push_str(&if faults + warnings == 0 {
        format!("nothing is wrong{notes}\n")
    } else {
        let (faults, warnings) = (home::count(faults as u64, "fault"), home::count(warnings as u64, "warning"));
        let fixable = match fixes(found).len() {
            0 => String::new(),
            n => format!("; `doctor --fix` puts {} right", home::count(n as u64, "thing")),
        };
        format!("{faults}, {warnings}{notes}{fixable}\n")
    });
    text
}

fn of_finding(f: &Finding) -> String {
    let style = match f.severity {
        Severity::Fault => BAD,
        Severity::Warning => WARN,
        Severity::Info => FAINT,
    };
    let (word, subject) = (styled(style, f.severity.as_str()), styled(STRONG, &f.subject));
    let seen: String = f.evidence.iter().map(|e| format!("  seen: {}\n", crate::model::name::shown(e))).collect();
    format!("{word} {subject}: {} ({})\n{seen}  hint: {}\n", f.message, f.code, f.remedy)
}
