//! Gathers what the page shows: the status, and beside it what has no place in that. Nothing is written.

use anyhow::Result;
use std::collections::BTreeMap;

use super::checkpoint::context;
use super::status::with_queues;
use crate::env::Env;
use crate::model::front_matter;
use crate::model::journal::Journal;
use crate::model::name::TaskRef;
use crate::model::page::PageData;
use crate::model::status::SessionStatus;
use crate::sys::{paths, queue};

/// So many switches are shown.
const SWITCHES: usize = 5;

/// Gathers it; `cached` as for [`super::status::gather`]. Commands cannot be started from it unless the caller, who
/// answers such requests, says so.
///
/// # Errors
/// If the state directory cannot be read.
pub fn gather(env: &Env, cached: bool) -> Result<PageData> {
    let seen = with_queues(env, cached)?;
    let live = || seen.status.sessions.iter().filter(|s| s.is_live());
    let titles = live().filter_map(|s| title(env, s)).collect();
    let contexts =
        live().filter_map(|s| Some((s.name.clone(), context(&env.store.statusline_path(&s.name))?))).collect();
    let histories: BTreeMap<_, _> =
        seen.status.accounts.iter().map(|a| (a.name.clone(), env.store.all_signals(&a.name))).collect();
    Ok(PageData {
        host: paths::host_name(),
        zone: env.zone.clone(),
        titles,
        contexts,
        histories,
        switches: switches(env),
        trigger: false,
        queues: seen.queues,
        status: seen.status,
    })
}

/// The title of the task that a session has.
fn title(env: &Env, session: &SessionStatus) -> Option<(TaskRef, String)> {
    let lease = session.lease.as_ref()?;
    let file = queue::Paths::of(&lease.project_path).claimed(&lease.task.id);
    let text = queue::read_task(&file, env.config.dispatch.max_task_bytes).ok()??;
    let header = front_matter::parse(&text, &lease.task.project, &lease.task.id, &env.zone).ok()?;
    Some((lease.task.clone(), header.title?))
}

/// The last switches. One whose file cannot be used is left out: `doctor` names it.
fn switches(env: &Env) -> Vec<Journal> {
    let past = env.store.past_switches().unwrap_or_default();
    let newest = past.iter().rev().take(SWITCHES).filter_map(|id| env.store.past_switch(id).ok().flatten());
    env.store.journal().ok().flatten().into_iter().chain(newest).take(SWITCHES).collect()
}
