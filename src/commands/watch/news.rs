//! What people are told of a session: that it needs somebody, or is gone.

use super::tamper;
use crate::env::Env;
use crate::model::notify::{Kind as EventKind, Telling};
use crate::model::session::{Kind, SessionRecord, State};
use crate::sys::store::LogEntry;

/// What is new in a session's record.
pub fn of<'a>(env: &Env, old: &SessionRecord, new: &'a SessionRecord) -> Vec<LogEntry<'a>> {
    let config = &env.config;
    let pool = new.kind == Kind::Pool;
    let told = match new.note.state {
        state if state == old.note.state => None,
        State::Stalled => Some((EventKind::SessionStalled, "a session shows no sign of life")),
        // At one of the operator's own somebody is who answers.
        State::Waiting if pool => Some((EventKind::SessionWaiting, "a session waits for a person")),
        State::Dead if !pool && config.dedicated(&new.name).is_some() && !config.watch.dedicated_resume => {
            Some((EventKind::SessionLost, "a session has died"))
        }
        _ => None,
    };
    let state = told.map(|(kind, what)| LogEntry {
        command: "watch",
        what,
        why: new.note.evidence.last().map(String::as_str).unwrap_or_default(),
        session: Some(new.name.as_str()),
        event: Some(Telling::new(kind, key(old))),
        ..LogEntry::default()
    });
    state.into_iter().chain(tamper::entry(old, new)).collect()
}

/// What tells a change of state from the others of its kind: what it was before, and the last sign of life then.
/// A run that is killed before the record is written sees the change once more, so nothing is in it that this look
/// has found.
fn key(old: &SessionRecord) -> String {
    let sign = old.digest.last.map(|at| at.to_string()).unwrap_or_default();
    format!("{} {} {sign}", old.note.state, old.note.since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::SessionName;
    use jiff::Timestamp;

    #[test]
    fn a_change_that_is_seen_once_more_is_the_same_and_a_later_one_is_another() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut busy = SessionRecord::new(SessionName::new("p-0").unwrap(), Kind::Pool);
        busy.note.state = State::Working;
        (busy.note.since, busy.digest.last) = (at(100), Some(at(150)));
        let first = key(&busy);
        assert_eq!(first, key(&busy.clone()));
        // Busy since then by its client's word all the time, with a sign of life in between.
        busy.digest.last = Some(at(4000));
        assert_ne!(first, key(&busy));
    }
}
