//! `account check`.

use anyhow::Result;

use super::account;
use crate::env::Env;
use crate::error::Exit;
use crate::model::finding::{Finding, Severity};
use crate::model::home::count;
use crate::model::home::findings::findings;
use crate::model::name::AccountName;
use crate::output::{BAD, FAINT, STRONG, WARN, styled};
use crate::sys::home::gather;

/// Look for what is wrong with the homes and logins
///
/// Each finding has its remedy. Exit 5 if an account cannot be used, or sessions cannot be moved to it;
/// warnings alone are exit 0.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Only this account
    #[arg(value_name = "ACCOUNT")]
    name: Option<AccountName>,
}

/// Looks for what is wrong.
///
/// # Errors
/// If the account is unknown.
pub fn check(env: &Env, args: &Check) -> Result<Exit> {
    if let Some(name) = &args.name {
        account(env, name)?;
    }
    // All of them are looked at: two may have the same login.
    let mut all = findings(env.now, &gather::facts(&env.config, &env.store, env.now));
    all.retain(|f| args.name.as_ref().is_none_or(|name| name.as_str() == f.subject));
    let faults = all.iter().filter(|f| f.severity == Severity::Fault).count();
    let exit = if faults > 0 { Exit::No } else { Exit::Done };
    if env.out.json {
        env.out.object(&serde_json::json!({ "version": 1, "faults": faults, "findings": all }));
        return Ok(exit);
    }
    let least = if env.out.quiet { Severity::Warning } else { Severity::Info };
    env.out.text(&all.iter().filter(|f| f.severity >= least).map(line).collect::<String>());
    let warnings = all.iter().filter(|f| f.severity == Severity::Warning).count() as u64;
    env.out.note(&format!("{}, {}", count(faults as u64, "fault"), count(warnings, "warning")));
    Ok(exit)
}

fn line(f: &Finding) -> String {
    let style = match f.severity {
        Severity::Fault => BAD,
        Severity::Warning => WARN,
        Severity::Info => FAINT,
    };
    let (word, name) = (styled(style, f.severity.as_str()), styled(STRONG, &f.subject));
    format!("{word} {name}: {} ({})\n  hint: {}\n", f.message, f.code, f.remedy)
}
