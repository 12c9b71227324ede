//! The guard of each running session: whether it still is as it was at the launch.
//!
//! Costs a few looks at file metadata a session; a file is only read where that has changed.

use crate::act::arm::{self, Look};
use crate::env::Env;
use crate::model::notify::{Kind, Telling};
use crate::model::report::Item;
use crate::model::session::SessionRecord;
use crate::sys::store::LogEntry;

/// Looks at the guard of a session and brings its record up to date. Why it has to be stopped, if it has to:
/// one of the operator's own is never ended, it is told of.
pub fn look(env: &Env, record: &mut SessionRecord) -> Option<String> {
    record.client.as_ref()?;
    let found = arm::look(env, record);
    let armed = record.armed.as_mut()?;
    match found {
        Look::Same => None,
        Look::Holds(now) => {
            *armed = now;
            None
        }
        Look::Broken(why) => {
            let why = format!("its guard does not hold any more: {why}");
            arm::breaks(armed, why.clone());
            env.pool(record).map(|_| why)
        }
    }
}

/// What is told of a session that runs without a guard and is not ours to end.
pub fn told(record: &SessionRecord) -> Option<Item> {
    let broken = record.armed.as_ref().filter(|_| record.client.is_some())?.broken.as_ref()?;
    let hint = format!("end it yourself, then `claude-failover launch {}` puts things right", record.name);
    let dedicated = record.kind == crate::model::session::Kind::Dedicated;
    dedicated.then(|| Item::new(&record.name, "not guarded", broken.clone()).hint(Some(hint)))
}

/// What has become of a session's guard, for the log, and for people where it does not hold.
pub fn entry<'a>(old: &SessionRecord, new: &'a SessionRecord) -> Option<LogEntry<'a>> {
    fn broken(r: &SessionRecord) -> Option<&str> {
        r.armed.as_ref()?.broken.as_deref()
    }
    let (what, why, event) = match (broken(old), broken(new)) {
        (before, Some(why)) if before != Some(why) => {
            let launched = new.client.as_ref().map(|c| c.launched.to_string()).unwrap_or_default();
            let found = new.armed.as_ref().map(|armed| armed.found.as_str()).unwrap_or_default();
            let event = Telling::new(Kind::GuardBroken, format!("{launched} {found} {why}"));
            ("found a session without a guard", why, Some(event))
        }
        (Some(_), None) => {
            ("found the guard of a session in order again", "what it rests on says what it should", None)
        }
        _ => return None,
    };
    Some(LogEntry { command: "watch", what, why, session: Some(new.name.as_str()), event, ..LogEntry::default() })
}
