//! What a dispatch would do now: the queues read, the slots of the pool, the accounts that cannot be used.
//! For `dispatch` itself, and for everybody who tells why a task waits.

use jiff::SignedDuration;
use std::collections::BTreeMap;

use super::gather;
use crate::config::Project;
use crate::env::Env;
use crate::model::account::AccountView;
use crate::model::dispatch::{Plan, Refusal, Slot, SlotUse, Snapshot, plan, slot_use};
use crate::model::name::{AccountName, TaskRef};
use crate::model::queue::{ProjectQueue, dependencies};
use crate::model::switch::headroom;
use crate::sys::queue;
use crate::sys::store::Sessions;

/// All queues, and what a run would do with them: for `status`.
#[must_use]
pub fn plan_for(env: &Env, sessions: &Sessions, projects: &[Project]) -> (Vec<ProjectQueue>, Plan) {
    let queues = read_all(env, projects);
    let plan = plan_with(env, sessions, projects, &queues, &BTreeMap::new());
    (queues, plan)
}

/// The queues of some projects.
#[must_use]
pub fn read_all(env: &Env, projects: &[Project]) -> Vec<ProjectQueue> {
    projects.iter().map(|p| queue::read(p, env.config.dispatch.max_task_bytes, &env.zone)).collect()
}

/// … with the queues read before, and without what was refused in this run.
#[must_use]
pub fn plan_with(
    env: &Env,
    sessions: &Sessions,
    projects: &[Project],
    queues: &[ProjectQueue],
    refused: &BTreeMap<TaskRef, Refusal>,
) -> Plan {
    let places = queue::places(dependencies(queues), projects);
    let active = env.active();
    let (blocked, behind) = blocked_accounts(env, &active, sessions);
    let client = &env.config.client;
    plan(
        env.now,
        &Snapshot {
            queues,
            slots: slots(env, sessions),
            sessions: &sessions.records,
            places: &places,
            accounts: env.config.accounts.iter().map(|a| &a.name).collect(),
            active: &active,
            blocked: &blocked,
            refused,
            behind: behind.as_ref(),
            models: (client.model_critical.as_deref(), client.model.as_deref()),
            reuse: env.config.dispatch.reuse_sessions,
            max_attempts: env.config.dispatch.max_attempts,
        },
    )
}

/// The places of the pool.
#[must_use]
pub fn slots(env: &Env, sessions: &Sessions) -> Vec<Slot> {
    let cooldown = env.config.dispatch.cooldown;
    env.config
        .pool
        .names()
        .into_iter()
        .map(|name| {
            let use_ = match sessions.broken.iter().find(|b| b.name == name.as_str()) {
                // What cannot be read is not free.
                Some(broken) => SlotUse::Busy(broken.error.clone()),
                None => slot_use(sessions.get(&name), env.now, cooldown),
            };
            Slot { name, use_ }
        })
        .collect()
}

/// Accounts that cannot be used now, and the task whose client last did not start.
fn blocked_accounts(
    env: &Env,
    active: &AccountName,
    sessions: &Sessions,
) -> (BTreeMap<AccountName, String>, Option<TaskRef>) {
    let Some(account) = env.config.account(active) else { return (BTreeMap::new(), None) };
    let known = match gather::recorded(env, account, &sessions.records) {
        Ok(known) => known,
        // What cannot be read is not known to be usable.
        Err(e) => {
            let why = crate::error::messages_of(&e).join(": ");
            return (BTreeMap::from([(active.clone(), why)]), None);
        }
    };
    let why = match env.store.journal() {
        Ok(Some(_)) => Some("its sessions are being moved".to_owned()),
        Ok(None) => known.view.obstacles(env.now).into_iter().next().or_else(|| above_threshold(env, &known.view)),
        Err(e) => Some(crate::error::messages_of(&e).join(": ")),
    };
    let blocked = why.map(|why| BTreeMap::from([(active.clone(), why)])).unwrap_or_default();
    (blocked, known.record.failed_task)
}

/// Above its threshold nothing new is begun: a switch is due. Where no other account has room either,
/// work goes on until the limit itself.
fn above_threshold(env: &Env, account: &AccountView) -> Option<String> {
    let (left, window, used) = headroom(account, env.now)?;
    if left > 0.0 {
        return None;
    }
    let no_room = env.store.memory().ok().and_then(|m| m.no_room);
    let recent = SignedDuration::ZERO..env.config.quota.interval * 3;
    if no_room.is_some_and(|at| recent.contains(&env.now.duration_since(at))) {
        return None;
    }
    Some(format!("{window} at {used:.0} %, above its threshold; `quota-check` moves on"))
}
