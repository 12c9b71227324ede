//! What a switch has left: one whose run was killed, and sessions that could not move with the others.

use anyhow::Result;
use jiff::SignedDuration;

use crate::act::switch::{self as act, Wish};
use crate::commands::switch;
use crate::env::Env;
use crate::model::moving::Ready;
use crate::model::report::{Item, Report};
use crate::model::session::{SessionRecord, ToMove};
use crate::sys::clock;
use crate::sys::lock::LockError;
use crate::sys::tmux::Tmux;

/// The pause before a session that did not come up on its account is tried there again.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Carries a switch on whose run was killed, and moves sessions that it had to leave behind.
pub fn follow(env: &Env, tmux: &Tmux, report: &mut Report) {
    let waits = |r: &SessionRecord| r.to_move.is_some();
    let left = env.store.sessions().map(|all| all.records.into_iter().filter(waits).collect::<Vec<_>>());
    let left = left.unwrap_or_default();
    if left.is_empty() && !env.store.is_switching() {
        return;
    }
    match env.store.run_lock("switch") {
        // Another run is at it.
        Err(LockError::Busy { .. }) => {}
        Err(LockError::Failed(e)) => report.actions.push(Item::error("switch", "failed", &e)),
        Ok(_held) => {
            match switch::resume(env, tmux) {
                Ok(items) => report.actions.extend(items.unwrap_or_default()),
                Err(e) => return report.actions.push(Item::error("switch", "not carried on", &e)),
            }
            for record in &left {
                if let Err(e) = one(env, tmux, record, report) {
                    report.actions.push(Item::error(&record.name, "still not moved", &e));
                }
            }
        }
    }
}

/// Moves one session once nobody is at it any more.
fn one(env: &Env, tmux: &Tmux, record: &SessionRecord, report: &mut Report) -> Result<()> {
    let Some(ToMove { to, failed, since, .. }) = &record.to_move else { return Ok(()) };
    let to = to.clone().unwrap_or_else(|| env.active());
    let on = record.account.clone().unwrap_or_else(|| to.clone());
    let (ready, _) = act::look_at(env, tmux, record, true, true);
    if on == to || matches!(ready, Ready::Skip(_)) {
        return env.store.lock()?.update_session(&record.name, |r| r.to_move = None);
    }
    if let Ready::Defer(why) | Ready::Wait(why) = &ready {
        report.waiting.push(Item::new(&record.name, "waits", format!("still on `{on}`: {why}")));
        return Ok(());
    }
    let age = clock::now().duration_since(*since);
    if *failed && !age.is_negative() && age < PAUSE {
        let why = format!("did not come up on `{to}`, is tried there again after a pause");
        report.waiting.push(Item::new(&record.name, "waits", why));
        return Ok(());
    }
    let Some(account) = env.config.account(&to) else {
        return env.store.lock()?.update_session(&record.name, |r| r.to_move = None);
    };
    if let Err(e) = act::check(env, account, std::slice::from_ref(record)) {
        // What was wished for cannot be had: it follows the others.
        env.store.lock()?.update_session(&record.name, |r| {
            if let Some(wish) = &mut r.to_move {
                wish.to = None;
            }
        })?;
        return Err(e);
    }
    let wish = Wish {
        from: on,
        to,
        sessions: vec![record.clone()],
        why: "it could not be moved with the others".to_owned(),
        urgent: true,
        by_person: false,
        activates: false,
    };
    let mut moved = Report::default();
    switch::tell(&act::carry_on(env, tmux, act::begin(env, &wish)?)?, &mut moved);
    report.actions.extend(moved.actions);
    report.waiting.extend(moved.waiting);
    Ok(())
}
