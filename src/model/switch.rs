//! When sessions are moved to another account, and to which: one pure decision, every number of it
//! told. What it needs to remember between runs is in [`Memory`], which is kept on disk.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::account::{AccountView, Known, MoneyPolicy};
use super::name::AccountName;
use super::observe::words;
use super::quota::Window;

/// The rules of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// A target must be so many points below its threshold.
    pub hysteresis: f64,
    /// No second switch within this time, unless a limit was hit.
    pub cooldown: SignedDuration,
    /// No more switches than this in an hour, whatever happens.
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
                Some((trigger, why)) => verdict(now, accounts, best, trigger, why, memory, policy),
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
    let room = headroom(best, now).map(|(left, ..)| left)?;
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
    if recent(SignedDuration::from_hours(1)).count() >= policy.max_per_hour {
        let cap = policy.max_per_hour;
        return Verdict::Held { why: format!("{why}; {cap} switches in the last hour are enough") };
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
            let until = accounts.iter().filter(|a| !a.disabled).filter_map(|a| a.limited_until(now)).min();
            Verdict::Exhausted { until, why }
        }
    }
}

/// Why an account is no target.
fn assess(now: Timestamp, account: &AccountView, active: &AccountName, policy: &Policy) -> Assessment {
    let mut reasons = Vec::new();
    let is_active = account.name == *active;
    if is_active {
        reasons.push("it is the active one".to_owned());
    }
    reasons.extend(account.obstacles(now));
    for (window, reading) in account.alive(now) {
        let threshold = account.thresholds.of(window);
        if reading.percent > threshold - policy.hysteresis {
            let most = threshold - policy.hysteresis;
            reasons.push(format!("{window} at {:.0} %, a target has at most {most:.0} %", reading.percent));
        }
    }
    if account.costs_money() && policy.money == MoneyPolicy::Never {
        reasons.push("it costs money beyond a plan".to_owned());
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
    Assessment {
        account: account.name.clone(),
        active: is_active,
        known: account.known(now),
        headroom: headroom(account, now).map(|(left, ..)| left),
        reasons,
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
    let room = |x: &AccountView| headroom(x, now).map_or(f64::MIN, |(left, ..)| left);
    (a.costs_money(), unknown(a), a.priority, week(a))
        .cmp(&(b.costs_money(), unknown(b), b.priority, week(b)))
        .then(room(b).total_cmp(&room(a)))
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
        assert_eq!(order(&[account("h", 2, 76.0, 10.0)]), None);
        assert_eq!(order(&[account("h", 2, 75.0, 10.0)]).as_deref(), Some("h"));
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
        let many: Vec<Past> = (0..4).map(|n| past(-50 + n, "b", "a", false)).collect();
        assert!(matches!(decided(&limited, &memory(many), &[]).verdict, Verdict::Held { .. }));
        // A clock that went back by a day holds nothing up.
        let ahead = memory(vec![past(24 * 60, "b", "a", false)]);
        assert!(goes_to(&decided(&accounts, &ahead, &[]).verdict).is_some());
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
