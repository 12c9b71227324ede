use super::*;
use crate::model::name::{ProjectName, TaskId};

const NOW: &str = "2026-11-25T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A file that was last written so many hours ago.
fn seen(path: &str, hours: i64) -> Seen {
    let at = now().checked_sub(SignedDuration::from_hours(hours)).unwrap();
    Seen { path: PathBuf::from(path), bytes: 10, written: at, changed: at, mark: hours.cast_unsigned() }
}

fn session(name: &str) -> SessionName {
    SessionName::new(name).unwrap()
}

fn task(id: &str) -> TaskRef {
    TaskRef { project: ProjectName::new("app").unwrap(), id: TaskId::new(id).unwrap() }
}

fn claimed(id: &str, hours: i64) -> Found {
    let (task, project) = (task(id), PathBuf::from("/srv/app"));
    Found::Claimed {
        task,
        project,
        seen: seen(&format!("/q/{id}.md.dispatched"), hours),
        twin: false,
        busy: None,
        elsewhere: None,
    }
}

fn ended(id: &str, state: OutcomeResult, hours: i64) -> Found {
    let TaskRef { project, id } = task(id);
    Found::Ended { project, state, seen: seen(&format!("/q/{id}.md"), hours), id }
}

fn planned(found: Vec<Found>, known: &Known) -> Plan {
    plan(now(), found, known, &Rules::default())
}

/// What is to be done, as a person reads it.
fn told(found: Vec<Found>, known: &Known) -> Vec<String> {
    let plan = planned(found, known);
    let steps =
        plan.steps.iter().map(|s| format!("{} {}: {} ({})", s.rule.verb(), s.subject, s.why, words(s.age)));
    let left = plan.left.iter().map(|(why, left)| format!("left {}: {why}", left.first.join(" ")));
    steps.chain(left).collect()
}

fn known() -> Known {
    let sessions = [
        ("live", Standing::Live),
        ("rest", Standing::AtRest),
        ("old", Standing::AtRest),
        ("torn", Standing::Broken),
    ];
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    Known {
        sessions: sessions.map(|(name, standing)| (name.to_owned(), standing)).into(),
        configured: set(&["live", "rest", "mine"]),
        dedicated: set(&["mine"]),
        accounts: set(&["main"]),
        leased: [task("leased")].into(),
        unclear: None,
    }
}

#[test]
fn a_claim_goes_back_when_nobody_has_it_and_that_can_be_told() {
    let found = || vec![claimed("a", 3), claimed("young", 1), claimed("leased", 99)];
    assert_eq!(
        told(found(), &known()),
        ["put back app:a: no session has had it for 3h: that counts as a try (3h)"]
    );
    let unclear = Known { unclear: Some("tmux hangs".into()), ..known() };
    assert_eq!(told(found(), &unclear), ["left app:a: claimed, and it cannot be told by whom: tmux hangs"]);
    let with = |change: fn(&mut Found)| {
        let mut found = claimed("a", 3);
        change(&mut found);
        told(vec![found], &known())
    };
    let twin = with(|f| {
        if let Found::Claimed { twin, .. } = f {
            *twin = true;
        }
    });
    assert_eq!(twin, ["left app:a: claimed, and a task of the same id waits"]);
    let busy = with(|f| {
        if let Found::Claimed { busy, .. } = f {
            *busy = Some(session("live"));
        }
    });
    assert_eq!(busy, ["left app:a: claimed, and session `live`, which had it, is not at rest"]);
    let elsewhere = with(|f| {
        if let Found::Claimed { elsewhere, .. } = f {
            *elsewhere = Some("q-1".into());
        }
    });
    assert_eq!(
        elsewhere,
        ["left app:a: claimed, and `status.json` names session `q-1`, which is not of this state"]
    );
}

#[test]
fn a_claim_whose_file_was_written_in_the_future_goes_by_when_it_was_moved() {
    let mut found = claimed("a", -99);
    if let Found::Claimed { seen, .. } = &mut found {
        seen.changed = now().checked_sub(SignedDuration::from_hours(3)).unwrap();
    }
    assert_eq!(told(vec![found], &known()).len(), 1);
}

#[test]
fn a_leap_of_the_clock_removes_nothing() {
    let at = |days: i64| now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap();
    assert_eq!((mistrusts_clock(now(), None), mistrusts_clock(now(), Some(at(7)))), (None, None));
    assert!(mistrusts_clock(now(), Some(at(8))).unwrap().starts_with("the last run was 8d ago"));
    let found = vec![claimed("a", 3), Found::Temp { seen: seen("/s/.tmp-a.1.0", 2) }];
    let rules: Vec<Rule> = planned(found, &known()).harmless().steps.iter().map(|s| s.rule).collect();
    assert_eq!(rules, [Rule::StaleClaims]);
}

#[test]
fn few_tasks_wait_a_day_for_their_shelf() {
    use OutcomeResult::Done;
    let days = |hours: i64| planned(vec![ended("a", Done, 24 * 30 + hours)], &known()).archive.len();
    assert_eq!((days(1), days(24), days(25)), (0, 0, 1));
    let many = (0..1000).map(|n| ended(&format!("t{n}"), Done, 24 * 30 + 1)).collect();
    assert_eq!(planned(many, &known()).archive.len(), 1);
}

#[test]
fn finished_tasks_go_to_the_shelf_of_their_month_by_age() {
    use OutcomeResult::{Done, Failed};
    let days = |n: i64| 24 * n;
    let found = vec![
        ended("a", Done, days(31)),
        ended("b", Done, days(40)),
        ended("c", Done, days(29)),
        ended("d", Failed, days(40)),
        ended("e", Failed, days(92)),
        ended("leased", Done, days(400)),
        ended("f", Done, days(30)),
    ];
    let plan = planned(found, &known());
    let shelf = |state, month: &str| Shelf { project: task("a").project, state, month: month.into() };
    let batch = |days: &[i64]| Batch {
        bytes: 10 * days.len() as u64,
        oldest: SignedDuration::from_hours(24 * days.iter().max().unwrap()),
        marks: days.iter().map(|d| 24 * d.cast_unsigned()).collect(),
    };
    let want = [(shelf(Done, "2026-10"), batch(&[31, 40])), (shelf(Failed, "2026-08"), batch(&[92]))];
    assert_eq!(plan.archive, want.into());
    assert_eq!((plan.steps.len(), plan.left.len()), (0, 0), "what is young or of use is not even said");
}

#[test]
fn a_time_in_the_future_is_no_age() {
    let future = -24 * 365;
    let signals = Found::Signals { account: "gone".into(), seen: seen("/s/gone.jsonl", future) };
    let log = Found::Log { day: "2027-11-25".parse().unwrap(), seen: seen("/l/x", future) };
    let temp = Found::Temp { seen: seen("/s/.tmp-a.1", future) };
    let found = vec![claimed("a", future), ended("b", OutcomeResult::Done, future), signals, log, temp];
    assert_eq!(planned(found, &known()), Plan::default());
    assert_eq!(age(now(), Timestamp::MAX), SignedDuration::ZERO);
}

#[test]
fn records_go_only_when_their_task_is_archived() {
    let record = |id: &str, whereabouts, hours| Found::Record {
        task: task(id),
        seen: seen("/t/x.json", hours),
        whereabouts,
    };
    let found = vec![
        record("archived", Whereabouts::Archive, 24 * 31),
        record("waiting", Whereabouts::Queue, 24 * 31),
        record("gone", Whereabouts::Nowhere, 24 * 31),
        record("young", Whereabouts::Archive, 24 * 29),
        record("leased", Whereabouts::Archive, 24 * 31),
    ];
    assert_eq!(
        told(found, &known()),
        [
            "removed app:archived: its task is in the archive (31d)",
            "left app:gone: a record of a task whose file is nowhere"
        ]
    );
}

#[test]
fn what_belongs_to_a_session_goes_by_how_it_stands() {
    let month = 24 * 31;
    let overlay = |name: &str, hours| Found::Overlay {
        session: session(name),
        seen: seen(&format!("/o/{name}.json"), hours),
    };
    let found = ["live", "rest", "torn", "gone"]
        .map(|n| overlay(n, 25))
        .into_iter()
        .chain([overlay("young", 23)])
        .collect();
    assert_eq!(
        told(found, &known()),
        [
            "removed gone.json: no session of this name is known (1d 1h)",
            "removed rest.json: its session has no client (1d 1h)"
        ]
    );
    let record =
        |name: &str, hours| Found::Session { name: session(name), seen: seen(&format!("/s/{name}.json"), hours) };
    let found = ["live", "rest", "torn", "old"].map(|n| record(n, month)).into();
    assert_eq!(told(found, &known()), ["removed old.json: no client, and not in the configuration (31d)"]);
    assert!(told(vec![record("old", 24 * 29)], &known()).is_empty());
    let events = |name: &str, kind, hours, bytes| {
        let seen = Seen { bytes, ..seen(&format!("/e/{name}"), hours) };
        Found::Events { session: session(name), kind, seen }
    };
    let found = vec![
        events("live", Events::Current, month, 17 << 20),
        events("rest", Events::Current, month, 10),
        events("rest", Events::Rotated, month, 10),
        events("torn", Events::Current, month, 17 << 20),
        events("gone", Events::StatusLine, month, 10),
        events("gone", Events::Current, 1, 10),
    ];
    assert_eq!(
        told(found, &known()),
        [
            "rotated live: 17 MiB (31d)",
            "removed gone: no session of this name is known (31d)",
            "removed rest: put aside (31d)"
        ]
    );
}

#[test]
fn only_an_orphan_that_nobody_could_miss_is_ended() {
    let remains = |name: &str, alive, attached, hours| {
        let activity = Some(seen("", hours).written);
        Found::Remains(Remains { session: session(name), alive, attached, activity })
    };
    let found = vec![
        remains("p-9", false, false, 2),
        remains("young", false, false, 1),
        remains("rest", false, false, 99),
        remains("torn", false, false, 99),
        remains("mine", false, false, 99),
        remains("watched", false, true, 99),
        remains("stray", true, false, 99),
        Found::Remains(Remains { session: session("unknown-age"), alive: false, attached: false, activity: None }),
    ];
    assert_eq!(
        told(found, &known()),
        [
            "ended p-9: ours, its client has ended, no record knows of it, nobody is attached (2h)",
            "left tmux session stray: a client of ours that no record knows of",
            "left tmux session mine: an orphan of a name that is yours",
            "left tmux session watched: an orphan that somebody is attached to",
        ]
    );
}

#[test]
fn the_log_goes_by_age_and_by_size_and_today_stays() {
    let day = |day: &str, bytes| Found::Log {
        day: day.parse().unwrap(),
        seen: Seen { bytes, ..seen(&format!("/l/{day}.jsonl"), 0) },
    };
    let mib = 1 << 20;
    let found = vec![
        day("2026-11-25", 600 * mib),
        day("2026-08-26", mib),
        day("2026-11-24", mib),
        day("2026-08-27", mib),
        day("2026-10-01", mib),
    ];
    assert_eq!(
        told(found, &known()),
        [
            "removed 2026-08-26.jsonl: kept for 90d (90d 12h)",
            "removed 2026-08-27.jsonl: the log is larger than 512 MiB (89d 12h)",
            "removed 2026-10-01.jsonl: the log is larger than 512 MiB (54d 12h)",
            "removed 2026-11-24.jsonl: the log is larger than 512 MiB (12h)",
        ]
    );
    assert!(told(vec![day("2026-11-25", 600 * mib)], &known()).is_empty());
}

#[test]
fn the_newest_switches_are_kept_whatever_order_they_are_found_in() {
    let rules = Rules { switches_keep: 2, ..Rules::default() };
    let found =
        ["3", "1", "4", "2"].map(|id| Found::Switch { id: id.into(), seen: seen(&format!("/h/{id}.json"), 1) });
    let plan = plan(now(), found, &known(), &rules);
    let ids: Vec<&str> = plan.steps.iter().map(|s| s.subject.as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
}

#[test]
fn little_things_go_by_age_and_the_unknown_is_counted() {
    let mut found = vec![
        Found::Kick { name: "dispatch".into(), seen: seen("/k/dispatch", 2) },
        Found::Kick { name: "task".into(), seen: seen("/k/task", 1) },
        Found::Temp { seen: seen("/s/.tmp-a.1.0", 2) },
        Found::Temp { seen: seen("/s/.tmp-b.1.0", 0) },
        Found::Checkpoint { session: session("live"), seen: seen("/c/live/1.json", 0) },
        Found::Signals { account: "main".into(), seen: seen("/g/main.jsonl", 24 * 99) },
        Found::Signals { account: "gone".into(), seen: seen("/g/gone.jsonl", 24 * 31) },
    ];
    found.extend((0..5).map(|n| Found::Unknown { what: format!("/log/{n}.txt"), why: "no file of ours".into() }));
    let plan = planned(found.clone(), &known());
    assert_eq!(plan.left["no file of ours"].count, 5);
    assert_eq!(
        told(found, &known()),
        [
            "removed live/1.json: expired: neither one of the newest nor the last of a day (0s)",
            "removed gone: no account of this name in the configuration (31d)",
            "removed dispatch: nobody took it (2h)",
            "removed /s/.tmp-a.1.0: left by a run that was killed (2h)",
            "left /log/0.txt /log/1.txt /log/2.txt: no file of ours",
        ]
    );
}

#[test]
fn a_hundred_thousand_tasks_cost_eight_bytes_each() {
    let found = (0..100_000).map(|n| ended(&format!("t{n}"), OutcomeResult::Done, 24 * 40));
    let plan = plan(now(), found, &known(), &Rules::default());
    let batch = plan.archive.values().next().unwrap();
    assert_eq!((plan.archive.len(), batch.marks.len(), plan.steps.len()), (1, 100_000, 0));
}

proptest::proptest! {
    #[test]
    fn nothing_young_live_or_newest_is_ever_planned(hours in proptest::collection::vec(-2000i64..4000, 0..40), keep in 1usize..5) {
        let rules = Rules { switches_keep: keep, ..Rules::default() };
        let found: Vec<Found> = hours.iter().enumerate().flat_map(|(n, h)| {
            let TaskRef { project, id } = task("a");
            [
                Found::Switch { id: format!("{n:03}"), seen: seen("/h", *h) },
                Found::Ended { project, state: OutcomeResult::Done, id, seen: seen("/d", *h) },
                Found::Overlay { session: session("live"), seen: seen("/o", *h) },
                claimed("leased", *h),
            ]
        }).collect();
        let plan = plan(now(), found, &known(), &rules);
        proptest::prop_assert_eq!(plan.steps.len(), hours.len().saturating_sub(keep));
        let newest = format!("{:03}", hours.len().saturating_sub(1));
        let all_switches = plan.steps.iter().all(|s| s.rule == Rule::Switches && s.subject != newest);
        proptest::prop_assert!(all_switches);
        let archived: usize = plan.archive.values().map(|b| b.marks.len()).sum();
        let older = |than: i64| hours.iter().filter(|h| **h > than).count();
        proptest::prop_assert!((older(24 * 31)..=older(24 * 30)).contains(&archived));
    }
}
