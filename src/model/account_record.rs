//! What is kept of an account between runs (`accounts/<name>.json`), and what a new signal makes of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::endpoint_budget::EndpointBudget;
use super::name::{AccountName, TaskRef};
use super::quota::{Ignored, Limit, Reading, Readings, Signal, Window, take};
use super::signals::failure::Trouble;

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Format version of the file.
    pub version: u32,
    /// Its name.
    pub name: AccountName,
    /// Launches in a row that did not get a client ready.
    #[serde(default)]
    pub failed_launches: u32,
    /// No launch before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The task of the last launch that failed: others go before it, it may be what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_task: Option<TaskRef>,
    /// The newest reading of each window.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub readings: Readings,
    /// Limits that were hit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<Window, Limit>,
    /// A limit that was hit and does not say of which window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind_limit: Option<Limit>,
    /// Why it needs a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleNote>,
    /// Since when its login cannot be used, as `quota-check` has seen it: what people are told of once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable_since: Option<Timestamp>,
    /// Whether usage beyond the plan costs money, as the endpoint last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spends_money: Option<bool>,
    /// When its sessions last left it because it was full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
    /// What was asked of the usage endpoint.
    #[serde(default)]
    pub endpoint: EndpointBudget,
    /// Fields of a newer program, kept.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// An account that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleNote {
    /// Why.
    pub what: Trouble,
    /// When that was seen.
    pub at: Timestamp,
}

/// Format version of account files.
pub const ACCOUNT_VERSION: u32 = 1;

/// How long spent money is believed without another sign: waiting does not help, a person may have.
const MONEY: SignedDuration = SignedDuration::from_hours(24);

/// A turn that began so long after a limit was hit, and ended well, proves that the limit is over.
const AFTER_LIMIT: SignedDuration = SignedDuration::from_secs(30);

impl AccountRecord {
    /// An account of which nothing is known.
    #[must_use]
    pub fn new(name: AccountName) -> Self {
        Self {
            version: ACCOUNT_VERSION,
            name,
            failed_launches: 0,
            not_before: None,
            reason: String::new(),
            failed_task: None,
            readings: Readings::new(),
            limits: BTreeMap::new(),
            blind_limit: None,
            trouble: None,
            unusable_since: None,
            spends_money: None,
            left: None,
            endpoint: EndpointBudget::default(),
            extra: serde_json::Map::new(),
        }
    }

    /// Takes a signal in.
    ///
    /// # Errors
    /// Says why it was ignored; nothing is changed then.
    pub fn ingest(&mut self, signal: &Signal, now: Timestamp) -> Result<(), Ignored> {
        if signal.hit {
            self.hit(signal, now);
            return Ok(());
        }
        take(&mut self.readings, signal, now)
    }

    /// A turn was refused. The window's end comes from the signal itself, else from what is known.
    fn hit(&mut self, signal: &Signal, now: Timestamp) {
        // A window that has begun since says nothing of a turn that was refused before.
        let covers = |w: &Window, r: &Reading| {
            let begun = r.resets_at.checked_sub(w.length()).unwrap_or(Timestamp::MIN);
            r.is_alive(now) && signal.at >= begun
        };
        // One that names no window is of the full one, if there is one.
        let full = || self.readings.iter().find(|(w, r)| w.binds_account() && covers(w, r) && r.percent >= 99.5);
        let window = signal.window.clone().or_else(|| full().map(|(w, _)| w.clone()));
        let reading = window.as_ref().and_then(|w| Some((w, self.readings.get(w)?)));
        if reading.is_some_and(|(w, r)| r.is_alive(now) && !covers(w, r)) {
            return; // of an earlier window, which is over
        }
        // An end that lies further away than any window is long is none.
        let longest = window.as_ref().map_or(Window::SevenDay.length(), Window::length);
        let until = signal.resets_at.filter(|r| {
            let left = r.duration_since(signal.at);
            left.is_positive() && left <= longest + SignedDuration::from_hours(1)
        });
        let until = until.or_else(|| reading.filter(|(_, r)| r.is_alive(now)).map(|(_, r)| r.resets_at));
        let new = Limit { at: signal.at.min(now), until, source: signal.source };
        let known = match &window {
            Some(window) => self.limits.get(window),
            None => self.blind_limit.as_ref(),
        };
        // The same turn told again, or an older one: only what it did not know is taken.
        if known.is_some_and(|old| old.at >= new.at && (old.until.is_some() || until.is_none())) {
            return;
        }
        match window {
            Some(window) => {
                self.blind_limit = None;
                if let Some(reading) = self.readings.get_mut(&window).filter(|r| r.is_alive(now)) {
                    reading.percent = reading.percent.max(100.0);
                    reading.at = reading.at.max(new.at);
                }
                self.limits.insert(window, new);
            }
            None => self.blind_limit = Some(new),
        }
    }

    /// A turn that began then has ended well, on a model: limits that were hit before are over.
    pub fn good_turn(&mut self, began: Timestamp, model: Option<&str>) {
        let over = |limit: &Limit| began.duration_since(limit.at) >= AFTER_LIMIT;
        self.limits.retain(|window, limit| match window {
            Window::Model(name) if !model.is_some_and(|m| m.to_lowercase().contains(name.as_str())) => true,
            _ => !over(limit),
        });
        if self.blind_limit.as_ref().is_some_and(over) {
            self.blind_limit = None;
        }
        if self.trouble.as_ref().is_some_and(|t| began > t.at) {
            self.trouble = None;
        }
    }

    /// The account needs a person, as was seen at a moment.
    pub fn trouble(&mut self, what: Trouble, at: Timestamp, now: Timestamp) {
        let at = at.min(now);
        if self.trouble.as_ref().is_none_or(|t| t.at < at) {
            self.trouble = Some(TroubleNote { what, at });
        }
    }

    /// Lets go of what is over: limits, readings, and the trouble before the login last changed.
    pub fn prune(&mut self, login_changed: Option<Timestamp>, now: Timestamp) {
        self.limits.retain(|_, limit| limit.holds(now));
        self.blind_limit = self.blind_limit.take().filter(|limit| limit.holds(now));
        let week = SignedDuration::from_hours(24 * 7);
        self.readings.retain(|_, r| now.duration_since(r.resets_at) < week);
        self.trouble = self.trouble.take().filter(|t| match t.what {
            // A person has logged in again.
            Trouble::Login => login_changed.is_none_or(|changed| changed <= t.at),
            Trouble::Money => (SignedDuration::ZERO..MONEY).contains(&now.duration_since(t.at)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quota::Source;

    fn t(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn record() -> AccountRecord {
        AccountRecord::new(AccountName::new("a").unwrap())
    }

    fn signal(at: i64, percent: Option<f64>, resets: Option<i64>, hit: bool) -> Signal {
        let source = if hit { Source::Failure } else { Source::StatusLine };
        let window = Some(Window::FiveHour);
        Signal { at: t(at), source, window, percent, resets_at: resets.map(t), hit, session: None }
    }

    #[test]
    fn a_hit_takes_its_end_from_wherever_it_is_known() {
        let mut r = record();
        r.ingest(&signal(0, None, None, true), t(0)).unwrap();
        assert_eq!(r.limits[&Window::FiveHour].until, None);
        // The status line of the same failed turn names the end; the turn told again takes it over.
        r.ingest(&signal(0, Some(100.0), Some(90), false), t(1)).unwrap();
        r.ingest(&signal(0, None, None, true), t(1)).unwrap();
        assert_eq!(r.limits[&Window::FiveHour].until, Some(t(90)));
        let before = r.clone();
        r.ingest(&signal(0, None, None, true), t(2)).unwrap();
        assert_eq!(r, before, "told a third time");
        r.prune(None, t(91));
        assert!(r.limits.is_empty());
        assert!(r.ingest(&signal(0, None, Some(90), true), t(92)).is_ok());
        r.prune(None, t(92));
        assert!(r.limits.is_empty(), "an old turn that is still the last one says nothing new");
    }

    #[test]
    fn a_hit_without_a_window_is_of_the_full_one() {
        let blind = Signal { window: None, ..signal(1, None, None, true) };
        let mut r = record();
        r.ingest(&blind, t(1)).unwrap();
        assert!(r.blind_limit.is_some() && r.limits.is_empty());
        r.ingest(&signal(0, Some(100.0), Some(60), false), t(1)).unwrap();
        r.ingest(&blind, t(1)).unwrap();
        assert_eq!((r.limits[&Window::FiveHour].until, &r.blind_limit), (Some(t(60)), &None));
    }

    #[test]
    fn a_hit_of_an_earlier_window_does_not_spoil_the_next_one() {
        let mut r = record();
        // The window of now began at minute 400; a session still shows the limit of the one before.
        r.ingest(&signal(401, Some(3.0), Some(700), false), t(401)).unwrap();
        r.ingest(&signal(90, None, None, true), t(402)).unwrap();
        assert!(r.limits.is_empty() && r.blind_limit.is_none());
        assert_eq!(r.readings[&Window::FiveHour].percent, 3.0);
        r.ingest(&signal(403, None, None, true), t(403)).unwrap();
        assert_eq!(r.limits[&Window::FiveHour].until, Some(t(700)));
    }

    #[test]
    fn a_good_turn_ends_what_was_hit_before_it_began() {
        let mut r = record();
        r.ingest(&signal(0, None, Some(60), true), t(0)).unwrap();
        r.limits.insert(Window::Model("opus".into()), r.limits[&Window::FiveHour].clone());
        r.trouble(Trouble::Login, t(0), t(0));
        r.good_turn(t(-1), Some("opus"));
        assert_eq!(r.limits.len(), 2, "it began before");
        r.good_turn(t(5), Some("claude-sonnet-5"));
        assert_eq!((r.limits.len(), &r.trouble), (1, &None), "another model's week is still full");
        r.good_turn(t(5), Some("claude-opus-5"));
        assert!(r.limits.is_empty());
    }

    #[test]
    fn trouble_ends_with_another_login_or_a_day() {
        let mut r = record();
        r.trouble(Trouble::Login, t(0), t(0));
        r.prune(Some(t(-5)), t(9999));
        assert!(r.trouble.is_some(), "four relaunches on a dead login help nobody");
        r.prune(Some(t(1)), t(1));
        assert!(r.trouble.is_none());
        r.trouble(Trouble::Money, t(0), t(0));
        r.prune(Some(t(1)), t(60));
        assert!(r.trouble.is_some());
        r.prune(Some(t(1)), t(60 * 25));
        assert!(r.trouble.is_none());
    }

    #[test]
    fn it_comes_back_as_written() {
        let mut r = record();
        r.ingest(&signal(0, Some(40.0), Some(60), false), t(0)).unwrap();
        r.ingest(&Signal { window: Some(Window::Model("opus".into())), ..signal(0, None, Some(60), true) }, t(0))
            .unwrap();
        let text = serde_json::to_string(&r).unwrap();
        assert_eq!(serde_json::from_str::<AccountRecord>(&text).unwrap(), r);
        let old: AccountRecord =
            serde_json::from_str(r#"{"version":1,"name":"a","failed_launches":2,"reason":"x"}"#).unwrap();
        assert_eq!(old.failed_launches, 2);
    }
}
