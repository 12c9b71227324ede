//! The janitor's hands: what there is, and the steps of its plan, one after the other.
//!
//! Each step looks again, under the lock that whoever could change the thing takes, and leaves it alone if it is not
//! as the plan saw it. The state lock is held for a few files at a time.

mod archive;
mod claims;
mod gather;

pub use archive::{Archived, archive};
pub use gather::{Scene, found};

use anyhow::{Result, bail};

use crate::act::launch::tmux_error;
use crate::env::Env;
use crate::model::janitor::{Act, Seen, Standing, Step};
use crate::model::name::SessionName;
use crate::model::session::{Kind, PoolSession, SessionRecord};
use crate::sys::lock::LockError;
use crate::sys::store::SessionLock;
use crate::sys::tmux::Tmux;
use crate::sys::{atomic, events, files};

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// It was carried out; in other words than those of the rule, if it came out differently.
    Done(Option<&'static str>),
    /// Something has changed since the plan, or somebody is at it.
    LeftAlone(String),
}

const CHANGED: &str = "it has changed since the plan";

/// Carries one step out.
///
/// # Errors
/// If a step on disk or in tmux fails.
pub fn carry_out(env: &Env, tmux: &Tmux, step: &Step) -> Result<Did> {
    match &step.act {
        Act::PutBack { task, project, seen } => claims::put_back(env, task, project, seen, &step.why),
        Act::Remove(seen) => {
            let _locked = env.store.lock()?;
            remove(seen)
        }
        Act::RemoveOf { session, seen } => alone_with(env, session, |_| {
            let _locked = env.store.lock()?;
            match standing(env, session) {
                Some(Standing::Live | Standing::Broken) => Ok(Did::LeftAlone(CHANGED.into())),
                Some(Standing::AtRest) | None => remove(seen),
            }
        }),
        Act::Rotate(session) => {
            let mut locked = env.store.lock()?;
            let Some(mut record) = env.store.session(session)? else { return Ok(Did::LeftAlone(CHANGED.into())) };
            events::rotate(&mut locked, &mut record)?;
            Ok(Did::Done(None))
        }
        Act::End(session) => alone_with(env, session, |_| end(env, tmux, session)),
    }
}

/// Removes a file that is as it was seen.
fn remove(seen: &Seen) -> Result<Did> {
    if !files::is_as_seen(seen) {
        return Ok(Did::LeftAlone(CHANGED.into()));
    }
    atomic::remove(&seen.path)?;
    Ok(Did::Done(None))
}

/// Does something while nobody else starts or ends the client of a session.
fn alone_with(env: &Env, session: &SessionName, act: impl FnOnce(&SessionLock) -> Result<Did>) -> Result<Did> {
    match env.store.session_lock(session, "janitor") {
        Ok(held) => act(&held),
        Err(busy @ LockError::Busy { .. }) => Ok(Did::LeftAlone(busy.to_string())),
        Err(LockError::Failed(e)) => bail!(e),
    }
}

/// What is known of a session now; `None` if it has no record.
fn standing(env: &Env, session: &SessionName) -> Option<Standing> {
    match env.store.session(session) {
        Ok(None) => None,
        Ok(Some(record)) if record.is_live() => Some(Standing::Live),
        Ok(Some(_)) => Some(Standing::AtRest),
        Err(_) => Some(Standing::Broken),
    }
}

/// Ends a tmux session that has no record, no client and nobody attached.
fn end(env: &Env, tmux: &Tmux, session: &SessionName) -> Result<Did> {
    let remains = tmux.remains(env.store.root()).map_err(tmux_error)?;
    let still = remains.iter().any(|r| r.session == *session && !r.alive && !r.attached);
    let record = SessionRecord::new(session.clone(), Kind::Pool);
    let pool = PoolSession::of(&record, env.config.dedicated(session).is_some());
    match pool.filter(|_| still && standing(env, session).is_none()) {
        Some(pool) => {
            tmux.end_session(&pool).map_err(tmux_error)?;
            Ok(Did::Done(None))
        }
        None => Ok(Did::LeftAlone(CHANGED.into())),
    }
}
