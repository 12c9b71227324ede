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
        event: Some(Telling::new(kind, new.note.since.to_string())),
        ..LogEntry::default()
    });
    state.into_iter().chain(tamper::entry(old, new)).collect()
}
