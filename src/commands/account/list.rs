//! `account list`.

use anyhow::Result;

use crate::act::gather::{self as usage, Known};
use crate::config::Account;
use crate::env::{Env, local, short};
use crate::error::Exit;
use crate::model::account::Login;
use crate::model::finding::{Finding, Severity};
use crate::model::home::findings::findings;
use crate::model::quota::Window;
use crate::output::{BAD, FAINT, GOOD, STRONG, WARN, table};
use crate::sys::home::gather;
use crate::sys::login::{self, LoginSeen};

/// List the accounts
#[derive(Debug, clap::Args)]
pub struct List {}

/// What is known of one.
struct Row<'a> {
    account: &'a Account,
    login: LoginSeen,
    findings: Vec<Finding>,
    /// Whether new sessions start on it.
    active: bool,
    /// Its usage, as its record tells; none where the record cannot be used.
    known: Option<Known>,
}

impl Row<'_> {
    /// The windows that hold now: `5h 42% · week 7%`.
    fn usage(&self, now: jiff::Timestamp) -> String {
        let Some(known) = &self.known else { return "?".to_owned() };
        let word = |window: &Window| match window {
            Window::FiveHour => "5h".to_owned(),
            Window::SevenDay => "week".to_owned(),
            Window::Model(name) => name.clone(),
        };
        let parts: Vec<String> =
            known.view.alive(now).map(|(w, r)| format!("{} {:.0}%", word(w), r.percent)).collect();
        if parts.is_empty() { "-".to_owned() } else { parts.join(" · ") }
    }

    fn ends(&self) -> Option<jiff::Timestamp> {
        match self.login.login {
            Login::Valid { ends } => ends,
            _ => None,
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }

    /// Whether it is used.
    fn state(&self) -> &'static str {
        match (self.active, self.account.disabled) {
            (true, false) => "active",
            (true, true) => "active, disabled",
            (false, true) => "disabled",
            (false, false) => "-",
        }
    }
}

/// Lists the accounts.
///
/// # Errors
/// Never: what cannot be read is said to be so.
pub fn list(env: &Env, _: &List) -> Result<Exit> {
    let rows = rows(env);
    if env.out.json {
        env.out.object(&json(env, &rows));
        return Ok(Exit::Done);
    }
    let head = ["ACCOUNT", "STATE", "KIND", "PRIORITY", "LOGIN", "UNTIL", "PLAN", "USAGE", "FINDINGS", "HOME"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    cells.extend(rows.iter().map(|r| line(env, r)));
    env.out.text(&table(&cells, &|row, column| {
        let Some(r) = row.checked_sub(1).and_then(|n| rows.get(n)) else { return STRONG };
        match column {
            4 if !r.login.login.is_usable() => BAD,
            4 => GOOD,
            8 if r.count(Severity::Fault) > 0 => BAD,
            8 if r.count(Severity::Warning) > 0 => WARN,
            3 | 9 => FAINT,
            _ => anstyle::Style::new(),
        }
    }));
    Ok(Exit::Done)
}

/// All accounts, as `account list --json` tells them.
#[must_use]
pub fn all(env: &Env) -> serde_json::Value {
    json(env, &rows(env))
}

fn json(env: &Env, rows: &[Row<'_>]) -> serde_json::Value {
    serde_json::json!({ "version": 1, "accounts": rows.iter().map(|r| object(env, r)).collect::<Vec<_>>() })
}

fn rows(env: &Env) -> Vec<Row<'_>> {
    let all = findings(env.now, &gather::facts(&env.config, &env.store, env.now));
    let active = env.active();
    env.config
        .accounts
        .iter()
        .map(|account| Row {
            account,
            active: account.name == active,
            login: login::look(account, env.now),
            known: gather_usage(env, account),
            findings: all.iter().filter(|f| f.account.as_ref() == Some(&account.name)).cloned().collect(),
        })
        .collect()
}

fn gather_usage(env: &Env, account: &Account) -> Option<Known> {
    usage::recorded(env, account, &[]).ok()
}

fn line(env: &Env, row: &Row<'_>) -> Vec<String> {
    let account = row.account;
    let dash = || "-".to_owned();
    let login = match (account.kind, &row.login.login) {
        (crate::model::account::AccountKind::Subscription, _) => row.login.login.as_str(),
        (_, Login::Valid { .. }) => "set up",
        (_, Login::Missing) => "no token",
        (_, other) => other.as_str(),
    };
    let found: Vec<String> = [(Severity::Fault, "fault"), (Severity::Warning, "warning")]
        .into_iter()
        .map(|(severity, word)| (row.count(severity) as u64, word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| crate::model::home::count(n, word))
        .collect();
    vec![
        account.name.to_string(),
        row.state().to_owned(),
        account.kind.as_str().to_owned(),
        account.priority.to_string(),
        login.to_owned(),
        row.ends().map_or_else(dash, |ends| local(ends, &env.zone)),
        row.login.plan.clone().unwrap_or_else(dash),
        row.usage(env.now),
        if found.is_empty() { dash() } else { found.join(", ") },
        short(&account.home, &env.config.home),
    ]
}

fn object(env: &Env, row: &Row<'_>) -> serde_json::Value {
    let account = row.account;
    serde_json::json!({
        "name": account.name,
        "home": account.home,
        "kind": account.kind,
        "priority": account.priority,
        "active": row.active,
        "disabled": account.disabled,
        "login": row.login.login,
        "usable": row.login.login.is_usable(),
        "ends": row.ends(),
        "plan": row.login.plan,
        "usage": row.known.as_ref().map(|known| known.status(env.now)),
        "findings": {
            "fault": row.count(Severity::Fault),
            "warning": row.count(Severity::Warning),
            "info": row.count(Severity::Info),
        },
    })
}
