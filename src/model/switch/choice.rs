//! Which accounts can take sessions, and which of them goes first.

use jiff::Timestamp;

use super::{Assessment, Policy, Trigger};
use crate::model::account::{AccountView, Known, MoneyPolicy};
use crate::model::name::AccountName;
use crate::model::observe::words;
use crate::model::quota::Window;

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

/// Up to so many percent a window still has something in it. What is beyond is eaten up by the move
/// itself, since each session reads its conversation again; a hundredth of a week is much more.
#[must_use]
pub fn nearly_full(window: &Window) -> f64 {
    match window {
        Window::FiveHour => 97.0,
        Window::SevenDay | Window::Model(_) => 99.0,
    }
}

/// Why an account is no target.
pub(super) fn assess(now: Timestamp, account: &AccountView, active: &AccountName, policy: &Policy) -> Assessment {
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
pub(super) fn order(now: Timestamp, a: &AccountView, b: &AccountView) -> std::cmp::Ordering {
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

/// Where no account has room to spare: the one with the most left. Sessions that stand still already
/// take any. Others only move to one that is better by the margin, or they would be back soon; or from
/// one that is as good as full to one that is not, which never leads back.
pub(super) fn roomiest<'a>(
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
pub(super) fn room(now: Timestamp, account: &AccountView) -> Option<f64> {
    account.alive(now).map(|(w, r)| account.thresholds.of(w) - r.percent).min_by(f64::total_cmp)
}

/// Points until the first of its windows is as good as full; negative beyond.
pub(super) fn left_over(now: Timestamp, account: &AccountView) -> Option<f64> {
    account.alive(now).map(|(w, r)| nearly_full(w) - r.percent).min_by(f64::total_cmp)
}

/// When an account that is full has something left again; `None` if that is not known.
pub(super) fn full_until(now: Timestamp, account: &AccountView) -> Option<Timestamp> {
    let full = || account.alive(now).filter(|(w, r)| r.percent > nearly_full(w)).map(|(_, r)| r.resets_at).max();
    account.limited_until(now).or_else(full)
}
