//! Gathers for [`crate::model::doctor::pool`]: with the very plan that `dispatch` would carry out.

use crate::act::doctor::Around;
use crate::act::{look, plan};
use crate::env::Env;
use crate::model::doctor::pool::{Facts, Session, Standing, findings, orphans};
use crate::model::finding::Finding;
use crate::model::session::SessionRecord;
use crate::sys::store::Sessions;
use crate::sys::{claude, clock, queue};

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let Ok(env) = &around.env else { return Vec::new() };
    let Ok(sessions) = env.store.sessions() else { return Vec::new() };
    let projects = queue::projects(&env.config);
    let (queues, plan) = plan::plan_for(env, &sessions, &projects);
    let ready = plan.assign.iter().filter_map(|a| {
        let queue = queues.iter().find(|q| q.project == a.task.project)?;
        queue.waiting.iter().find(|w| w.id == a.task.id).map(|w| w.queued)
    });
    // What became ready since the last run is no sign of anything.
    let ready_since = ready.min().map(|at| env.store.last_run("dispatch").map_or(at, |last| at.max(last)));
    let is_there = |subject: &str| !queues.iter().any(|q| q.project.as_str() == subject && !q.path.is_dir());
    let held = plan.waits.iter().filter(|w| w.needs_person && is_there(&w.subject));
    let names = env.config.dedicated.iter().map(|d| &d.name);
    findings(&Facts {
        now: around.now,
        sessions: sessions.records.iter().map(|r| session(env, r)).collect(),
        resumes_dedicated: env.config.watch.dedicated_resume,
        never_launched: names.filter(|n| sessions.get(n).is_none()).map(ToString::to_string).collect(),
        foreign: foreign(env, &sessions),
        pool: env.config.pool.max,
        waiting: queues.iter().map(|q| q.waiting.len()).sum(),
        ready_since,
        held: held.map(|w| (w.subject.clone(), w.reason.clone(), w.hint.clone())).collect(),
        // A record that cannot be read may be that of the session that has it.
        claimed_by_nobody: match sessions.broken.is_empty() {
            true => orphans(&queues, &sessions.records).iter().map(ToString::to_string).collect(),
            false => Vec::new(),
        },
    })
}

fn session(env: &Env, record: &SessionRecord) -> Session {
    let standing = if env.config.dedicated(&record.name).is_some() {
        Standing::Dedicated
    } else if env.config.pool.names().contains(&record.name) {
        Standing::Pool
    } else {
        Standing::Nowhere
    };
    let lost = record.account.as_ref().filter(|account| env.config.account(account).is_none());
    let gone = record.cwd.as_ref().filter(|cwd| !cwd.is_dir());
    Session {
        name: record.name.to_string(),
        standing,
        has_client: record.client.is_some(),
        has_task: record.lease.is_some(),
        runs: look::running(record, &clock::boot_id()).is_some(),
        said_goodbye: record.said_goodbye(),
        lost_account: lost.map(ToString::to_string),
        lost_directory: gone.map(|cwd| cwd.display().to_string()),
    }
}

/// tmux sessions that have a name of ours, and that somebody else started.
fn foreign(env: &Env, sessions: &Sessions) -> Vec<(String, i32)> {
    let Ok(snapshot) = env.tmux().snapshot() else { return Vec::new() };
    let names = env.config.pool.names().into_iter().chain(env.config.dedicated.iter().map(|d| d.name.clone()));
    let mut found = Vec::new();
    for name in names {
        let known = sessions.get(&name).and_then(|r| r.client.as_ref()).map(|c| c.pid);
        let Some(pane) = snapshot.pane(&name, known).filter(|p| !p.dead) else { continue };
        if known != Some(pane.pid) && !claude::is_of_session(pane.pid, &name, env.store.root()) {
            found.push((name.to_string(), pane.pid));
        }
    }
    found
}
