use super::*;
use crate::model::account::{AccountKind, Login, Thresholds};
use crate::model::forecast::Forecast;
use crate::model::quota::{Limit, Reading, Readings, Source, Window};
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
    let d = decided(&[account("a", 1, 86.0, 10.0), left, account("c", 2, 40.0, 10.0)], &Memory::default(), &[]);
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
