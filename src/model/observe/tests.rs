use super::*;
use crate::model::event::Seen;
use crate::model::name::SessionName;
use crate::model::session::Kind;

fn t(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn record() -> SessionRecord {
    SessionRecord::new(SessionName::new("p-1").unwrap(), Kind::Pool)
}

fn alive(file: Option<(ClientStatus, i64)>) -> Observation {
    Observation {
        pane: PaneView::Present(PaneFacts {
            id: "%1".into(),
            pid: 7,
            activity: Some(t(0)),
            ..PaneFacts::default()
        }),
        process: Some(ClientProcess { pid: 7, start: 1, boot_id: "b".into(), launched: t(0) }),
        file: file.map(|(status, since)| ClientFile {
            pid: 7,
            start: 1,
            conversation: "c".into(),
            status,
            waiting_for: "permission prompt".into(),
            status_since: Some(t(since)),
            updated: Some(t(since)),
        }),
        screen: None,
        astray: None,
    }
}

const PATIENCE: Patience =
    Patience { ready: SignedDuration::from_secs(60), stall: SignedDuration::from_secs(600) };

fn state(now: i64, record: &SessionRecord, seen: &Observation) -> State {
    verdict(t(now), record, seen, PATIENCE).state
}

#[test]
fn the_ladder() {
    use ClientStatus::{Busy, Idle, Other, Shell, Waiting};
    let r = record();
    let pane = |pane| Observation { pane, ..alive(None) };
    for (now, seen, want) in [
        (1, pane(PaneView::Unasked("timed out".into())), State::Unknown),
        (1, pane(PaneView::NoServer), State::Dead),
        (
            1,
            Observation { astray: Some(Astray { pid: 7, session: None }), ..pane(PaneView::NoServer) },
            State::Unknown,
        ),
        (1, pane(PaneView::Missing), State::Dead),
        (1, pane(PaneView::Present(PaneFacts { dead: true, ..PaneFacts::default() })), State::Dead),
        (1, Observation { process: None, ..alive(None) }, State::Unknown),
        (1, alive(None), State::Starting),
        (61, alive(None), State::Unknown),
        (1, Observation { screen: Some("asks to log in"), ..alive(None) }, State::Waiting),
        (9, alive(Some((Busy, 0))), State::Working),
        (601, alive(Some((Busy, 0))), State::Stalled),
        (9, alive(Some((Waiting, 0))), State::Waiting),
        (9, alive(Some((Shell, 0))), State::Idle),
        (9, alive(Some((Other, 0))), State::Unknown),
        (9, alive(Some((Idle, 0))), State::Idle),
        // A clock that went back by an hour is no stall and no panic.
        (-3600, alive(Some((Busy, 0))), State::Working),
    ] {
        assert_eq!(state(now, &r, &seen), want, "{now} {seen:?}");
    }
}

#[test]
fn shells_of_a_task_are_work_until_they_are_silent_for_too_long() {
    let mut r = record();
    r.lease = Some(crate::model::delivery::tests::lease());
    let seen = alive(Some((ClientStatus::Shell, 0)));
    assert_eq!(state(9, &r, &seen), State::Working);
    assert_eq!(state(601, &r, &seen), State::Stalled);
    assert!(verdict(t(9), &r, &seen, PATIENCE).background);
}

#[test]
fn a_limit_counts_only_for_the_client_that_hit_it() {
    let mut r = record();
    r.digest.failure = Some(Seen {
        at: t(5),
        seq: 5,
        what: "rate_limit".into(),
        text: "You've hit your weekly limit".into(),
        running: 0,
    });
    assert_eq!(state(9, &r, &alive(Some((ClientStatus::Idle, 5)))), State::Limited);
    assert_eq!(state(9, &r, &alive(Some((ClientStatus::Waiting, 5)))), State::Limited);
    r.launch_mark = 5;
    assert_eq!(state(9, &r, &alive(Some((ClientStatus::Idle, 5)))), State::Idle);
    r.launch_mark = 4;
    r.digest.failure.as_mut().unwrap().what = "server_error".into();
    assert_eq!(state(9, &r, &alive(Some((ClientStatus::Idle, 5)))), State::Idle);
}

#[test]
fn since_is_what_the_client_says_or_the_first_look() {
    let mut r = record();
    r.note = verdict(t(1), &r, &alive(Some((ClientStatus::Idle, 0))), PATIENCE);
    let later = verdict(t(50), &r, &alive(Some((ClientStatus::Idle, 0))), PATIENCE);
    assert_eq!((&later, later.since), (&r.note, t(0)));
    // It was at work between two looks: idle since then, not since the first look.
    assert_eq!(verdict(t(50), &r, &alive(Some((ClientStatus::Idle, 40))), PATIENCE).since, t(40));
    let gone = Observation { pane: PaneView::Missing, process: None, file: None, screen: None, astray: None };
    r.note = verdict(t(60), &r, &gone, PATIENCE);
    assert_eq!(verdict(t(90), &r, &gone, PATIENCE).since, t(60));
}

#[test]
fn durations_for_people() {
    for (s, want) in [(-5, "0s"), (59, "59s"), (60, "1m"), (3600, "1h"), (3900, "1h 5m"), (90_000, "1d 1h")] {
        assert_eq!(words(SignedDuration::from_secs(s)), want);
    }
}
