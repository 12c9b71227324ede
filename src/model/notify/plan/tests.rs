use super::super::Kind;
use super::super::answer::Outcome;
use super::super::policy::tests::policy;
use super::super::quiet::Quiet;
use super::super::tests::event;
use super::*;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sent(next: &Next) -> Vec<String> {
    match next {
        Next::Send(message) => message.events.clone(),
        other => panic!("{other:?}"),
    }
}

fn take(record: &mut TargetRecord, events: &[Event], now: i64) -> usize {
    let Next::Send(message) = next(at(now), &policy(), record, events) else { return 0 };
    record.begins(&message);
    record.ended(events, &Outcome::Sent(String::new()), at(now));
    message.events.len()
}

#[test]
fn few_are_told_one_by_one_and_many_at_once() {
    let mut record = TargetRecord::new("t");
    let three =
        [event(Kind::TaskGivenUp, "a", 1), event(Kind::Exhausted, "", 2), event(Kind::TaskGivenUp, "b", 3)];
    let first = sent(&next(at(10), &policy(), &record, &three));
    assert_eq!(first, [three[1].id.clone()], "the gravest first");
    assert_eq!([10, 11, 12, 13].map(|now| take(&mut record, &three, now)), [1, 1, 1, 0]);
    let many: Vec<Event> = (0..1200).map(|n| event(Kind::TaskGivenUp, &format!("m{n}"), n)).collect();
    assert_eq!([20, 21, 22, 23].map(|now| take(&mut record, &many, now)), [500, 500, 200, 0]);
}

#[test]
fn the_same_again_is_no_news_for_a_while_unless_it_is_critical() {
    let mut record = TargetRecord::new("t");
    let flapping: Vec<Event> = (0..3).map(|n| event(Kind::SessionStalled, "p-1", n)).collect();
    assert_eq!(take(&mut record, &flapping[..1], 5), 1);
    let Next::Wait { until, .. } = next(at(6), &policy(), &record, &flapping) else { panic!() };
    assert_eq!(until, at(5 + 1800));
    assert_eq!(take(&mut record, &flapping, 5 + 1800), 2);
    let grave: Vec<Event> = (0..3).map(|n| event(Kind::GuardBroken, "p-1", n)).collect();
    assert_eq!([1, 2, 3].map(|n| take(&mut record, &grave[..n], 9000 + i64::try_from(n).unwrap())), [1, 1, 1]);
}

#[test]
fn quiet_hours_hold_all_but_the_gravest() {
    let record = TargetRecord::new("t");
    let quiet = Quiet {
        from: "00:00".parse().unwrap(),
        to: "06:00".parse().unwrap(),
        zone: TimeZone::UTC,
        pass: Severity::Critical,
    };
    let p = Policy { quiet: Some(quiet), ..policy() };
    let events = [event(Kind::TaskGivenUp, "a", 1), event(Kind::Exhausted, "", 2)];
    assert_eq!(sent(&next(at(10), &p, &record, &events)), [events[1].id.clone()]);
    let Next::Wait { until, .. } = next(at(10), &p, &record, &events[..1]) else { panic!() };
    assert_eq!(until, at(6 * 3600));
    assert_eq!(sent(&next(until, &p, &record, &events[..1])).len(), 1);
    // A message under way waits as well, unless something that does not wait is behind it.
    let mut record = record;
    record.begins(&Message {
        id: "m".into(),
        events: vec![events[0].id.clone()],
        composed: at(0),
        tries: 1,
        unsure: true,
        again: false,
    });
    assert!(matches!(next(at(10), &p, &record, &events[..1]), Next::Wait { .. }));
    assert_eq!(sent(&next(at(10), &p, &record, &events)), [events[0].id.clone()]);
    assert!(matches!(next(until, &p, &record, &events), Next::Send(_)));
}

#[test]
fn a_pace_is_kept_and_critical_ones_have_more_room() {
    let mut record = TargetRecord::new("t");
    record.sends = (0..20).map(at).collect();
    let (given_up, grave) = ([event(Kind::TaskGivenUp, "a", 1)], [event(Kind::Exhausted, "", 2)]);
    let Next::Wait { until, .. } = next(at(100), &policy(), &record, &given_up) else { panic!() };
    assert_eq!(until, at(3600));
    assert_eq!(sent(&next(at(100), &policy(), &record, &grave)).len(), 1);
    record.sends = (0..40).map(at).collect();
    assert!(matches!(next(at(100), &policy(), &record, &grave), Next::Wait { .. }));
}

/// A target that answers by what it is sent; which events it has got after so many runs.
fn after(events: &[Event], runs: i64, answer: impl Fn(&[String]) -> Outcome) -> (TargetRecord, Vec<String>) {
    let (mut record, mut got) = (TargetRecord::new("t"), Vec::new());
    for hour in 1..=runs {
        let now = at(10_000 + hour * 3600);
        let Next::Send(message) = next(now, &policy(), &record, events) else { continue };
        record.begins(&message);
        let outcome = answer(&message.events);
        if matches!(outcome, Outcome::Sent(_)) {
            got.extend(message.events);
        }
        record.ended(events, &outcome, now);
    }
    (record, got)
}

#[test]
fn one_that_never_gets_through_does_not_hold_up_the_others() {
    for count in [3, 12] {
        let events: Vec<Event> = (0..count).map(|n| event(Kind::TaskGivenUp, &format!("s{n}"), n)).collect();
        for bad in [0, 1] {
            for answer in [Outcome::later("it answered 500"), Outcome::fault("it answered 403")] {
                let bad = events[bad].id.clone();
                let judge = |ids: &[String]| match ids.contains(&bad) {
                    true => answer.clone(),
                    false => Outcome::Sent(String::new()),
                };
                let (record, got) = after(&events, 80, judge);
                assert_eq!(got.len(), events.len() - 1, "{answer:?} {record:?}");
                assert!(!got.contains(&bad) && record.parked.is_empty());
            }
        }
    }
}

#[test]
fn a_target_that_refuses_everything_keeps_what_it_did_not_take_and_gets_it_when_it_is_well() {
    let events: Vec<Event> = (0..8).map(|n| event(Kind::TaskGivenUp, &format!("s{n}"), n)).collect();
    let tried = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let (mut record, _) = after(&events, 30, |ids| {
        tried.borrow_mut().extend(ids.to_vec());
        Outcome::Refused { why: "400".into() }
    });
    assert_eq!((record.parked.len(), tried.borrow().len()), (3, 8), "{record:?}");
    record.parked.clear();
    assert_eq!([99, 100, 101, 102, 103].map(|day| take(&mut record, &events, day * 86400)), [1, 2, 4, 1, 0]);
}

#[derive(Clone, Debug)]
enum Act {
    Note(u8, u8),
    Run(u8),
    Crash,
    Hours(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0..6_u8, 0..4_u8).prop_map(|(kind, subject)| Act::Note(kind, subject)),
        (0..5_u8).prop_map(Act::Run),
        Just(Act::Crash),
        (0..30_u8).prop_map(Act::Hours),
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    /// Whatever a target answers and wherever runs are killed: in the end each event was told or is parked,
    /// and none was told twice but in a message whose first try had an unknown end.
    #[test]
    fn nothing_is_lost_and_nothing_is_told_twice(acts in acts()) {
        const KINDS: [Kind; 6] = [
            Kind::TaskGivenUp, Kind::Exhausted, Kind::SessionLost, Kind::SwitchDone, Kind::GuardBroken, Kind::UnitFailed,
        ];
        let policy = policy();
        let mut record = TargetRecord::new("t");
        let (mut events, mut now) = (Vec::new(), 1_000_000_i64);
        // Which messages told an event, as the target has seen it.
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut run = |record: &mut TargetRecord, events: &[Event], now: i64, answer: u8| {
            record.tidy(&policy, events, at(now));
            let Next::Send(message) = next(at(now), &policy, record, events) else {
                if record.paused(at(now)).is_some() {
                    record.gives_up(&policy, events, at(now));
                }
                return false;
            };
            record.begins(&message);
            let arrives = matches!(answer, 0 | 4);
            if arrives {
                for id in &message.events {
                    told.entry(id.clone()).or_default().push(message.id.clone());
                }
            }
            let outcome = match answer {
                0 => Outcome::Sent(String::new()),
                1 => Outcome::later("no"),
                2 => Outcome::Refused { why: "no".into() },
                3 => Outcome::fault("no"),
                _ => Outcome::Later { after: None, why: "timeout".into(), unsure: true },
            };
            record.ended(events, &outcome, at(now));
            if record.failures > 0 {
                record.gives_up(&policy, events, at(now));
            }
            true
        };
        for act in acts {
            now += 1;
            match act {
                Act::Note(kind, subject) => {
                    events.push(event(KINDS[usize::from(kind)], &format!("s{subject}"), now));
                }
                Act::Run(answer) => drop(run(&mut record, &events, now, answer)),
                // Killed between the send and its mark.
                Act::Crash => {
                    if let Next::Send(message) = next(at(now), &policy, &record, &events) {
                        record.begins(&message);
                    }
                }
                Act::Hours(hours) => now += 3600 * i64::from(hours),
            }
        }
        for _ in 0..500 {
            now += 3600;
            run(&mut record, &events, now, 0);
        }
        for e in &events {
            let messages = told.get(&e.id).cloned().unwrap_or_default();
            prop_assert!(!messages.is_empty() || record.parked.contains_key(&e.id), "lost: {e:?}");
            // Sent again only as the very same message, which a target with keys takes once.
            prop_assert!(messages.iter().all(|m| m == &messages[0]), "twice: {e:?} {messages:?}");
        }
        prop_assert!(record.message.is_none());
    }
}
