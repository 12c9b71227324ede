//! Which message a target gets next, and when.
//!
//! One event is one message, several that are alike are one, and a flood is a digest. A message that was
//! begun comes first and stays as it is.

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use super::record::{Message, TargetRecord};
use super::{Event, Severity};

/// The most events that one message tells.
pub const MOST: usize = 500;

/// What is to be done for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing waits.
    Idle,
    /// Something waits, and is not sent yet.
    Wait {
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// This is sent.
    Send(Message),
}

fn wait(until: Timestamp, why: impl Into<String>) -> Next {
    Next::Wait { until, why: why.into() }
}

/// What is to be done now; `events` is everything in the outbox.
#[must_use]
pub fn next(now: Timestamp, policy: &Policy, record: &TargetRecord, events: &[Event]) -> Next {
    let waiting = record.waiting(policy, events);
    if waiting.is_empty() {
        return Next::Idle;
    }
    if let Some(until) = record.paused(now) {
        let why = record.trouble.as_ref().map_or("it failed", |t| t.why.as_str());
        return wait(until, why);
    }
    let quiet = policy.quiet.as_ref().and_then(|q| Some((q.until(now)?, q.pass)));
    let passes = |e: &Event| quiet.is_none_or(|(_, pass)| e.severity() >= pass);
    if let Some(message) = &record.message {
        // It goes first even in quiet hours where something behind it may not wait.
        return match quiet {
            Some((until, _)) if !waiting.iter().any(|e| passes(e)) => wait(until, "quiet hours"),
            _ => Next::Send(message.clone()),
        };
    }
    let (loud, held): (Vec<&Event>, Vec<&Event>) = waiting.into_iter().partition(|e| passes(e));
    if loud.is_empty() {
        let until = quiet.map_or(now, |(until, _)| until);
        return wait(until, format!("quiet hours ({} wait)", held.len()));
    }
    let (ready, again): (Vec<&Event>, Vec<&Event>) = loud
        .into_iter()
        .partition(|e| e.severity() == Severity::Critical || told_until(policy, record, e, now).is_none());
    if ready.is_empty() {
        let until = again.iter().filter_map(|e| told_until(policy, record, e, now)).min().unwrap_or(now);
        return wait(until, "the same was told a short while ago");
    }
    let ready = match within_pace(now, policy, record, ready) {
        Ok(ready) => ready,
        Err(until) => return wait(until, format!("{} messages in the last hour", record.sends.len())),
    };
    let told = pick(policy, record, ready);
    let id = record.message_id(&told, now);
    let events = told.iter().map(|e| e.id.clone()).collect();
    Next::Send(Message { id, events, composed: now, tries: 0, unsure: false, again: false })
}

/// Until when an event is no news, because the like was told.
fn told_until(policy: &Policy, record: &TargetRecord, event: &Event, now: Timestamp) -> Option<Timestamp> {
    let at = *record.recent.get(&event.likeness())?;
    let age = now.duration_since(at);
    // One in the future is of a clock that went back.
    (!age.is_negative() && age < policy.repeat).then(|| at.checked_add(policy.repeat).ok()).flatten()
}

/// What may still be sent in this hour; else when the next may.
fn within_pace<'e>(
    now: Timestamp,
    policy: &Policy,
    record: &TargetRecord,
    ready: Vec<&'e Event>,
) -> Result<Vec<&'e Event>, Timestamp> {
    let hour = SignedDuration::from_hours(1);
    let recent: Vec<&Timestamp> = record
        .sends
        .iter()
        .filter(|at| (SignedDuration::ZERO..hour).contains(&now.duration_since(**at)))
        .collect();
    if recent.len() < policy.per_hour {
        return Ok(ready);
    }
    let critical: Vec<&Event> = ready.into_iter().filter(|e| e.severity() == Severity::Critical).collect();
    if !critical.is_empty() && recent.len() < policy.per_hour * 2 {
        return Ok(critical);
    }
    Err(recent.iter().min().and_then(|at| at.checked_add(hour).ok()).unwrap_or(now))
}

/// The events of the next message: a few are told one by one, those alike together; many all at once.
fn pick<'e>(policy: &Policy, record: &TargetRecord, mut ready: Vec<&'e Event>) -> Vec<&'e Event> {
    let most = record.most.unwrap_or(MOST).clamp(1, MOST);
    // Stable: oldest first among the equally grave.
    ready.sort_by_key(|e| std::cmp::Reverse(e.severity()));
    if ready.len() <= policy.digest_over {
        let like = ready[0].likeness();
        ready.retain(|e| e.likeness() == like);
    }
    ready.truncate(most);
    ready
}

#[cfg(test)]
mod tests {
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
                let Next::Send(message) = next(at(now), &policy, record, events) else { return false };
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
}
