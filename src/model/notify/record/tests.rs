use super::super::policy::tests::policy;
use super::super::tests::event;
use super::super::{Kind, policy::Policy};
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn refused() -> Outcome {
    Outcome::Refused { why: "400: bad".to_owned() }
}

fn with(record: &mut TargetRecord, ids: &[&str]) {
    let events = ids.iter().map(|id| (*id).to_owned()).collect();
    record.begins(&Message { id: "m".to_owned(), events, composed: at(0), tries: 0, unsure: false, again: false });
}

#[test]
fn a_message_that_is_refused_is_halved_then_parked_and_many_are_the_targets_fault() {
    let mut r = TargetRecord::new("t");
    with(&mut r, &["a", "b", "c", "d"]);
    assert!(r.message.as_ref().unwrap().unsure);
    r.ended(&[], &refused(), at(1));
    assert_eq!((r.most, r.message.is_none(), r.parked.len()), (Some(2), true, 0));
    for (n, id) in ["a", "b", "c"].iter().enumerate() {
        with(&mut r, &[id]);
        r.ended(&[], &refused(), at(2));
        assert_eq!(r.parked.len(), n + 1);
    }
    assert_eq!(r.probes(), None);
    for turn in 0..5 {
        with(&mut r, &["d"]);
        r.ended(&[], &refused(), at(3));
        assert!(r.message.is_none() && !r.parked.contains_key("d"), "it waits again: {r:?}");
        assert!(r.trouble.as_ref().unwrap().fault && r.paused(at(4)).is_some());
        assert_eq!(r.probes(), Some(turn), "each time another one is tried");
    }
    with(&mut r, &["d"]);
    r.ended(&[], &Outcome::Sent(String::new()), at(5));
    assert_eq!((r.trouble.is_none(), r.refused, r.delivered.len()), (true, 0, 1));
}

#[test]
fn what_surely_did_not_arrive_is_put_together_anew() {
    let fault = Outcome::fault("404");
    for outcome in [Outcome::later("500"), fault.clone()] {
        let mut r = TargetRecord::new("t");
        with(&mut r, &["a"]);
        r.ended(&[], &outcome, at(1));
        assert_eq!((r.message.clone(), r.failures), (None, 1), "{outcome:?}");
        // One that may have arrived before stays the same, whatever comes of later tries.
        with(&mut r, &["a"]);
        r.begins(&r.message.clone().unwrap());
        r.ended(&[], &outcome, at(2));
        assert!(r.message.as_ref().is_some_and(|m| m.again && !m.unsure), "{r:?}");
    }
    // Nobody will know whether it had arrived: it does not hold up the others, even where the target takes nothing.
    let mut r = TargetRecord::new("t");
    r.refused = 9;
    with(&mut r, &["a"]);
    r.begins(&r.message.clone().unwrap());
    r.ended(&[], &refused(), at(3));
    assert!(r.message.is_none() && r.parked["a"].why.starts_with("may have arrived; then "), "{r:?}");
}

#[test]
fn what_may_have_arrived_is_sent_again_as_it_was() {
    let mut r = TargetRecord::new("t");
    with(&mut r, &["a"]);
    let later = |unsure| Outcome::Later { after: None, why: "timeout".to_owned(), unsure };
    r.ended(&[], &later(true), at(1));
    let m = r.message.clone().unwrap();
    assert_eq!((m.id.as_str(), m.tries, m.unsure), ("m", 1, true));
    r.begins(&m);
    r.ended(&[], &later(false), at(2));
    assert_eq!(r.message.map(|m| (m.tries, m.unsure)), Some((2, false)));
    assert_eq!((r.failures, r.trouble.unwrap().since), (2, at(1)));
}

#[test]
fn a_clock_that_went_back_does_not_hold_it_for_ever() {
    let mut r = TargetRecord::new("t");
    r.not_before = Some(at(1_000_000));
    assert_eq!(r.paused(at(10)), None);
    assert_eq!(r.paused(at(999_990)), Some(at(1_000_000)));
}

#[test]
fn what_a_person_tries_again_waits_anew_however_old_it_is() {
    let events = [event(Kind::TaskGivenUp, "a", 1), event(Kind::TaskGivenUp, "b", 1)];
    let mut record = TargetRecord::new("t");
    let late = at(1).checked_add(policy().keep * 2).unwrap();
    record.tidy(&policy(), &events, late);
    assert_eq!(record.waiting(&policy(), &events).len(), 2, "after a week without a run it is told, not given up");
    assert_eq!(record.gives_up(&policy(), &events, late).len(), 2);
    record.retry(late, |id| id == events[0].id);
    assert!(record.gives_up(&policy(), &events, late).is_empty());
    assert_eq!(record.waiting(&policy(), &events), [&events[0]]);
    let later = late.checked_add(policy().keep * 2).unwrap();
    assert_eq!(record.gives_up(&policy(), &events, later), [events[0].id.clone()]);
}

#[test]
fn a_digest_grows_again_once_one_was_taken() {
    let mut record = TargetRecord::new("t");
    for (most, want) in [(Some(5), Some(10)), (Some(400), None), (None, None)] {
        record.most = most;
        with(&mut record, &["x"]);
        record.ended(&[], &Outcome::Sent(String::new()), at(9));
        assert_eq!(record.most, want);
    }
}

#[test]
fn old_events_are_parked_and_marks_outlive_their_events() {
    let mut r = TargetRecord::new("t");
    let policy = Policy { keep: SignedDuration::from_hours(1), ..policy() };
    let events = [event(Kind::TaskGivenUp, "a", 0), event(Kind::TaskGivenUp, "b", 3000)];
    r.delivered.insert("gone".to_owned(), at(0));
    with(&mut r, &[&events[0].id]);
    r.tidy(&policy, &events, at(4000));
    assert_eq!(r.gives_up(&policy, &events, at(4000)), [events[0].id.clone()]);
    assert!(r.parked.contains_key(&events[0].id) && r.message.is_none());
    assert_eq!(r.waiting(&policy, &events), [&events[1]]);
    assert!(r.delivered.contains_key("gone"));
    r.tidy(&policy, &events[1..], at(25 * 3600 + 1));
    assert!(r.delivered.is_empty() && !r.parked.contains_key(&events[0].id), "{r:?}");
}

#[test]
fn marks_of_what_lasts_outlive_the_others_and_are_renewed() {
    let mut r = TargetRecord::new("t");
    let policy = Policy { keep: SignedDuration::from_hours(100), ..policy() };
    let hours = |n: i64| at(n * 3600);
    for id in ["login-expired-1", "account-exhausted-2", "task-given-up-3", "guard-broken-4"] {
        r.delivered.insert(id.to_owned(), hours(0));
    }
    r.tidy(&policy, &[], hours(24));
    assert_eq!(r.delivered.len(), 4);
    r.tidy(&policy, &[], hours(25));
    assert_eq!(r.delivered.keys().collect::<Vec<_>>(), ["account-exhausted-2", "login-expired-1"]);
    assert!(!r.renews("login-expired-1", hours(24)) && !r.renews("login-ending-9", hours(100)));
    assert!(r.renews("login-expired-1", hours(100)));
    r.tidy(&policy, &[], hours(125));
    assert_eq!(r.delivered.keys().collect::<Vec<_>>(), ["login-expired-1"]);
}

#[test]
fn an_event_waits_for_those_for_whom_it_was_noted() {
    let to = |targets: &[&str]| Event {
        targets: targets.iter().map(|t| (*t).to_owned()).collect(),
        ..event(Kind::TaskGivenUp, &targets.join(" "), 1)
    };
    let events = [to(&[]), to(&["t"]), to(&["u"]), to(&["u", "t"])];
    let waiting = |name| TargetRecord::new(name).waiting(&policy(), &events).len();
    assert_eq!([waiting("t"), waiting("u"), waiting("new")], [3, 3, 1]);
}
