//! Gathers the [`Status`]: the records, a fresh look at tmux unless the records are to do, the queues, the plan that
//! `dispatch` would carry out, the accounts, and what needs a person. Nothing is written.

mod accounts;
mod needs;
mod notify;

use anyhow::Result;

use self::accounts::Accounts;
use super::look::{self, Scene};
use super::plan;
use crate::config::Project;
use crate::env::Env;
use crate::model::dispatch::Wait;
use crate::model::queue::ProjectQueue;
use crate::model::session::SessionRecord;
use crate::model::status::{LastRuns, Need, PoolStatus, ProjectStatus, STATUS_VERSION, SessionStatus, Status};
use crate::sys::queue;
use crate::sys::store::Sessions;

/// The status, and the queues that were read for it.
#[derive(Debug)]
pub struct Seen {
    /// What is.
    pub status: Status,
    /// In the order of its projects.
    pub queues: Vec<ProjectQueue>,
}

/// Gathers it; `cached` trusts the records of the last `watch` instead of asking tmux.
///
/// # Errors
/// If the state directory cannot be read. A single record that cannot is among what needs a person.
pub fn gather(env: &Env, cached: bool) -> Result<Status> {
    with_queues(env, cached).map(|seen| seen.status)
}

/// Like [`gather`], with what each waiting task asks for.
///
/// # Errors
/// As [`gather`].
pub fn with_queues(env: &Env, cached: bool) -> Result<Seen> {
    let sessions = env.store.sessions()?;
    let mut needs: Vec<Need> = Vec::new();
    for broken in &sessions.broken {
        needs.push(Need { subject: broken.name.clone(), what: broken.error.clone(), hint: broken.hint.clone() });
    }
    let records = if cached { sessions.records } else { fresh(env, sessions.records, &mut needs) };
    let projects = queue::projects(&env.config);
    let now = Sessions { records, broken: sessions.broken };
    let (queues, plan) = plan::plan_for(env, &now, &projects);
    let records = now.records;
    needs::of_configuration(env, &mut needs);
    needs::of_sessions(env, &records, &mut needs);
    needs::of_queues(&queues, &records, &now.broken, &plan, &mut needs);
    needs::of_runs(env, &records, queues.iter().any(|q| !q.waiting.is_empty()), &mut needs);
    let accounts = Accounts::gather(env, &records, &mut needs);
    let notify = notify::gather(env, &mut needs);
    let sessions: Vec<SessionStatus> = records.iter().map(SessionStatus::of).collect();
    let running = sessions.iter().filter(|s| s.runs_in_pool()).count();
    let projects = queues.iter().zip(&projects).map(|(queue, project)| ProjectStatus {
        project: queue.project.clone(),
        path: queue.path.clone(),
        waiting: queue.waiting.len(),
        ready: plan.assign.iter().filter(|a| a.task.project == queue.project).count(),
        claimed: queue.claimed.len(),
        done: ended(project, "done"),
        failed: ended(project, "failed"),
    });
    let status = Status {
        version: STATUS_VERSION,
        at: env.now,
        active_account: env.active(),
        needs_person: needs,
        sessions,
        pool: PoolStatus { max: env.config.pool.max, running },
        projects: projects.collect(),
        waiting: plan.waits.iter().map(Wait::item).collect(),
        accounts: accounts.all,
        decision: accounts.decision,
        last_switch: accounts.last,
        notify,
        last_run: LastRuns { dispatch: env.store.last_run("dispatch"), watch: env.store.last_run("watch") },
    };
    Ok(Seen { status, queues })
}

/// What nobody looks after although somebody should: the one question of a monitor, for the price of a few files.
///
/// # Errors
/// If the state directory cannot be read.
pub fn health(env: &Env) -> Result<Vec<Need>> {
    let records = env.store.sessions()?.records;
    let waiting = queue::projects(&env.config).iter().any(|p| queue::has_waiting(&p.path));
    let mut needs = Vec::new();
    needs::of_runs(env, &records, waiting, &mut needs);
    Ok(needs)
}

/// The records with a fresh look, not written back.
fn fresh(env: &Env, records: Vec<SessionRecord>, needs: &mut Vec<Need>) -> Vec<SessionRecord> {
    if !records.iter().any(SessionRecord::is_live) {
        return records;
    }
    let tmux = env.tmux();
    let scene = Scene::of(&tmux);
    if let Err(e) = &scene.tmux {
        needs.push(Need { subject: "tmux".into(), what: e.to_string(), hint: e.hint() });
    }
    records.into_iter().map(|r| if r.is_live() { look::at(env, &tmux, &scene, &r).0 } else { r }).collect()
}

fn ended(project: &Project, folder: &str) -> usize {
    std::fs::read_dir(project.path.join(queue::FOLDER).join(folder))
        .map_or(0, |d| d.flatten().filter(|e| e.file_name().to_string_lossy().ends_with(".md")).count())
}
