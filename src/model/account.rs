//! An account as the decision sees it: what is known of its login, its usage, its money, and what makes
//! it usable. Pure: everything was read before.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::forecast::Forecast;
use super::name::AccountName;
use super::observe::words;
use super::quota::{Limit, Reading, Readings, Window};
use super::signals::failure::Trouble;

/// How an account pays and logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A subscription's own login in the account's home: reports its usage.
    #[default]
    Subscription,
    /// A long-lived token from a file: inference only, its usage is known from its sessions alone.
    Token,
    /// An API key: has no usage windows, and every turn costs money.
    ApiKey,
    /// Bedrock or Vertex by the environment: no windows, and every turn costs money.
    Cloud,
}

impl AccountKind {
    /// The word for it in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Token => "token",
            Self::ApiKey => "api_key",
            Self::Cloud => "cloud",
        }
    }

    /// Whether the service counts windows for it.
    #[must_use]
    pub fn has_windows(self) -> bool {
        matches!(self, Self::Subscription | Self::Token)
    }
}

/// What may be done with an account that costs money beyond a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoneyPolicy {
    /// Never chosen by itself.
    #[default]
    Never,
    /// Chosen when nothing else is left.
    Last,
}

/// What the login of a home looks like from outside: times and scopes, never a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Login {
    /// It can be used, as far as can be seen.
    Valid {
        /// When the login itself ends and a browser is needed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<Timestamp>,
    },
    /// There is none.
    Missing,
    /// The client has blanked it after a refresh that failed.
    Blanked,
    /// The login itself is over.
    Ended,
    /// It may not be used for inference.
    Scope,
    /// The file cannot be read.
    Unreadable,
}

impl Login {
    /// Whether a session can be started with it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }

    /// For people.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Valid { .. } => "logged in",
            Self::Missing => "not logged in",
            Self::Blanked => "its login was emptied by the client after a failed refresh",
            Self::Ended => "its login is over",
            Self::Scope => "its login lacks the scope for inference",
            Self::Unreadable => "its login file cannot be read",
        }
    }
}

/// The share of each window that may be used before sessions are moved away, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Thresholds {
    /// Of the five-hour window.
    pub five_hour: f64,
    /// Of the week.
    pub seven_day: f64,
    /// Of a model's own week.
    pub model: f64,
}

impl Thresholds {
    /// The one of a window.
    #[must_use]
    pub fn of(&self, window: &Window) -> f64 {
        match window {
            Window::FiveHour => self.five_hour,
            Window::SevenDay => self.seven_day,
            Window::Model(_) => self.model,
        }
    }
}

/// Everything known of an account at a moment.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// Its name.
    pub name: AccountName,
    /// How it pays.
    pub kind: AccountKind,
    /// Lower is preferred.
    pub priority: i64,
    /// Taken out of use by the configuration.
    pub disabled: bool,
    /// Its own thresholds, its reserve already taken off.
    pub thresholds: Thresholds,
    /// Its login.
    pub login: Login,
    /// What is known of its windows.
    pub readings: Readings,
    /// How each of them goes on.
    pub forecasts: BTreeMap<Window, Forecast>,
    /// Limits that were hit.
    pub limits: BTreeMap<Window, Limit>,
    /// A limit that was hit and does not say of which window.
    pub blind_limit: Option<Limit>,
    /// Why it needs a person.
    pub trouble: Option<(Trouble, Timestamp)>,
    /// Whether usage beyond the plan costs money; `None` if nothing has said so.
    pub spends_money: Option<bool>,
    /// No launch before this moment, and why.
    pub paused: Option<(Timestamp, String)>,
    /// When it was last left because it was full.
    pub left: Option<Timestamp>,
    /// Models that its sessions use, in lower case: only their own weeks bind it.
    pub models: Vec<String>,
}

/// How well an account's usage is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// Every binding window was read a short while ago.
    Fresh,
    /// It was read a while ago, and has not ended since.
    Stale,
    /// Nothing that still holds is known.
    Unknown,
}

/// Readings older than this are stale.
pub const FRESH: SignedDuration = SignedDuration::from_mins(15);

impl AccountView {
    /// Whether a window binds the sessions of this account.
    #[must_use]
    pub fn binds(&self, window: &Window) -> bool {
        match window {
            Window::Model(name) => self.models.iter().any(|m| m.contains(name.as_str())),
            _ => true,
        }
    }

    /// The readings that hold now, of windows that bind.
    pub fn alive(&self, now: Timestamp) -> impl Iterator<Item = (&Window, &Reading)> {
        self.readings.iter().filter(move |(w, r)| self.binds(w) && r.is_alive(now))
    }

    /// How well its usage is known.
    #[must_use]
    pub fn known(&self, now: Timestamp) -> Known {
        if !self.kind.has_windows() {
            return Known::Fresh; // there is nothing to know
        }
        match self.alive(now).map(|(_, r)| r.age(now)).min() {
            Some(age) if age <= FRESH => Known::Fresh,
            Some(_) => Known::Stale,
            None => Known::Unknown,
        }
    }

    /// Why it cannot take sessions at all, whatever its usage. Every reason, for `--explain`.
    #[must_use]
    pub fn obstacles(&self, now: Timestamp) -> Vec<String> {
        let mut why = Vec::new();
        if self.disabled {
            why.push("switched off in the configuration".to_owned());
        }
        if !self.login.is_usable() {
            why.push(self.login.as_str().to_owned());
        }
        if let Some((trouble, _)) = self.trouble {
            why.push(trouble.as_str().to_owned());
        }
        for (window, limit) in self.limits.iter().filter(|(w, l)| self.binds(w) && l.holds(now)) {
            why.push(format!("its {window} limit was hit, resets in {}", words(limit.ends().duration_since(now))));
        }
        if let Some(limit) = self.blind_limit.as_ref().filter(|l| l.holds(now)) {
            why.push(format!("a limit was hit, tried again in {}", words(limit.ends().duration_since(now))));
        }
        if let Some((until, reason)) = self.paused.as_ref().filter(|(until, _)| now < *until) {
            why.push(format!("{reason}; next launch in {}", words(until.duration_since(now))));
        }
        why
    }

    /// When a limit that holds now is over, the latest of all; `None` if none holds.
    #[must_use]
    pub fn limited_until(&self, now: Timestamp) -> Option<Timestamp> {
        let hit = self.limits.iter().filter(|(w, _)| self.binds(w)).map(|(_, l)| l);
        hit.chain(&self.blind_limit).filter(|l| l.holds(now)).map(Limit::ends).max()
    }

    /// Whether choosing it costs money beyond a plan.
    #[must_use]
    pub fn costs_money(&self) -> bool {
        !self.kind.has_windows() || self.spends_money == Some(true)
    }
}
