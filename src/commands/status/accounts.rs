//! The accounts in `status`: their windows, which is active, the last switch and why.

use super::Need;
use crate::act::gather::{self, Known};
use crate::commands::log::head;
use crate::commands::quota_check::{explain, words_of};
use crate::env::Env;
use crate::model::account::{AccountView, Login};
use crate::model::journal::Journal;
use crate::model::observe::words;
use crate::model::session::SessionRecord;
use crate::model::switch::{Decision, decide};
use crate::output::{FAINT, styled};

/// Everything about accounts that `status` tells, from the records alone.
pub struct Accounts {
    known: Vec<Known>,
    decision: Decision,
    last: Option<Journal>,
}

/// How long before the end of a login a person is told.
const LOGIN_ENDS: i64 = 5;

impl Accounts {
    /// Reads the records; what needs a person is added.
    pub fn of(env: &Env, records: &[SessionRecord], needs: &mut Vec<Need>) -> Self {
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
        Self { known, decision, last: last(env, needs) }
    }

    /// For people.
    pub fn text(&self, env: &Env) -> String {
        let mut out = String::new();
        for known in &self.known {
            let assessment = self.decision.assessments.iter().find(|a| a.account == known.record.name);
            out.push_str(&explain::account(env, known, assessment));
            for why in known.view.obstacles(env.now) {
                out.push_str(&format!("  {why}\n"));
            }
        }
        if self.known.len() > 1 {
            out.push_str(&format!("{}\n", words_of(env, &self.decision.verdict)));
        }
        if let Some(last) = &self.last {
            out.push_str(&styled(FAINT, format!("last switch: {}", head(env, last))));
            out.push('\n');
        }
        out.push('\n');
        out
    }

    /// For scripts.
    pub fn add_json(&self, env: &Env, value: &mut serde_json::Value) {
        let accounts: Vec<_> = self.known.iter().map(|known| explain::json(env, known)).collect();
        value["accounts"] = accounts.into();
        value["decision"] = serde_json::to_value(&self.decision).unwrap_or_default();
        value["last_switch"] = serde_json::json!(self.last.as_ref().map(|j| serde_json::json!({
            "id": j.id, "begun": j.begun, "ended": j.ended, "from": j.from, "to": j.to, "why": j.why,
            "by_person": j.by_person,
        })));
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
