use super::*;
use crate::model::event::Seen;
use crate::model::name::{ProjectName, SessionName, TaskId, TaskRef};
use crate::model::observe::PaneFacts;
use crate::model::session::{ClientProcess, StateNote};

fn t(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn seen(at: i64, text: &str) -> Option<Seen> {
    Some(Seen { at: t(at), seq: at.unsigned_abs(), text: text.into(), ..Seen::default() })
}

/// A pool session with a confirmed lease since second 10, prompt reported at 11.
fn record(state: State) -> SessionRecord {
    let mut r = SessionRecord::new(SessionName::new("p-1").unwrap(), Kind::Pool);
    r.client = Some(ClientProcess { pid: 7, start: 1, boot_id: "b".into(), launched: t(9) });
    r.note = StateNote { state, since: t(20), ..StateNote::default() };
    r.digest.prompt = seen(11, "Task x (attempt 1): read …");
    r.lease = Some(Lease {
        task: TaskRef { project: ProjectName::new("app").unwrap(), id: TaskId::new("x").unwrap() },
        project_path: "/srv/app".into(),
        attempt: 1,
        phase: Phase::Confirmed,
        since: t(10),
        claimed: t(10),
        resumes: 0,
        nudges: 0,
        nudged: None,
        begun: false,
        mark: 10,
        transcript_from: 0,
        carry_on: false,
        accounts: Vec::new(),
        stall_after_seconds: None,
        max_attempts: 3,
    });
    r
}

fn look() -> Observation {
    Observation {
        pane: PaneView::Present(PaneFacts::default()),
        process: None,
        file: None,
        screen: None,
        astray: None,
    }
}

fn facts(seen: &Observation) -> Facts<'_> {
    Facts {
        seen,
        place: Some(Place::Claimed),
        has_transcript: Some(true),
        in_transcript: Some(false),
        composer: None,
        configured: true,
        revive_dedicated: true,
        max_resumes: 2,
        ready: SignedDuration::from_secs(60),
    }
}

fn lease(r: &mut SessionRecord) -> &mut Lease {
    r.lease.as_mut().unwrap()
}

#[test]
fn a_stop_with_nothing_behind_it_finishes() {
    let (look, mut r) = (look(), record(State::Idle));
    assert_eq!(step(t(30), &r, &facts(&look)), None, "no stop yet");
    r.digest.stop = seen(15, "");
    assert!(matches!(step(t(30), &r, &facts(&look)), Some(Step::Finish(_))));
    r.digest.stop.as_mut().unwrap().running = 1;
    assert_eq!(step(t(30), &r, &facts(&look)), None, "a background task runs");
    r.digest.stop = seen(5, "");
    assert_eq!(step(t(30), &r, &facts(&look)), None, "an older stop");
    r.digest.stop = seen(15, "");
    r.note.state = State::Working;
    assert_eq!(step(t(30), &r, &facts(&look)), None, "still at work");
    r.note.state = State::Dead;
    assert!(matches!(step(t(30), &r, &facts(&look)), Some(Step::Finish(_))), "it had ended before it died");
    // What came after what is told by the order of the events, not by a clock that was set back.
    r.note.state = State::Idle;
    r.digest.stop.as_mut().unwrap().at = t(-3600);
    assert!(matches!(step(t(30), &r, &facts(&look)), Some(Step::Finish(_))));
}

#[test]
fn the_place_of_the_file_decides() {
    let (look, r) = (look(), record(State::Working));
    for place in [Place::Done, Place::Failed, Place::Waiting, Place::Nowhere] {
        let f = Facts { place: Some(place), ..facts(&look) };
        assert!(matches!(step(t(30), &r, &f), Some(Step::DropLease(_))), "{place:?}");
    }
    assert_eq!(step(t(30), &r, &Facts { place: None, ..facts(&look) }), None, "unreadable is not gone");
}

#[test]
fn an_unknown_delivery_is_settled_by_evidence() {
    let (look, mut r) = (look(), record(State::Idle));
    r.digest.prompt = None;
    lease(&mut r).phase = Phase::Unknown;
    let f = facts(&look);
    assert_eq!(step(t(12), &r, &f), None, "too early");
    assert!(matches!(step(t(30), &r, &f), Some(Step::Wait(_))), "no evidence, no second sending");
    let empty = Facts { composer: Some(String::new()), ..f.clone() };
    assert!(matches!(step(t(30), &r, &empty), Some(Step::SendAfresh(_))));
    let ours = Facts { composer: Some("Task x (attempt 1): re".into()), ..f.clone() };
    assert_eq!(step(t(30), &r, &ours), Some(Step::PressEnter));
    let theirs = Facts { composer: Some("a person's draft".into()), ..f.clone() };
    assert!(matches!(step(t(30), &r, &theirs), Some(Step::Wait(_))));
    let unseen = Facts { composer: Some(String::new()), in_transcript: None, ..f.clone() };
    assert!(matches!(step(t(30), &r, &unseen), Some(Step::Wait(_))), "an error is no evidence");
    let written = Facts { in_transcript: Some(true), ..f.clone() };
    assert!(matches!(step(t(30), &r, &written), Some(Step::Confirm(_))));
    r.digest.prompt = seen(12, "Task x (attempt 1): read");
    assert!(matches!(step(t(30), &r, &f), Some(Step::Confirm(_))));
    r.digest.prompt = seen(12, "Task x (attempt 2): read");
    assert!(matches!(step(t(30), &r, &f), Some(Step::Wait(_))), "another attempt's prompt");
}

#[test]
fn the_dead_come_back_with_growing_pauses_and_not_for_ever() {
    let (look, mut r) = (look(), record(State::Dead));
    let f = facts(&look);
    assert!(matches!(step(t(20), &r, &f), Some(Step::Resume(_))));
    lease(&mut r).resumes = 1;
    assert!(matches!(step(t(25), &r, &f), Some(Step::Wait(_))));
    assert!(matches!(step(t(31), &r, &f), Some(Step::Resume(_))));
    assert!(matches!(step(t(-9000), &r, &f), Some(Step::Resume(_))), "a clock gone back does not park it");
    lease(&mut r).resumes = 2;
    assert!(matches!(step(t(9000), &r, &f), Some(Step::FailAttempt(_))));
    lease(&mut r).resumes = 0;
    lease(&mut r).phase = Phase::Submitted;
    r.digest.prompt = None;
    let none = Facts { in_transcript: Some(false), ..f.clone() };
    assert!(matches!(step(t(20), &r, &none), Some(Step::Return(_))), "it never began");
    let hidden = Facts { in_transcript: None, has_transcript: None, ..f.clone() };
    assert!(matches!(step(t(20), &r, &hidden), Some(Step::Wait(_))), "a disk that is not mounted");
    lease(&mut r).phase = Phase::Confirmed;
    lease(&mut r).begun = true;
    assert!(matches!(step(t(20), &r, &hidden), Some(Step::Wait(_))));
    // Told to carry on and dead again: the conversation is still the task's.
    lease(&mut r).phase = Phase::Sending;
    let told = Facts { in_transcript: Some(false), has_transcript: Some(true), ..f.clone() };
    assert!(matches!(step(t(20), &r, &told), Some(Step::Resume(_))));
    lease(&mut r).phase = Phase::Confirmed;
    let gone = Facts { has_transcript: Some(false), ..f };
    assert!(matches!(step(t(20), &r, &gone), Some(Step::FailAttempt(_))), "counted: it had begun");
}

#[test]
fn a_failed_turn_carries_on_after_a_pause_and_a_login_needs_a_person() {
    let (look, mut r) = (look(), record(State::Idle));
    r.digest.failure =
        Some(Seen { at: t(15), seq: 15, what: "server_error".into(), text: "API Error: 529".into(), running: 0 });
    assert!(matches!(step(t(20), &r, &facts(&look)), Some(Step::Wait(_))));
    assert!(matches!(step(t(40), &r, &facts(&look)), Some(Step::CarryOn(_))));
    lease(&mut r).nudges = 5;
    assert!(matches!(step(t(40), &r, &facts(&look)), Some(Step::FailAttempt(_))));
    r.digest.failure.as_mut().unwrap().what = "authentication_failed".into();
    assert!(matches!(step(t(4000), &r, &facts(&look)), Some(Step::Wait(_))));
}

#[test]
fn a_client_that_asks_to_log_in_gives_the_task_back() {
    let (mut look, mut r) = (look(), record(State::Waiting));
    r.digest.prompt = None;
    lease(&mut r).phase = Phase::Submitted;
    look.screen = Some("asks to log in");
    assert!(matches!(step(t(20), &r, &facts(&look)), Some(Step::Return(_))));
    look.screen = None;
    r.note.state = State::Unknown;
    assert_eq!(step(t(50), &r, &facts(&look)), None);
    assert!(matches!(step(t(80), &r, &facts(&look)), Some(Step::Return(_))));
}

#[test]
fn a_dedicated_session_comes_back_unless_a_person_ended_it() {
    let (look, mut r) = (look(), record(State::Dead));
    r.kind = Kind::Dedicated;
    r.lease = None;
    assert!(matches!(step(t(30), &r, &facts(&look)), Some(Step::Resume(_))));
    r.digest.end = Some(Seen { at: t(20), seq: 20, what: "prompt_input_exit".into(), ..Seen::default() });
    assert!(matches!(step(t(30), &r, &facts(&look)), Some(Step::Wait(_))));
    r.launch_mark = 20;
    let none = Facts { has_transcript: Some(false), ..facts(&look) };
    assert!(matches!(step(t(30), &r, &none), Some(Step::Relaunch(_))));
    r.kind = Kind::Pool;
    assert!(matches!(step(t(30), &r, &none), Some(Step::Forget(_))));
    r.kind = Kind::Dedicated;
    let gone = Facts { configured: false, ..none };
    assert!(matches!(step(t(30), &r, &gone), Some(Step::Forget(_))));
}
