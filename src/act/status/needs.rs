//! What needs a person, of configuration, sessions, queues and runs.

use crate::env::Env;
use crate::model::dispatch::Plan;
use crate::model::doctor::pool::orphans;
use crate::model::doctor::runs::overdue;
use crate::model::queue::ProjectQueue;
use crate::model::session::{Kind, SessionRecord, State};
use crate::model::status::Need;
use crate::sys::store::Broken;

/// What the configuration names and is not there.
pub fn of_configuration(env: &Env, needs: &mut Vec<Need>) {
    for absent in &env.config.absent {
        let hint = Some("bring it back, or take it out of the configuration".to_owned());
        needs.push(Need { subject: "configuration".into(), what: absent.clone(), hint });
    }
}

/// Sessions that wait for somebody, or are not as they should be.
pub fn of_sessions(env: &Env, records: &[SessionRecord], needs: &mut Vec<Need>) {
    let socket = env.tmux().command_line();
    let attach = |name: &dyn std::fmt::Display| {
        let mut words: Vec<String> = socket.iter().filter(|w| *w != "-u").cloned().collect();
        words.extend(["attach".to_owned(), "-t".to_owned(), format!("={name}")]);
        shlex::try_join(words.iter().map(String::as_str)).ok()
    };
    for r in records {
        let why = r.note.evidence.last().cloned().unwrap_or_default();
        let needs_person = match r.note.state {
            State::Waiting | State::Stalled | State::Limited => true,
            State::Unknown => r.is_live(),
            State::Dead if r.kind == Kind::Dedicated => env.config.dedicated(&r.name).is_some(),
            // `watch` brings it back at once; one that stays dead cannot come back by itself.
            State::Dead => r.lease.is_some() && env.now.duration_since(r.note.since).as_mins() >= 2,
            _ => false,
        };
        let hint = match r.note.state {
            State::Dead if r.kind == Kind::Dedicated => Some(format!("claude-failover launch {}", r.name)),
            State::Dead => Some(format!("claude-failover stop {}", r.name)),
            State::Unknown => Some(format!("claude-failover explain session {}", r.name)),
            _ => attach(&r.name),
        };
        if needs_person {
            let what = format!("{}: {why}", r.note.state);
            needs.push(Need { subject: r.name.to_string(), what, hint });
        } else if let Some(why) = r.armed.as_ref().and_then(|a| a.broken.clone()).filter(|_| r.client.is_some()) {
            let hint = Some(format!("end it, then claude-failover launch {}", r.name));
            needs.push(Need { subject: r.name.to_string(), what: format!("not guarded: {why}"), hint });
        } else if let Some(moving) = &r.to_move {
            let what = format!("still on the account that the others have left: {}", moving.why);
            needs.push(Need { subject: r.name.to_string(), what, hint: attach(&r.name) });
        } else if let Some(why) = r.held(env.now) {
            let what = format!("left alone: {why}");
            needs.push(Need { subject: r.name.to_string(), what, hint: attach(&r.name) });
        }
    }
    for d in &env.config.dedicated {
        if !records.iter().any(|r| r.name == d.name) {
            let hint = Some(format!("claude-failover launch {}", d.name));
            needs.push(Need { subject: d.name.to_string(), what: "dedicated, never launched".into(), hint });
        }
    }
}

/// Tasks that cannot run, and those that nobody has.
pub fn of_queues(
    queues: &[ProjectQueue],
    records: &[SessionRecord],
    broken: &[Broken],
    plan: &Plan,
    needs: &mut Vec<Need>,
) {
    for wait in plan.waits.iter().filter(|w| w.needs_person) {
        // A project that is gone stands among the directories of the configuration that are gone.
        if queues.iter().any(|q| q.project.as_str() == wait.subject && !q.path.is_dir()) {
            continue;
        }
        let (subject, what) = (wait.subject.clone(), wait.reason.clone());
        needs.push(Need { subject, what, hint: wait.hint.clone() });
    }
    for task in orphans(queues, records) {
        let (what, hint) = match broken.first() {
            // A hint to queue it again would let it run twice, if that session is at it.
            Some(broken) => {
                (format!("claimed, and the record of `{}` that may have it is damaged", broken.name), None)
            }
            None => {
                let hint = format!("claude-failover task retry {} --project {}", task.id, task.project);
                ("claimed, but no session has it".to_owned(), Some(hint))
            }
        };
        needs.push(Need { subject: task.to_string(), what, hint });
    }
}

/// Whether anything looks after all this: the first question at night.
pub fn of_runs(env: &Env, records: &[SessionRecord], waiting: bool, needs: &mut Vec<Need>) {
    let busy = records.iter().any(|r| r.client.is_some());
    let (watch, dispatch) = (env.config.watch.interval, env.config.dispatch.interval);
    for (command, wanted, interval) in [("watch", busy, watch), ("dispatch", waiting, dispatch)] {
        let late = overdue(env.now, env.store.last_run(command), interval);
        if let Some(age) = late.filter(|_| wanted) {
            let what = format!("has not run for {age}");
            let hint = Some(format!("look at its timer, or run `claude-failover {command}`"));
            needs.push(Need { subject: command.to_owned(), what, hint });
        }
    }
}
