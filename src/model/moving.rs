//! When a session can be moved to another account, and what it is told afterwards. Pure.

use super::event::Digest;
use super::session::{Kind, SessionRecord, State};
use super::signals::failure::{Failure, Trouble, read};

/// What a look tells about a session that is to be moved.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Its record, as the look has left it.
    pub record: &'a SessionRecord,
    /// Whether what runs in its pane was not started by us.
    pub foreign: bool,
    /// A text in its composer that is not ours.
    pub draft: bool,
    /// Whether its client says that it is at something.
    pub busy: bool,
    /// Whether a person is attached and has typed a short while ago.
    pub typing: bool,
    /// Whether the time for coming to the end of its turn is over.
    pub late: bool,
    /// Whether the account that it is on has stopped working anyway.
    pub urgent: bool,
}

/// Whether it can be moved now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Now.
    Go,
    /// At the end of its turn, which is waited for.
    Wait(String),
    /// Later: a person has it, or its turn goes on. A later run moves it.
    Defer(String),
    /// Never: there is nothing to move.
    Skip(String),
}

/// Decides. A dedicated session is moved at rest alone; a pool session at rest, at a question, or, where
/// the account still works and time is short, in the middle of a turn.
#[must_use]
pub fn ready(sight: &Sight<'_>) -> Ready {
    let record = sight.record;
    let dedicated = record.kind == Kind::Dedicated;
    let defer = |why: &str| Ready::Defer(why.to_owned());
    if sight.foreign {
        return defer("what runs in it was not started by us: end it, then `claude-failover launch` it");
    }
    if dedicated && record.note.state == State::Dead && record.said_goodbye() {
        return Ready::Skip("a person ended it".to_owned());
    }
    let retried = record.to_move.as_ref().is_some_and(|t| t.failed);
    match record.note.state {
        State::Unknown => {
            let why = record.note.evidence.first().cloned().unwrap_or_default();
            return Ready::Defer(format!("it cannot be seen what it does: {why}"));
        }
        State::Dead if record.lease.is_none() && record.client.is_none() && !retried => {
            return Ready::Skip("no client runs in it".to_owned());
        }
        State::Dead => return Ready::Go,
        _ => {}
    }
    if sight.typing {
        return defer("a person is attached and typed less than a minute ago");
    }
    if sight.draft {
        return defer("a person's line stands in its composer");
    }
    match record.note.state {
        State::Waiting if dedicated => defer("it waits for a person's answer"),
        State::Working | State::Starting if sight.late => {
            if dedicated || sight.urgent {
                // Its present tool call needs no account; cutting it off would only lose it.
                defer("its turn goes on, it is moved when that has ended")
            } else {
                Ready::Go
            }
        }
        State::Working | State::Starting => Ready::Wait("its turn goes on".to_owned()),
        // Silent for long, and still in the middle of something.
        State::Stalled if sight.busy && (dedicated || sight.urgent || !sight.late) => {
            defer("it is silent in the middle of a turn")
        }
        _ => Ready::Go,
    }
}

/// Whether a session stands still because of its account: a limit, a login, money.
#[must_use]
pub fn stands_still(record: &SessionRecord) -> bool {
    let failed = record.digest.open_failure().filter(|f| f.seq > record.launch_mark);
    let at_rest = matches!(record.note.state, State::Limited | State::Idle | State::Waiting | State::Stalled);
    at_rest && failed.is_some_and(|f| read(f) != Failure::Other)
}

/// Whether it is in the middle of something and has to be told to carry on.
#[must_use]
pub fn is_at_work(record: &SessionRecord) -> bool {
    match record.note.state {
        State::Working | State::Limited | State::Waiting | State::Stalled => true,
        // A client that died in a turn, or whose last turn failed.
        State::Dead | State::Idle | State::Starting | State::Unknown => {
            record.lease.is_some() || record.digest.open_failure().is_some_and(|f| f.seq > record.launch_mark)
        }
    }
}

/// What a session without a task is told after a move in the middle of something.
pub const CARRY_ON: &str = "This session was interrupted and resumed, since its account could not go on. The last \
    command may or may not have taken effect: check that before you repeat it. Then carry on with what you \
    were doing.";

/// What a moved session shows of the account that it is on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It works.
    Works(String),
    /// The account does not: its limit, its login, its money.
    AccountFails(String),
    /// Its turn failed, and the account has nothing to do with it.
    TurnFails(String),
    /// Nothing yet.
    Nothing,
}

/// Weighs what was reported since the launch and the prompt after it.
#[must_use]
pub fn proof(record: &SessionRecord, digest: &Digest, answered: bool) -> Proof {
    let since = digest.prompt.as_ref().map_or(record.launch_mark, |p| p.seq).max(record.launch_mark);
    let later = |seen: &Option<super::event::Seen>| seen.clone().filter(|s| s.seq > since);
    if let Some(failure) = later(&digest.failure) {
        let what = failure.text.lines().next().unwrap_or_default().to_owned();
        return match read(&failure) {
            Failure::Limit(_) => Proof::AccountFails(format!("a limit was hit: {what}")),
            Failure::Trouble(Trouble::Login) => Proof::AccountFails(format!("its login was refused: {what}")),
            Failure::Trouble(Trouble::Money) => Proof::AccountFails(format!("its money is used up: {what}")),
            Failure::Other => Proof::TurnFails(format!("{}: {what}", failure.what)),
        };
    }
    if later(&digest.stop).is_some() {
        return Proof::Works("it has ended a turn".to_owned());
    }
    if later(&digest.tool).is_some() {
        return Proof::Works("it has called a tool".to_owned());
    }
    if answered { Proof::Works("it has answered".to_owned()) } else { Proof::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Seen;
    use crate::model::name::SessionName;
    use crate::model::session::ClientProcess;
    use jiff::Timestamp;

    fn record(kind: Kind, state: State) -> SessionRecord {
        let mut r = SessionRecord::new(SessionName::new("p-0").unwrap(), kind);
        let launched = Timestamp::UNIX_EPOCH;
        r.client = Some(ClientProcess { pid: 7, start: 1, boot_id: "b".into(), launched });
        r.note.state = state;
        r
    }

    fn sight(record: &SessionRecord) -> Sight<'_> {
        Sight { record, foreign: false, draft: false, busy: false, typing: false, late: false, urgent: false }
    }

    #[test]
    fn a_dedicated_session_is_moved_at_rest_alone() {
        for (state, late) in [(State::Working, true), (State::Waiting, false), (State::Unknown, false)] {
            let r = record(Kind::Dedicated, state);
            assert!(matches!(ready(&Sight { late, ..sight(&r) }), Ready::Defer(_)), "{state}");
        }
        let working = record(Kind::Dedicated, State::Working);
        assert!(matches!(ready(&sight(&working)), Ready::Wait(_)));
        for state in [State::Idle, State::Limited, State::Dead] {
            let r = record(Kind::Dedicated, state);
            assert_eq!(ready(&sight(&r)), Ready::Go, "{state}");
        }
        let mut ended = record(Kind::Dedicated, State::Dead);
        ended.digest.end = Some(Seen { seq: 1, what: "prompt_input_exit".into(), ..Seen::default() });
        assert!(matches!(ready(&sight(&ended)), Ready::Skip(_)), "a person has said goodbye to it");
        let idle = record(Kind::Dedicated, State::Idle);
        for held in [
            Sight { draft: true, ..sight(&idle) },
            Sight { typing: true, ..sight(&idle) },
            Sight { foreign: true, ..sight(&idle) },
        ] {
            assert!(matches!(ready(&held), Ready::Defer(_)), "{held:?}");
        }
    }

    #[test]
    fn a_pool_session_is_interrupted_only_where_its_account_still_works() {
        let r = record(Kind::Pool, State::Working);
        assert!(matches!(ready(&sight(&r)), Ready::Wait(_)));
        assert_eq!(ready(&Sight { late: true, ..sight(&r) }), Ready::Go);
        assert!(matches!(ready(&Sight { late: true, urgent: true, ..sight(&r) }), Ready::Defer(_)));
        let stalled = record(Kind::Pool, State::Stalled);
        assert_eq!(ready(&sight(&stalled)), Ready::Go);
        let busy = Sight { busy: true, late: true, urgent: true, ..sight(&stalled) };
        assert!(matches!(ready(&busy), Ready::Defer(_)));
        let asks = record(Kind::Pool, State::Waiting);
        assert_eq!(ready(&sight(&asks)), Ready::Go);
        let mut gone = record(Kind::Pool, State::Dead);
        gone.client = None;
        assert!(matches!(ready(&sight(&gone)), Ready::Skip(_)));
    }

    #[test]
    fn the_newest_report_decides_whether_an_account_works() {
        let r = record(Kind::Pool, State::Working);
        let at = |seq: u64| Some(Seen { seq, ..Seen::default() });
        let mut d = Digest { prompt: at(5), tool: at(3), stop: at(4), ..Digest::default() };
        assert_eq!(proof(&r, &d, false), Proof::Nothing, "all of it is older than the prompt");
        assert!(matches!(proof(&r, &d, true), Proof::Works(_)));
        d.tool = at(6);
        assert!(matches!(proof(&r, &d, false), Proof::Works(_)));
        let failed = |what: &str, text: &str| {
            let failure = Some(Seen { seq: 7, what: what.into(), text: text.into(), ..Seen::default() });
            proof(&r, &Digest { failure, ..d.clone() }, true)
        };
        assert!(matches!(failed("authentication_failed", "Please run /login"), Proof::AccountFails(_)));
        assert!(matches!(failed("rate_limit", "You've hit your session limit"), Proof::AccountFails(_)));
        assert!(matches!(failed("server_error", "API Error: 529"), Proof::TurnFails(_)));
        assert!(matches!(failed("rate_limit", "API Error: Server is temporarily limiting"), Proof::TurnFails(_)));
    }
}
