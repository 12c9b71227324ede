//! What is known of the accounts, brought up to date: the signals of every source, each filed under the
//! account with which its session was launched.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::look;
use crate::config::Account;
use crate::env::Env;
use crate::model::account::AccountView;
use crate::model::account_record::AccountRecord;
use crate::model::endpoint_budget::{Interest, Outcome};
use crate::model::forecast::{forecast, points};
use crate::model::name::AccountName;
use crate::model::quota::Signal;
use crate::model::session::{SessionRecord, State};
use crate::model::signals::{cached, failure, pane, statusline, transcript};
use crate::sys::login::{self, LoginSeen};
use crate::sys::store::Sessions;
use crate::sys::tmux::Tmux;
use crate::sys::{clock, events, provider};

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

/// What the sources say about one account.
#[derive(Debug, Default)]
struct Told {
    signals: Vec<Signal>,
    troubles: Vec<(failure::Trouble, Timestamp)>,
    /// When good turns began, and on which model.
    good: Vec<(Timestamp, Option<String>)>,
    spends_money: Option<bool>,
}

impl Told {
    fn apply(&self, record: &mut AccountRecord, login: &LoginSeen, now: Timestamp) -> Vec<Signal> {
        let mut news = Vec::new();
        for signal in &self.signals {
            let before = signal.window.as_ref().and_then(|w| record.readings.get(w)).cloned();
            let hit_before = (record.limits.clone(), record.blind_limit.clone());
            if record.ingest(signal, now).is_err() {
                continue;
            }
            let after = signal.window.as_ref().and_then(|w| record.readings.get(w));
            // A history of what has changed, and a sign of life now and then.
            let is_news = match (&before, after) {
                (Some(old), Some(new)) => {
                    let apart = new.at.duration_since(old.at);
                    old.percent != new.percent
                        || old.resets_at != new.resets_at
                        || apart >= SignedDuration::from_mins(10)
                }
                _ => true,
            };
            // What says nothing new leaves even the time of the reading as it is: a quiet tick writes nothing.
            let hit_news = hit_before != (record.limits.clone(), record.blind_limit.clone());
            if is_news && (!signal.hit || hit_news) {
                news.push(signal.clone());
            } else if let (Some(window), Some(old), Some(new)) = (&signal.window, before, after)
                && new.at.duration_since(old.at) < SignedDuration::from_mins(1)
            {
                record.readings.insert(window.clone(), old);
            }
        }
        for (what, at) in &self.troubles {
            record.trouble(*what, *at, now);
        }
        for (began, model) in &self.good {
            record.good_turn(*began, model.as_deref());
        }
        if self.spends_money.is_some() {
            record.spends_money = self.spends_money;
        }
        record.prune(login.changed, now);
        news
    }
}

/// Collects what every source says of an account now.
fn told(
    env: &Env,
    account: &Account,
    stored: Option<&AccountRecord>,
    login: &LoginSeen,
    records: &[SessionRecord],
    asked: Option<&Asked>,
) -> Told {
    let mut told = Told::default();
    for record in records.iter().filter(|r| r.account.as_ref() == Some(&account.name)) {
        of_session(env, account, stored, login, record, &mut told);
    }
    if account.kind.has_windows() {
        told.signals.extend(from_cache(&account.home));
    }
    if let Some(usage) = asked.and_then(|a| a.usage.as_ref()) {
        told.signals.extend(usage.signals.iter().cloned());
        told.spends_money = usage.spends_money;
    }
    told
}

fn of_session(
    env: &Env,
    account: &Account,
    stored: Option<&AccountRecord>,
    login: &LoginSeen,
    record: &SessionRecord,
    told: &mut Told,
) {
    let digest = &record.digest;
    let own = |seq: u64| seq > record.launch_mark;
    // The launch has taken away what an earlier client had left: the file is of this one.
    let path = env.store.statusline_path(&record.name);
    if account.kind.has_windows()
        && let Some((at, text)) = read_dated(&path)
        && let Ok(value) = serde_json::from_slice(&text)
    {
        told.signals.extend(statusline::read(&value, at, &record.name));
    }
    let failed = digest.failure.as_ref().filter(|f| own(f.seq));
    if let Some(failed) = failed {
        match failure::read(failed) {
            failure::Failure::Limit(window) => {
                let signal = failure::signal(failed, window, &record.name);
                let known = match &signal.window {
                    Some(window) => stored.and_then(|s| s.limits.get(window)),
                    None => stored.and_then(|s| s.blind_limit.as_ref()),
                };
                let ends = known.is_some_and(|l| l.at >= signal.at && l.until.is_some());
                told.signals.push(signal);
                if !ends {
                    let since = failed.at.checked_sub(SignedDuration::from_secs(10)).unwrap_or(failed.at);
                    told.signals.extend(from_transcript(env, record, since));
                }
            }
            // A login that has changed since is another one.
            failure::Failure::Trouble(what) if login.changed.is_none_or(|changed| changed <= failed.at) => {
                told.troubles.push((what, failed.at));
            }
            _ => {}
        }
    } else if looks_odd(record)
        && let Some(client) = &record.client
    {
        // Its hooks may be switched off: the transcript is asked, which nobody can switch off.
        told.signals.extend(from_transcript(env, record, client.launched));
    }
    if let (Some(prompt), Some(stop)) = (&digest.prompt, &digest.stop)
        && own(prompt.seq)
        && stop.seq > prompt.seq
        && failed.is_none_or(|f| f.seq < prompt.seq)
    {
        told.good.push((prompt.at, record.model.clone()));
    }
}

/// A session that should be at work and does not say why it is not.
fn looks_odd(record: &SessionRecord) -> bool {
    record.client.is_some() && matches!(record.note.state, State::Waiting | State::Stalled)
}

fn read_dated(path: &Path) -> Option<(Timestamp, Vec<u8>)> {
    let file = std::fs::File::open(path).ok()?;
    let at = Timestamp::try_from(file.metadata().ok()?.modified().ok()?).ok()?;
    let mut text = Vec::new();
    file.take(1 << 20).read_to_end(&mut text).ok()?;
    Some((at, text))
}

fn from_transcript(env: &Env, record: &SessionRecord, since: Timestamp) -> Option<Signal> {
    let path = look::transcript(env, record).ok()??;
    let mut file = std::fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(512 << 10))).ok()?;
    let mut tail = Vec::new();
    file.take(512 << 10).read_to_end(&mut tail).ok()?;
    transcript::read(&tail, since, clock::now(), &record.name)
}

/// What the client keeps of its own usage. The file also holds everything else that it remembers, so
/// one of more than a few megabytes is left alone.
fn from_cache(home: &Path) -> Vec<Signal> {
    let Some((_, text)) = read_dated(&home.join(".claude.json")) else { return Vec::new() };
    // Most of these files have none: a search costs a tenth of reading it as JSON.
    let key = b"\"cachedUsageUtilization\"";
    if !text.windows(key.len()).any(|w| w == key) {
        return Vec::new();
    }
    serde_json::from_slice(&text).map(|value| cached::read(&value)).unwrap_or_default()
}

/// Sessions whose screen looks like a limit although nothing else says so: a reason to look closer. A
/// client that has resumed a conversation shows old limits again: its screen says nothing.
fn screens(env: &Env, records: &[SessionRecord], now: Timestamp) -> Vec<(AccountName, String)> {
    let odd: Vec<&SessionRecord> = records
        .iter()
        .filter(|r| looks_odd(r) && r.digest.failure.as_ref().is_none_or(|f| f.seq <= r.launch_mark))
        .filter(|r| r.digest.start.as_ref().is_none_or(|s| s.seq <= r.launch_mark || s.what != "resume"))
        .collect();
    if odd.is_empty() {
        return Vec::new();
    }
    let tmux: Tmux = env.tmux();
    let Ok(snapshot) = tmux.snapshot() else { return Vec::new() };
    odd.iter()
        .filter_map(|r| {
            let pane_id = &snapshot.pane(&r.name, r.client.as_ref().map(|c| c.pid))?.id;
            pane::read(&tmux.capture(pane_id).ok()?, now, &r.name)?;
            Some((r.account.clone()?, format!("the screen of `{}` shows a limit", r.name)))
        })
        .collect()
}

/// What the endpoint said, or why it was not asked.
struct Asked {
    why: String,
    usage: Option<crate::model::signals::endpoint::Usage>,
}

type Seen<'a> = (&'a Account, Result<Option<AccountRecord>>, LoginSeen);

/// Asks the endpoint for each account whose turn it is, all at once. The question is on disk before it
/// is asked: a run that is killed has asked all the same.
fn ask_all(
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
    if account.kind != crate::model::account::AccountKind::Subscription {
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
        .filter_map(|r| r.model.as_ref().map(|m| m.to_lowercase()))
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
