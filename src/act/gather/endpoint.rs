//! Asking the service itself, where that is switched on, and no more often than it bears.

use anyhow::Result;
use jiff::Timestamp;
use std::collections::BTreeMap;

use super::{models, view};
use crate::config::Account;
use crate::env::Env;
use crate::model::account::AccountKind;
use crate::model::account_record::AccountRecord;
use crate::model::endpoint_budget::{Interest, Outcome};
use crate::model::name::AccountName;
use crate::model::session::SessionRecord;
use crate::model::signals::endpoint::Usage;
use crate::sys::login::{self, LoginSeen};
use crate::sys::{clock, provider};

/// What the endpoint said, or why it was not asked.
pub(super) struct Asked {
    pub(super) why: String,
    pub(super) usage: Option<Usage>,
}

pub(super) type Seen<'a> = (&'a Account, Result<Option<AccountRecord>>, LoginSeen);

/// Asks the endpoint for each account whose turn it is, all at once. The question is on disk before it
/// is asked: a run that is killed has asked all the same.
pub(super) fn ask_all(
    env: &Env,
    seen: &[Seen<'_>],
    records: &[SessionRecord],
    now: Timestamp,
) -> Result<BTreeMap<AccountName, Asked>> {
    let mut answers = BTreeMap::new();
    if !env.config.quota.endpoint.enabled {
        return Ok(answers);
    }
    let mut due = Vec::new();
    for (account, record, login) in seen {
        let Ok(record) = record else { continue };
        let blank = AccountRecord::new(account.name.clone());
        let why = not_asked(account, record.as_ref().unwrap_or(&blank), login, records, now);
        match why {
            Some(why) => drop(answers.insert(account.name.clone(), Asked { why, usage: None })),
            None => due.push((*account, login)),
        }
    }
    for (account, _) in &due {
        env.store.lock()?.update_account(&account.name, |r| r.endpoint.asks(now))?;
    }
    let asked: Vec<_> = std::thread::scope(|scope| {
        let ask = |account: &Account| {
            let token = login::token(&account.home, clock::now())?;
            Some(provider::usage(&env.config.quota.endpoint, &token, clock::now()))
        };
        let running: Vec<_> = due.iter().map(|(account, _)| scope.spawn(move || ask(account))).collect();
        running.into_iter().map(|r| r.join().ok().flatten()).collect()
    });
    for ((account, _), answer) in due.iter().zip(asked) {
        let Some((outcome, usage)) = answer else { continue };
        env.store.lock()?.update_account(&account.name, |r| r.endpoint.answered(clock::now(), &outcome))?;
        let why = match &outcome {
            Outcome::Good => "asked just now".to_owned(),
            Outcome::TooMany(_) => "too many questions (429)".to_owned(),
            Outcome::Refused(status) => format!("the login was not accepted ({status})"),
            Outcome::Failed(why) => why.clone(),
        };
        log::info!("usage endpoint for `{}`: {why}", account.name);
        answers.insert(account.name.clone(), Asked { why, usage });
    }
    Ok(answers)
}

/// Why the endpoint is not asked for an account now.
fn not_asked(
    account: &Account,
    record: &AccountRecord,
    login: &LoginSeen,
    records: &[SessionRecord],
    now: Timestamp,
) -> Option<String> {
    if account.kind != AccountKind::Subscription {
        return Some("this kind of account cannot ask".to_owned());
    }
    if account.disabled || !login.login.is_usable() {
        return Some("not in use".to_owned());
    }
    if !login.may_ask {
        return Some("its login may not ask, or the client has to refresh it first".to_owned());
    }
    let live = records.iter().any(|r| r.account.as_ref() == Some(&account.name) && r.client.is_some());
    let view = view(account, record, login, models(records), &[], now);
    let interest = match view.limited_until(now) {
        Some(_) => Interest::Exhausted,
        None if live => Interest::Active,
        None => Interest::Candidate,
    };
    let age = view.alive(now).map(|(_, r)| r.age(now)).min();
    record.endpoint.blocked(now, interest, age, login.changed, account.name.as_str())
}
