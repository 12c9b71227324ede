//! The accounts of the status: their windows, whether a switch is due, the last one.

use crate::act::gather::{self, Known};
use crate::env::Env;
use crate::model::account::{AccountView, Login};
use crate::model::journal::Journal;
use crate::model::observe::words;
use crate::model::session::SessionRecord;
use crate::model::status::{AccountStatus, Need};
use crate::model::switch::{Decision, decide};

/// Everything about accounts, from the records alone.
pub struct Accounts {
    /// Those whose record can be used.
    pub all: Vec<AccountStatus>,
    /// Whether a switch is due.
    pub decision: Decision,
    /// The newest switch.
    pub last: Option<Journal>,
}

/// How long before the end of a login a person is told.
const LOGIN_ENDS: i64 = 5;

impl Accounts {
    /// Reads the records; what needs a person is added.
    pub fn gather(env: &Env, records: &[SessionRecord], needs: &mut Vec<Need>) -> Self {
        let mut known = Vec::new();
        for account in &env.config.accounts {
            match gather::recorded(env, account, records) {
                Ok(found) => {
                    needs_of(env, &found, needs);
                    known.push(found);
                }
                Err(e) => {
                    let hint = crate::error::hints_of(&e).first().map(|h| (*h).to_owned());
                    let what = crate::error::messages_of(&e).join(": ");
                    needs.push(Need { subject: format!("account {}", account.name), what, hint });
                }
            }
        }
        let views: Vec<AccountView> = known.iter().map(|k| k.view.clone()).collect();
        let memory = env.store.memory().unwrap_or_default();
        let decision = decide(env.now, &views, &env.active(), &memory, &env.config.quota.policy, &[]);
        Self { all: known.iter().map(|k| k.status(env.now)).collect(), decision, last: last(env, needs) }
    }
}

/// The newest switch, the one under way before all others.
fn last(env: &Env, needs: &mut Vec<Need>) -> Option<Journal> {
    let read = || -> anyhow::Result<Option<Journal>> {
        match env.store.journal()? {
            Some(current) => Ok(Some(current)),
            None => match env.store.past_switches()?.last() {
                Some(id) => env.store.past_switch(id),
                None => Ok(None),
            },
        }
    };
    read().unwrap_or_else(|e| {
        let hint = crate::error::hints_of(&e).first().map(|h| (*h).to_owned());
        needs.push(Need { subject: "switch".into(), what: crate::error::messages_of(&e).join(": "), hint });
        None
    })
}

fn needs_of(env: &Env, known: &Known, needs: &mut Vec<Need>) {
    let view = &known.view;
    let mut need = |what: String, hint: String| {
        needs.push(Need { subject: format!("account {}", view.name), what, hint: Some(hint) });
    };
    if view.disabled {
        return;
    }
    let log_in = || format!("claude-failover account login {}", view.name);
    if !view.login.is_usable() {
        need(view.login.as_str().to_owned(), log_in());
    }
    if let Some((trouble, _)) = view.trouble {
        need(trouble.as_str().to_owned(), log_in());
    }
    if let Login::Valid { ends: Some(ends) } = view.login
        && ends.duration_since(env.now).as_hours() < LOGIN_ENDS * 24
    {
        need(format!("its login ends in {}", words(ends.duration_since(env.now))), log_in());
    }
    if known.record.failed_launches > 0 {
        let what = format!("{} launches failed: {}", known.record.failed_launches, known.record.reason);
        need(what, format!("claude-failover account check {}", view.name));
    }
}
