//! What the sessions and the homes say about an account, without asking anybody.

use jiff::{SignedDuration, Timestamp};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::endpoint::Asked;
use crate::act::look;
use crate::config::Account;
use crate::env::Env;
use crate::model::account_record::AccountRecord;
use crate::model::name::AccountName;
use crate::model::quota::Signal;
use crate::model::session::{SessionRecord, State};
use crate::model::signals::{cached, failure, pane, statusline, transcript};
use crate::sys::clock;
use crate::sys::login::LoginSeen;
use crate::sys::tmux::Tmux;

/// What the sources say about one account.
#[derive(Debug, Default)]
pub(super) struct Told {
    signals: Vec<Signal>,
    troubles: Vec<(failure::Trouble, Timestamp)>,
    /// When good turns began, and on which model.
    good: Vec<(Timestamp, Option<String>)>,
    spends_money: Option<bool>,
}

impl Told {
    pub(super) fn apply(&self, record: &mut AccountRecord, login: &LoginSeen, now: Timestamp) -> Vec<Signal> {
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
pub(super) fn told(
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
pub(super) fn screens(env: &Env, records: &[SessionRecord], now: Timestamp) -> Vec<(AccountName, String)> {
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
