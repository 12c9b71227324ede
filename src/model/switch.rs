//! When sessions are moved to another account, and to which: one pure decision, every number of it
//! told. What it needs to remember between runs is in [`Memory`], which is kept on disk.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::account::{AccountView, Known, MoneyPolicy};
use super::name::AccountName;
use super::observe::words;
use super::quota::Window;

/// Up to so many percent a window still has something in it. What is beyond is eaten up by the move
/// itself, since each session reads its conversation again; a hundredth of a week is much more.
#[must_use]
pub fn nearly_full(window: &Window) -> f64 {
    match window {
        Window::FiveHour => 97.0,
        Window::SevenDay | Window::Model(_) => 99.0,
    }
}

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

/// The fullest window against its threshold: points left, the window, the value that was used.
#[must_use]
pub fn headroom(account: &AccountView, now: Timestamp) -> Option<(f64, Window, f64)> {
    account
        .alive(now)
        .map(|(window, reading)| {
            // What a forecast carries on is never below what was read.
            let used = account.forecasts.get(window).map_or(reading.percent, |f| f.now.max(reading.percent));
            (account.thresholds.of(window) - used, window.clone(), used)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
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

/// Where no account has room to spare: the one with the most left. Sessions that stand still already
/// take any. Others only move to one that is better by the margin, or they would be back soon; or from
/// one that is as good as full to one that is not, which never leads back.
fn roomiest<'a>(
    now: Timestamp,
    current: &AccountView,
    spare: impl Iterator<Item = &'a AccountView>,
    trigger: &Trigger,
    policy: &Policy,
) -> Option<&'a AccountView> {
    let left = |a: &AccountView| room(now, a).unwrap_or(f64::MIN);
    let best = spare.max_by(|a, b| left(a).total_cmp(&left(b)).then_with(|| b.name.cmp(&a.name)))?;
    let here = headroom(current, now).map_or(0.0, |(left, ..)| left);
    let ends = left_over(now, current).is_some_and(|l| l <= 0.0) && left_over(now, best).is_some_and(|l| l >= 2.0);
    (trigger.is_urgent() || ends || left(best) >= here + policy.hysteresis).then_some(best)
}

/// What is left of an account on which nothing runs: as it was read, since nothing burns on.
fn room(now: Timestamp, account: &AccountView) -> Option<f64> {
    account.alive(now).map(|(w, r)| account.thresholds.of(w) - r.percent).min_by(f64::total_cmp)
}

/// Points until the first of its windows is as good as full; negative beyond.
fn left_over(now: Timestamp, account: &AccountView) -> Option<f64> {
    account.alive(now).map(|(w, r)| nearly_full(w) - r.percent).min_by(f64::total_cmp)
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

/// When an account that is full has something left again; `None` if that is not known.
fn full_until(now: Timestamp, account: &AccountView) -> Option<Timestamp> {
    let full = || account.alive(now).filter(|(w, r)| r.percent > nearly_full(w)).map(|(_, r)| r.resets_at).max();
    account.limited_until(now).or_else(full)
}

/// Why an account is no target.
fn assess(now: Timestamp, account: &AccountView, active: &AccountName, policy: &Policy) -> Assessment {
    let mut reasons = Vec::new();
    let is_active = account.name == *active;
    if is_active {
        reasons.push("it is the active one".to_owned());
    }
    reasons.extend(account.obstacles(now));
    if account.costs_money() && policy.money == MoneyPolicy::Never {
        reasons.push("it costs money beyond a plan".to_owned());
    }
    let spare = reasons.is_empty() && left_over(now, account).is_none_or(|left| left >= 0.0);
    for (window, reading) in account.alive(now) {
        let most = account.thresholds.of(window) - policy.hysteresis;
        if reading.percent > most {
            reasons.push(format!("{window} at {:.0} %, a target has at most {most:.0} %", reading.percent));
        }
    }
    // Left because it was full: its next window must have been seen, or some time have passed.
    if let Some(left) = account.left
        && !is_active
    {
        let age = now.duration_since(left);
        let read_since = account.alive(now).any(|(_, r)| r.at > left);
        if !age.is_negative() && age < policy.cooldown && !read_since {
            reasons.push(format!("left {} ago because it was full", words(age)));
        }
    }
    let spare = spare && !reasons.is_empty();
    Assessment {
        account: account.name.clone(),
        active: is_active,
        known: account.known(now),
        headroom: if is_active { headroom(account, now).map(|(left, ..)| left) } else { room(now, account) },
        reasons,
        spare,
        rank: None,
    }
}

/// Which of two usable accounts goes first: no money before money, known before unknown, then priority,
/// then the week that ends soonest and would go to waste, then the most room.
fn order(now: Timestamp, a: &AccountView, b: &AccountView) -> std::cmp::Ordering {
    let unknown = |x: &AccountView| x.known(now) == Known::Unknown;
    let week = |x: &AccountView| {
        x.alive(now)
            .find(|(w, _)| **w == Window::SevenDay)
            // Half a day more or less decides nothing.
            .map_or(i64::MAX, |(_, r)| r.resets_at.duration_since(now).as_hours() / 12)
    };
    let left = |x: &AccountView| room(now, x).unwrap_or(f64::MIN);
    (a.costs_money(), unknown(a), a.priority, week(a))
        .cmp(&(b.costs_money(), unknown(b), b.priority, week(b)))
        .then(left(b).total_cmp(&left(a)))
        .then_with(|| a.name.cmp(&b.name))
}

/// What the next run remembers of this one's weak sightings.
#[must_use]
pub fn remember(memory: &Memory, weak: &[String], now: Timestamp) -> Option<Sighting> {
    let kept = memory.weak.as_ref().filter(|m| weak.contains(&m.what)).cloned();
    kept.or_else(|| weak.first().map(|what| Sighting { at: now, what: what.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::{AccountKind, Login, Thresholds};
    use crate::model::forecast::Forecast;
    use crate::model::quota::{Limit, Reading, Readings, Source};
    use crate::model::signals::failure::Trouble;
    use std::collections::BTreeMap;

    const POLICY: Policy = Policy {
        hysteresis: 10.0,
        cooldown: SignedDuration::from_mins(5),
        max_per_hour: 4,
        lookahead: SignedDuration::from_mins(3),
        fail_back: true,
        money: MoneyPolicy::Never,
    };

    fn t(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    /// An account with its two windows read a minute before `t(0)`.
    fn account(text: &str, priority: i64, five: f64, week: f64) -> AccountView {
        let reading =
            |percent, minutes| Reading { percent, resets_at: t(minutes), at: t(-1), source: Source::StatusLine };
        AccountView {
            name: name(text),
            kind: AccountKind::Subscription,
            priority,
            disabled: false,
            thresholds: Thresholds { five_hour: 85.0, seven_day: 95.0, model: 95.0 },
            login: Login::Valid { ends: None },
            readings: Readings::from([
                (Window::FiveHour, reading(five, 120)),
                (Window::SevenDay, reading(week, 3000)),
            ]),
            forecasts: BTreeMap::new(),
            limits: BTreeMap::new(),
            blind_limit: None,
            trouble: None,
            spends_money: Some(false),
            paused: None,
            left: None,
            models: vec!["sonnet".into()],
        }
    }

    fn decided(accounts: &[AccountView], memory: &Memory, weak: &[&str]) -> Decision {
        let weak: Vec<String> = weak.iter().map(|w| (*w).to_owned()).collect();
        decide(t(0), accounts, &name("a"), memory, &POLICY, &weak)
    }

    fn verdict_of(accounts: &[AccountView]) -> Verdict {
        decided(accounts, &Memory::default(), &[]).verdict
    }

    fn goes_to(verdict: &Verdict) -> Option<&str> {
        match verdict {
            Verdict::Switch { to, .. } => Some(to.as_str()),
            _ => None,
        }
    }

    fn hit(window: Window, minutes: i64) -> (Window, Limit) {
        (window, Limit { at: t(-2), until: Some(t(minutes)), source: Source::Transcript })
    }

    fn past(minute: i64, from: &str, to: &str, by_person: bool) -> Past {
        Past { at: t(minute), from: name(from), to: name(to), by_person, why: String::new() }
    }

    #[test]
    fn sessions_leave_at_the_threshold_at_a_limit_and_before_it() {
        let spare = account("b", 2, 10.0, 10.0);
        assert!(matches!(verdict_of(&[account("a", 1, 84.0, 10.0), spare.clone()]), Verdict::Stay { .. }));
        assert_eq!(goes_to(&verdict_of(&[account("a", 1, 85.0, 10.0), spare.clone()])), Some("b"));
        assert_eq!(goes_to(&verdict_of(&[account("a", 1, 10.0, 95.0), spare.clone()])), Some("b"));
        let mut a = account("a", 1, 80.0, 10.0);
        a.forecasts =
            BTreeMap::from([(Window::FiveHour, Forecast { rate: 60.0, spread: 30.0, now: 80.5, points: 9 })]);
        // 4.5 points at 90 an hour are three minutes: before the next look.
        assert!(matches!(
            verdict_of(&[a.clone(), spare.clone()]),
            Verdict::Switch { trigger: Trigger::Forecast(_), .. }
        ));
        a.forecasts.get_mut(&Window::FiveHour).unwrap().spread = 5.0;
        assert!(matches!(verdict_of(&[a, spare.clone()]), Verdict::Stay { .. }));
        let mut limited = account("a", 1, 50.0, 10.0);
        limited.limits = BTreeMap::from([hit(Window::FiveHour, 60)]);
        assert!(matches!(verdict_of(&[limited, spare]), Verdict::Switch { trigger: Trigger::Limited, .. }));
    }

    #[test]
    fn a_models_own_week_binds_only_who_uses_it() {
        let mut a = account("a", 1, 10.0, 10.0);
        a.limits = BTreeMap::from([hit(Window::Model("opus".into()), 600)]);
        let b = account("b", 2, 10.0, 10.0);
        assert!(matches!(verdict_of(&[a.clone(), b.clone()]), Verdict::Stay { .. }));
        a.models = vec!["claude-opus-5".into()];
        assert_eq!(goes_to(&verdict_of(&[a, b])), Some("b"));
    }

    #[test]
    fn an_account_that_cannot_be_used_is_left_and_never_chosen() {
        let bad: [fn(&mut AccountView); 5] = [
            |a| a.disabled = true,
            |a| a.login = Login::Blanked,
            |a| a.trouble = Some((Trouble::Login, t(-1))),
            |a| a.trouble = Some((Trouble::Money, t(-1))),
            |a| a.login = Login::Ended,
        ];
        for change in bad {
            let (mut a, b) = (account("a", 1, 10.0, 10.0), account("b", 2, 10.0, 10.0));
            change(&mut a);
            assert!(
                matches!(verdict_of(&[a.clone(), b]), Verdict::Switch { trigger: Trigger::Unusable, .. }),
                "{a:?}"
            );
            let (full, mut b) = (account("a", 1, 99.0, 10.0), account("b", 2, 10.0, 10.0));
            change(&mut b);
            let d = decided(&[full, b], &Memory::default(), &[]);
            assert!(matches!(d.verdict, Verdict::Held { .. }) && !d.assessments[1].reasons.is_empty(), "{d:?}");
        }
        let mut paused = account("a", 1, 10.0, 10.0);
        paused.paused = Some((t(5), "the client ended at once".into()));
        assert!(matches!(verdict_of(&[paused, account("b", 2, 1.0, 1.0)]), Verdict::Stay { .. }));
    }

    #[test]
    fn the_choice_is_by_money_knowledge_priority_week_and_room() {
        let full = account("a", 1, 99.0, 10.0);
        let order = |others: &[AccountView]| {
            let all: Vec<AccountView> = std::iter::once(full.clone()).chain(others.iter().cloned()).collect();
            goes_to(&verdict_of(&all)).map(str::to_owned)
        };
        let (b, c) = (account("b", 3, 10.0, 10.0), account("c", 2, 60.0, 10.0));
        assert_eq!(order(&[b.clone(), c.clone()]).as_deref(), Some("c"), "priority before room");
        let mut unknown = account("d", 1, 10.0, 10.0);
        unknown.readings.clear();
        assert_eq!(order(&[unknown.clone(), b.clone()]).as_deref(), Some("b"), "unknown after known good");
        assert_eq!(order(&[unknown]).as_deref(), Some("d"), "and before nothing");
        let mut soon = account("e", 3, 30.0, 30.0);
        soon.readings.get_mut(&Window::SevenDay).unwrap().resets_at = t(300);
        assert_eq!(order(&[b.clone(), soon]).as_deref(), Some("e"), "a week that would go to waste");
        assert_eq!(order(&[account("f", 3, 40.0, 10.0), b.clone()]).as_deref(), Some("b"), "then room");
        let mut costly = account("g", 1, 1.0, 1.0);
        costly.spends_money = Some(true);
        assert_eq!(order(&[costly.clone(), b]).as_deref(), Some("b"));
        assert_eq!(order(&[costly]), None, "money is never spent unasked");
        // A target has room to spare, or it would be left again at once.
        let over = |other: AccountView| verdict_of(&[account("a", 1, 85.0, 10.0), other]);
        assert_eq!(goes_to(&over(account("h", 2, 76.0, 10.0))), None);
        assert_eq!(goes_to(&over(account("h", 2, 75.0, 10.0))), Some("h"));
    }

    #[test]
    fn no_ping_pong() {
        let accounts = [account("a", 1, 86.0, 10.0), account("b", 2, 10.0, 10.0)];
        let memory = |past: Vec<Past>| Memory { past, ..Memory::default() };
        let held = decided(&accounts, &memory(vec![past(-3, "b", "a", false)]), &[]).verdict;
        assert!(matches!(&held, Verdict::Held { why } if why.contains("too recent, 2m to go")), "{held:?}");
        assert!(goes_to(&decided(&accounts, &memory(vec![past(-6, "b", "a", false)]), &[]).verdict).is_some());
        // A limit that was hit waits for no cooldown, but even it has its cap.
        let mut limited = accounts.clone();
        limited[0].limits = BTreeMap::from([hit(Window::FiveHour, 60)]);
        assert!(goes_to(&decided(&limited, &memory(vec![past(-3, "b", "a", false)]), &[]).verdict).is_some());
        let many = |count: i64| memory((0..count).map(|n| past(-50 + n, "b", "a", false)).collect());
        assert!(matches!(decided(&accounts, &many(4), &[]).verdict, Verdict::Held { .. }));
        assert_eq!(goes_to(&decided(&limited, &many(7), &[]).verdict), Some("b"), "better than to stand still");
        assert!(matches!(decided(&limited, &many(8), &[]).verdict, Verdict::Held { .. }));
        // A clock that went back by a day holds nothing up.
        let ahead = memory(vec![past(24 * 60, "b", "a", false)]);
        assert!(goes_to(&decided(&accounts, &ahead, &[]).verdict).is_some());
        // One that came back is not tried again at once, whatever the reason.
        let back = Memory { came_back: Some(t(-2)), ..Memory::default() };
        assert!(matches!(decided(&limited, &back, &[]).verdict, Verdict::Held { .. }));
        let mut left = accounts;
        left[1].left = Some(t(-2));
        left[1].readings.clear();
        assert!(goes_to(&decided(&left, &Memory::default(), &[]).verdict).is_none());
    }

    #[test]
    fn one_weak_sighting_triggers_nothing() {
        let accounts = [account("a", 1, 10.0, 10.0), account("b", 2, 10.0, 10.0)];
        let first = decided(&accounts, &Memory::default(), &["p-0 shows a limit"]);
        assert!(matches!(first.verdict, Verdict::Stay { .. }));
        let weak = remember(&Memory::default(), &["p-0 shows a limit".to_owned()], t(-1));
        let memory = Memory { weak, ..Memory::default() };
        assert!(matches!(decided(&accounts, &memory, &["p-1 shows a limit"]).verdict, Verdict::Stay { .. }));
        assert!(goes_to(&decided(&accounts, &memory, &["p-0 shows a limit"]).verdict).is_some());
        assert_eq!(remember(&memory, &[], t(0)), None, "it is gone from the screen");
    }

    #[test]
    fn all_exhausted_says_when_the_first_is_back() {
        let mut accounts = [account("a", 1, 99.0, 10.0), account("b", 2, 99.0, 10.0)];
        accounts[0].limits = BTreeMap::from([hit(Window::FiveHour, 90)]);
        accounts[1].limits = BTreeMap::from([hit(Window::FiveHour, 40)]);
        assert!(matches!(verdict_of(&accounts), Verdict::Exhausted { until: Some(u), .. } if u == t(41)));
        // Below its limit the active account goes on, even above its threshold.
        accounts[0].limits.clear();
        assert!(matches!(verdict_of(&accounts), Verdict::Held { .. }));
    }

    #[test]
    fn sessions_that_stand_still_take_any_account_with_something_left() {
        let mut full = account("a", 1, 100.0, 10.0);
        full.limits = BTreeMap::from([hit(Window::FiveHour, 60)]);
        let to = |others: &[AccountView]| {
            let all: Vec<AccountView> = std::iter::once(full.clone()).chain(others.iter().cloned()).collect();
            goes_to(&verdict_of(&all)).map(str::to_owned)
        };
        // Within the margin, or above the threshold: the one with the most left.
        assert_eq!(to(&[account("b", 2, 80.0, 10.0)]).as_deref(), Some("b"));
        assert_eq!(to(&[account("b", 1, 96.0, 10.0), account("c", 2, 92.0, 10.0)]).as_deref(), Some("c"));
        // A hundredth of a week is hours, a hundredth of five hours is nothing.
        assert_eq!(to(&[account("b", 2, 10.0, 99.0)]).as_deref(), Some("b"));
        assert_eq!(to(&[account("b", 2, 98.0, 10.0)]), None);
        assert_eq!(to(&[account("b", 2, 80.0, 10.0), account("c", 3, 70.0, 10.0)]).as_deref(), Some("c"));
        // How full it is may be overlooked, nothing else.
        let mut out = account("b", 2, 80.0, 10.0);
        out.login = Login::Ended;
        assert_eq!(to(&[out]), None);
        let mut limited = account("b", 2, 80.0, 10.0);
        limited.limits = BTreeMap::from([hit(Window::SevenDay, 900)]);
        assert_eq!(to(&[limited]), None);
        let all = [full.clone(), account("b", 2, 98.0, 10.0)];
        assert!(matches!(verdict_of(&all), Verdict::Exhausted { until: Some(u), .. } if u == t(61)));
    }

    #[test]
    fn what_is_left_of_a_plan_comes_before_money() {
        let mut full = account("a", 1, 100.0, 10.0);
        full.limits = BTreeMap::from([hit(Window::FiveHour, 60)]);
        let mut costly = account("b", 1, 1.0, 1.0);
        costly.spends_money = Some(true);
        let policy = Policy { money: MoneyPolicy::Last, ..POLICY };
        let to = |accounts: &[AccountView]| {
            let d = decide(t(0), accounts, &name("a"), &Memory::default(), &policy, &[]);
            goes_to(&d.verdict).map(str::to_owned)
        };
        assert_eq!(to(&[full.clone(), costly.clone(), account("c", 2, 90.0, 10.0)]).as_deref(), Some("c"));
        assert_eq!(to(&[full, costly]).as_deref(), Some("b"));
    }

    #[test]
    fn without_room_anywhere_it_moves_only_to_what_is_clearly_better() {
        let pair = |five_a: f64, five_b: f64| [account("a", 1, five_a, 10.0), account("b", 2, five_b, 10.0)];
        assert!(matches!(verdict_of(&pair(85.0, 80.0)), Verdict::Held { .. }));
        assert_eq!(goes_to(&verdict_of(&pair(90.0, 80.0))), Some("b"), "better by the margin");
        assert!(matches!(verdict_of(&pair(96.0, 90.0)), Verdict::Held { .. }));
        assert_eq!(goes_to(&verdict_of(&pair(97.0, 90.0))), Some("b"), "as good as full");
        assert!(matches!(verdict_of(&pair(97.0, 96.0)), Verdict::Held { .. }));
        // And from there never straight back.
        for five_b in 0..=100 {
            for five_a in 0..=100 {
                let there = pair(f64::from(five_a), f64::from(five_b));
                if goes_to(&verdict_of(&there)).is_some() {
                    let back = decide(t(0), &there, &name("b"), &Memory::default(), &POLICY, &[]).verdict;
                    assert!(goes_to(&back).is_none(), "{five_a} {five_b}: {back:?}");
                }
            }
        }
    }

    #[test]
    fn an_account_on_which_nothing_runs_does_not_fill_on() {
        let mut left = account("b", 2, 30.0, 10.0);
        left.forecasts =
            BTreeMap::from([(Window::FiveHour, Forecast { rate: 60.0, spread: 5.0, now: 84.0, points: 9 })]);
        let d =
            decided(&[account("a", 1, 86.0, 10.0), left, account("c", 2, 40.0, 10.0)], &Memory::default(), &[]);
        assert_eq!((goes_to(&d.verdict), d.assessments[1].headroom), (Some("b"), Some(55.0)));
    }

    #[test]
    fn only_what_was_moved_by_us_goes_back() {
        // On `b` now, which is less preferred; `a` has recovered.
        let accounts = [account("a", 1, 5.0, 10.0), account("b", 2, 40.0, 10.0)];
        let decide_on_b = |memory: &Memory, accounts: &[AccountView]| {
            decide(t(0), accounts, &name("b"), memory, &POLICY, &[]).verdict
        };
        let auto = Memory { past: vec![past(-90, "a", "b", false)], ..Memory::default() };
        assert!(matches!(decide_on_b(&auto, &accounts), Verdict::Switch { trigger: Trigger::FailBack, .. }));
        let person = Memory { past: vec![past(-90, "a", "b", true)], ..Memory::default() };
        assert!(matches!(decide_on_b(&person, &accounts), Verdict::Stay { .. }));
        let mut stale = accounts.clone();
        stale[0].readings.values_mut().for_each(|r| r.at = t(-60));
        assert!(matches!(decide_on_b(&auto, &stale), Verdict::Stay { .. }), "not looked at just now");
        let mut little = accounts;
        little[0].readings.get_mut(&Window::FiveHour).unwrap().percent = 60.0;
        assert!(matches!(decide_on_b(&auto, &little), Verdict::Stay { .. }), "room, but not for long");
    }

    #[test]
    fn after_a_switch_nothing_is_left_to_decide() {
        let accounts = [account("a", 1, 90.0, 10.0), account("b", 2, 10.0, 10.0)];
        let Verdict::Switch { to, .. } = verdict_of(&accounts) else { panic!("it switches") };
        let memory = Memory { past: vec![past(0, "a", to.as_str(), false)], ..Memory::default() };
        assert!(matches!(decide(t(1), &accounts, &to, &memory, &POLICY, &[]).verdict, Verdict::Stay { .. }));
    }
}
