//! When sessions are moved to another account, and to which: one pure decision, every number of it
//! told. What it needs to remember between runs is in [`Memory`], which is kept on disk.

mod choice;

pub use choice::{headroom, nearly_full};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::choice::{assess, full_until, order, room, roomiest};
use super::account::{AccountView, Known, MoneyPolicy};
use super::name::AccountName;
use super::observe::words;

/// The rules of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// A target must be so many points below its threshold, or have so many more than the account
    /// that is left. Where sessions would stand still otherwise, any with something left will do.
    pub hysteresis: f64,
    /// No second switch within this time, unless a limit was hit.
    pub cooldown: SignedDuration,
    /// No more switches than this in an hour; twice as many for sessions that stand still, since an
    /// account that has hit its limit is not gone back to.
    pub max_per_hour: usize,
    /// A crossing that is expected within this time counts as one: until the next look, and until
    /// the sessions are moved.
    pub lookahead: SignedDuration,
    /// Whether sessions go back to the preferred account once it has recovered.
    pub fail_back: bool,
    /// What may be done with accounts that cost money.
    pub money: MoneyPolicy,
}

/// A switch that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// When.
    pub at: Timestamp,
    /// From which account.
    pub from: AccountName,
    /// To which.
    pub to: AccountName,
    /// Whether a person asked for it: such a choice is never overridden by a fail-back.
    pub by_person: bool,
    /// Why.
    pub why: String,
}

/// A sighting that is too weak to act on alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When it was first seen.
    pub at: Timestamp,
    /// By whom, as a text that differs for each distinct sighting.
    pub what: String,
}

/// What a run remembers for the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The last switches, oldest first.
    pub past: Vec<Past>,
    /// The weak sighting that waits to be confirmed.
    pub weak: Option<Sighting>,
    /// Until when "all exhausted" has been announced.
    pub announced: Option<Timestamp>,
    /// When a switch last came back since no account worked.
    pub came_back: Option<Timestamp>,
    /// When the active account was last above its threshold and no other one had room.
    pub no_room: Option<Timestamp>,
}

/// Why sessions have to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A limit was hit: they stand still.
    Limited,
    /// The account cannot be used: login, money, configuration.
    Unusable,
    /// A window has crossed its threshold.
    Crossed(String),
    /// A window is going to, before the next look.
    Forecast(String),
    /// The preferred account has recovered.
    FailBack,
}

impl Trigger {
    /// Whether sessions stand still already: then nothing is drained, and no cooldown holds it up.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Limited | Self::Unusable)
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Nothing.
    Stay {
        /// Why.
        why: String,
    },
    /// Move the sessions.
    Switch {
        /// To this account.
        to: AccountName,
        /// Why they leave.
        trigger: Trigger,
        /// In words.
        why: String,
    },
    /// They should leave and there is nowhere to go.
    Exhausted {
        /// When the first account can be used again, if that is known.
        until: Option<Timestamp>,
        /// Why.
        why: String,
    },
    /// They should leave and must not yet.
    Held {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// In words; `active` is the account on which new sessions start, `time` how a moment is told.
    #[must_use]
    pub fn words(&self, active: &AccountName, time: impl Fn(Timestamp) -> String) -> String {
        match self {
            Self::Stay { why } => format!("stays on `{active}`: {why}"),
            Self::Held { why } => format!("no switch: {why}"),
            Self::Switch { to, why, .. } => format!("switches to `{to}`: {why}"),
            Self::Exhausted { until: Some(until), why } => {
                format!("every account is exhausted until {}: {why}", time(*until))
            }
            Self::Exhausted { until: None, why } => format!("no account can be used: {why}"),
        }
    }
}

/// What was found about one account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// The account.
    pub account: AccountName,
    /// Whether it is the active one.
    pub active: bool,
    /// How well its usage is known.
    pub known: Known,
    /// Points below the threshold of its fullest window; negative if above.
    pub headroom: Option<f64>,
    /// Why it is not a target, or nothing if it is one.
    pub reasons: Vec<String>,
    /// Whether all that speaks against it is how full it is, and something is left: then it is still
    /// better than standing still, and than one that is fuller.
    pub spare: bool,
    /// Its place among the targets, from 1.
    pub rank: Option<usize>,
}

/// The decision and everything that led to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// What is to be done.
    pub verdict: Verdict,
    /// Every account, in the order of the configuration.
    pub assessments: Vec<Assessment>,
}

impl Decision {
    /// Where sessions could go, best first: the choice itself, accounts with room, and those that still
    /// have something left.
    #[must_use]
    pub fn candidates(&self) -> Vec<&AccountName> {
        let mut found: Vec<&AccountName> = Vec::new();
        if let Verdict::Switch { to, .. } = &self.verdict {
            found.push(to);
        }
        let mut ranked: Vec<_> = self.assessments.iter().filter_map(|a| Some((a.rank?, &a.account))).collect();
        ranked.sort();
        let mut spare: Vec<&Assessment> = self.assessments.iter().filter(|a| a.spare).collect();
        spare.sort_by(|a, b| b.headroom.unwrap_or(f64::MIN).total_cmp(&a.headroom.unwrap_or(f64::MIN)));
        for name in ranked.into_iter().map(|(_, name)| name).chain(spare.into_iter().map(|a| &a.account)) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }
}

/// Decides. `weak` are limits that only a screen shows, each in words that tell it from another.
#[must_use]
pub fn decide(
    now: Timestamp,
    accounts: &[AccountView],
    active: &AccountName,
    memory: &Memory,
    policy: &Policy,
    weak: &[String],
) -> Decision {
    let mut assessments: Vec<Assessment> = accounts.iter().map(|a| assess(now, a, active, policy)).collect();
    let mut targets: Vec<usize> = (0..accounts.len()).filter(|n| assessments[*n].reasons.is_empty()).collect();
    targets.sort_by(|a, b| order(now, &accounts[*a], &accounts[*b]));
    for (rank, n) in targets.iter().enumerate() {
        assessments[*n].rank = Some(rank + 1);
    }
    let verdict = match accounts.iter().find(|a| a.name == *active) {
        None => Verdict::Held { why: format!("the active account `{active}` is not in the configuration") },
        Some(current) => {
            let best = targets.first().map(|n| &accounts[*n]);
            match trigger(now, current, accounts, best, memory, policy, weak) {
                None => Verdict::Stay { why: standing(now, current) },
                Some((trigger, why)) => {
                    let spare = accounts.iter().zip(&assessments).filter(|(_, a)| a.spare).map(|(a, _)| a);
                    // What is left of the plans comes before money.
                    let best = match best.filter(|b| !b.costs_money()) {
                        None => roomiest(now, current, spare, &trigger, policy).or(best),
                        good => good,
                    };
                    verdict(now, accounts, best, trigger, why, memory, policy)
                }
            }
        }
    };
    Decision { verdict, assessments }
}

fn standing(now: Timestamp, current: &AccountView) -> String {
    match headroom(current, now) {
        Some((left, window, used)) => format!("{window} at {used:.0} %, {left:.0} points below its threshold"),
        None => "its usage is not known, and nothing says that it is full".to_owned(),
    }
}

/// Why sessions should leave the active account, the strongest reason first.
fn trigger(
    now: Timestamp,
    current: &AccountView,
    accounts: &[AccountView],
    best: Option<&AccountView>,
    memory: &Memory,
    policy: &Policy,
    weak: &[String],
) -> Option<(Trigger, String)> {
    if let Some(until) = current.limited_until(now) {
        let why = format!("a limit of `{}` was hit, resets in {}", current.name, words(until.duration_since(now)));
        return Some((Trigger::Limited, why));
    }
    if let Some(why) = current.obstacles(now).first() {
        // A pause after failed launches is no reason to move what runs.
        if current.disabled || !current.login.is_usable() || current.trouble.is_some() {
            return Some((Trigger::Unusable, format!("`{}`: {why}", current.name)));
        }
    }
    // A screen alone moves nothing: the same sighting must still be there at a later run.
    if let Some(what) = weak.iter().find(|w| memory.weak.as_ref().is_some_and(|m| m.what == **w && m.at < now)) {
        return Some((Trigger::Limited, format!("seen twice: {what}")));
    }
    if let Some((left, window, used)) = headroom(current, now)
        && left <= 0.0
    {
        let threshold = current.thresholds.of(&window);
        let why = format!("{window} of `{}` at {used:.0} %, threshold {threshold:.0} %", current.name);
        return Some((Trigger::Crossed(window.to_string()), why));
    }
    for (window, _) in current.alive(now) {
        let Some(forecast) = current.forecasts.get(window) else { continue };
        let threshold = current.thresholds.of(window);
        let crossing = forecast.crossing(threshold);
        if crossing.soonest.is_some_and(|soonest| soonest <= policy.lookahead) {
            let likely = crossing.likely.map_or_else(|| "never".to_owned(), words);
            let why = format!(
                "{window} of `{}` at {:.0} % and {:.0} (±{:.0}) points an hour: {threshold:.0} % in {likely}",
                current.name, forecast.now, forecast.rate, forecast.spread
            );
            return Some((Trigger::Forecast(window.to_string()), why));
        }
    }
    fail_back(now, current, accounts, best, memory, policy)
}

/// The preferred account takes its sessions back, if it was left automatically and its usage is known
/// to be low again.
fn fail_back(
    now: Timestamp,
    current: &AccountView,
    accounts: &[AccountView],
    best: Option<&AccountView>,
    memory: &Memory,
    policy: &Policy,
) -> Option<(Trigger, String)> {
    let last = memory.past.last()?;
    let best = best?;
    if !policy.fail_back || last.by_person || best.priority >= current.priority {
        return None;
    }
    // Only what was moved by us goes back, and only to a place that was looked at just now.
    let left_by_us = memory.past.iter().any(|p| p.from == best.name && !p.by_person);
    if !left_by_us || best.known(now) != Known::Fresh || !accounts.iter().any(|a| a.name == best.name) {
        return None;
    }
    let room = room(now, best)?;
    // Going back for a moment only to leave again would cost each session its cache twice.
    (room >= policy.hysteresis * 3.0).then(|| {
        (Trigger::FailBack, format!("`{}` is preferred and has {room:.0} points of room again", best.name))
    })
}

fn verdict(
    now: Timestamp,
    accounts: &[AccountView],
    best: Option<&AccountView>,
    trigger: Trigger,
    why: String,
    memory: &Memory,
    policy: &Policy,
) -> Verdict {
    let ago = |p: &Past| now.duration_since(p.at);
    // A time in the future is of a clock that went back: it holds nothing up.
    let recent =
        |within: SignedDuration| memory.past.iter().filter(move |p| !ago(p).is_negative() && ago(p) < within);
    let cap = if trigger.is_urgent() { policy.max_per_hour.saturating_mul(2) } else { policy.max_per_hour };
    if recent(SignedDuration::from_hours(1)).count() >= cap {
        return Verdict::Held { why: format!("{why}; {cap} switches in the last hour are enough") };
    }
    if let Some(ago) = memory.came_back.map(|at| now.duration_since(at))
        && (SignedDuration::ZERO..policy.cooldown).contains(&ago)
        && best.is_some()
    {
        let left = words(policy.cooldown - ago);
        return Verdict::Held { why: format!("{why}; the last switch found no account that works, {left} to go") };
    }
    if let Some(last) = recent(policy.cooldown).next_back()
        && !trigger.is_urgent()
    {
        let left = words(policy.cooldown - ago(last));
        return Verdict::Held { why: format!("{why}; the last switch is too recent, {left} to go") };
    }
    match best {
        Some(to) => Verdict::Switch { to: to.name.clone(), trigger, why },
        // Below its limit the active account is still better than none.
        None if !trigger.is_urgent() => Verdict::Held { why: format!("{why}; no other account has room") },
        None => {
            let until = accounts.iter().filter(|a| !a.disabled).filter_map(|a| full_until(now, a)).min();
            Verdict::Exhausted { until, why }
        }
    }
}

/// What the next run remembers of this one's weak sightings.
#[must_use]
pub fn remember(memory: &Memory, weak: &[String], now: Timestamp) -> Option<Sighting> {
    let kept = memory.weak.as_ref().filter(|m| weak.contains(&m.what)).cloned();
    kept.or_else(|| weak.first().map(|what| Sighting { at: now, what: what.clone() }))
}

#[cfg(test)]
mod tests;
