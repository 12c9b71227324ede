//! What is known of the accounts, brought up to date: the signals of every source, each filed under the
//! account with which its session was launched.

mod endpoint;
mod told;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

use self::endpoint::ask_all;
use self::told::{Told, screens, told};
use crate::config::Account;
use crate::env::Env;
use crate::model::account::AccountView;
use crate::model::account_record::AccountRecord;
use crate::model::forecast::{forecast, points};
use crate::model::name::AccountName;
use crate::model::quota::{Signal, Window};
use crate::model::session::SessionRecord;
use crate::model::signals::failure;
use crate::model::status::AccountStatus;
use crate::sys::login::{self, LoginSeen};
use crate::sys::store::Sessions;
use crate::sys::{clock, events};

/// An account as it was found.
#[derive(Clone, Debug)]
pub struct Known {
    /// What is kept of it.
    pub record: AccountRecord,
    /// Its login.
    pub login: LoginSeen,
    /// What the decision sees.
    pub view: AccountView,
    /// Why the endpoint was not asked, or what came of it; for `--explain`.
    pub endpoint: Option<String>,
}

impl Known {
    /// What is told of it.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> AccountStatus {
        AccountStatus::of(&self.view, self.login.plan.clone(), self.record.endpoint.clone(), now)
    }
}

/// What a look at everything has found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the configuration.
    pub accounts: Vec<Known>,
    /// Limits that only a screen shows: the account of the session, and words that tell it from another.
    pub weak: Vec<(AccountName, String)>,
    /// Accounts whose record cannot be used, and why.
    pub broken: Vec<(AccountName, anyhow::Error)>,
}

impl Found {
    /// What the decision sees.
    #[must_use]
    pub fn views(&self) -> Vec<AccountView> {
        self.accounts.iter().map(|a| a.view.clone()).collect()
    }

    /// Limits of an account that only screens show.
    #[must_use]
    pub fn weak_of(&self, account: &AccountName) -> Vec<String> {
        self.weak.iter().filter(|(of, _)| of == account).map(|(_, what)| what.clone()).collect()
    }

    /// One account.
    #[must_use]
    pub fn get(&self, name: &AccountName) -> Option<&Known> {
        self.accounts.iter().find(|a| a.record.name == *name)
    }
}

/// How a look is taken.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Whether what was found is written, and the endpoint asked.
    pub store: bool,
    /// Whether every account is forecast, or only those on which sessions run.
    pub forecast_all: bool,
}

/// Looks at every source.
///
/// # Errors
/// If what was found cannot be stored.
pub fn all(env: &Env, sessions: &Sessions, how: How) -> Result<Found> {
    // Not when the command began: it may have moved sessions for minutes since.
    let now = clock::now();
    let records = folded(env, sessions);
    let mut found = Found { weak: screens(env, &records, now), ..Found::default() };
    let mut seen = Vec::new();
    for account in &env.config.accounts {
        let record = env.store.account(&account.name);
        seen.push((account, record, login::look(account, now)));
    }
    let endpoint = if how.store { ask_all(env, &seen, &records, now)? } else { BTreeMap::new() };
    for (account, stored, login) in seen {
        let name = &account.name;
        let live = records.iter().any(|r| r.account.as_ref() == Some(name) && r.client.is_some());
        let record = match stored {
            Ok(stored) => {
                let told = told(env, account, stored.as_ref(), &login, &records, endpoint.get(name));
                keep(env, account, stored, &told, &login, how.store, now)?
            }
            // What cannot be read is no target, no reason to leave, and stays as it is.
            Err(e) => {
                found.broken.push((name.clone(), e));
                let mut blank = AccountRecord::new(name.clone());
                blank.not_before = now.checked_add(SignedDuration::from_mins(10)).ok();
                "its record cannot be read".clone_into(&mut blank.reason);
                blank
            }
        };
        let history = if how.forecast_all || live { env.store.signals(name) } else { Vec::new() };
        let view = view(account, &record, &login, models(&records), &history, now);
        let endpoint = endpoint.get(name).map(|e| e.why.clone());
        found.accounts.push(Known { record, login, view, endpoint });
    }
    Ok(found)
}

/// The records with what their clients have reported since the last look. Not written back.
fn folded(env: &Env, sessions: &Sessions) -> Vec<SessionRecord> {
    let mut records = sessions.records.clone();
    for record in records.iter_mut().filter(|r| r.account.is_some()) {
        if let Err(e) = events::fold(&env.store, &record.name, &mut record.digest) {
            log::warn!("the events of `{}` cannot be read: {e:#}", record.name);
        }
    }
    records
}

/// The record with what was told, written if that is asked for and it says something new.
fn keep(
    env: &Env,
    account: &Account,
    stored: Option<AccountRecord>,
    told: &Told,
    login: &LoginSeen,
    store: bool,
    now: Timestamp,
) -> Result<AccountRecord> {
    let blank = AccountRecord::new(account.name.clone());
    let before = if store { env.store.account(&account.name)? } else { stored };
    let mut record = before.clone().unwrap_or_else(|| blank.clone());
    let news = told.apply(&mut record, login, now);
    if store && record != before.unwrap_or(blank) {
        let mut locked = env.store.lock()?;
        // Afresh: a launch may have counted a failure meanwhile.
        record = locked.update_account(&account.name, |r| {
            told.apply(r, login, now);
            r.clone()
        })?;
        locked.add_signals(&account.name, &news);
    }
    Ok(record)
}

/// The models that sessions use, in lower case: sessions that move take theirs along.
fn models(records: &[SessionRecord]) -> Vec<String> {
    let mut all: Vec<String> = records
        .iter()
        .filter(|r| r.client.is_some())
        .flat_map(|r| {
            // A person may have chosen another model since the launch: its limit tells.
            let failed = r.digest.open_failure().filter(|f| f.seq > r.launch_mark).map(failure::read);
            let hit = match failed {
                Some(failure::Failure::Limit(Some(Window::Model(name)))) => Some(name),
                _ => None,
            };
            r.model.as_ref().map(|m| m.to_lowercase()).into_iter().chain(hit)
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

/// An account as the decision sees it.
#[must_use]
pub fn view(
    account: &Account,
    record: &AccountRecord,
    login: &LoginSeen,
    models: Vec<String>,
    history: &[Signal],
    now: Timestamp,
) -> AccountView {
    let forecasts = record
        .readings
        .iter()
        .filter(|(_, r)| r.is_alive(now))
        .filter_map(|(window, reading)| {
            let points = points(history, window, reading, now);
            Some((window.clone(), forecast(&points, reading, now)?))
        })
        .collect();
    AccountView {
        name: account.name.clone(),
        kind: account.kind,
        priority: account.priority,
        disabled: account.disabled,
        thresholds: account.thresholds,
        login: login.login.clone(),
        readings: record.readings.clone(),
        forecasts,
        limits: record.limits.clone(),
        blind_limit: record.blind_limit.clone(),
        trouble: record.trouble.as_ref().map(|t| (t.what, t.at)),
        spends_money: record.spends_money,
        paused: super::assign::pause_of(record, now),
        left: record.left,
        models,
    }
}

/// One account as its record tells, without asking anybody: for `dispatch` and `status`.
///
/// # Errors
/// If its record cannot be used.
pub fn recorded(env: &Env, account: &Account, records: &[SessionRecord]) -> Result<Known> {
    let now = clock::now();
    let login = login::look(account, now);
    let mut record = env.store.account(&account.name)?.unwrap_or_else(|| AccountRecord::new(account.name.clone()));
    record.prune(login.changed, now);
    let history = env.store.signals(&account.name);
    let view = view(account, &record, &login, models(records), &history, now);
    Ok(Known { record, login, view, endpoint: None })
}
