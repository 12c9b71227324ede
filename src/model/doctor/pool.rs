//! Sessions and queues: what is configured and not there, what is there and not configured, what starves.

use jiff::{SignedDuration, Timestamp};

use crate::model::finding::{Finding, Severity};
use crate::model::name::TaskRef;
use crate::model::observe::words;
use crate::model::queue::ProjectQueue;
use crate::model::session::SessionRecord;

/// A task that could be handed out and has waited for so long starves.
const STARVES: SignedDuration = SignedDuration::from_mins(30);

/// Where a session of the records stands in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A dedicated one that is named there.
    Dedicated,
    /// One of the pool's names.
    Pool,
    /// Nowhere.
    Nowhere,
}

/// A session that we have a record of.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// Where it stands in the configuration.
    pub standing: Standing,
    /// Whether there may be a client.
    pub has_client: bool,
    /// Whether it has a task.
    pub has_task: bool,
    /// Whether its client runs, as far as can be told.
    pub runs: bool,
    /// Whether a person ended its client: then it stays so.
    pub said_goodbye: bool,
    /// Its account, if that is not in the configuration any more.
    pub lost_account: Option<String>,
    /// Whether its directory is gone.
    pub lost_directory: Option<String>,
}

/// What was seen of sessions and queues.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Now.
    pub now: Timestamp,
    /// Sessions that we have a record of.
    pub sessions: Vec<Session>,
    /// Whether `watch` brings dedicated sessions back.
    pub resumes_dedicated: bool,
    /// Dedicated sessions of the configuration that were never launched.
    pub never_launched: Vec<String>,
    /// tmux sessions with a name of ours and no client of ours in it.
    pub foreign: Vec<(String, i32)>,
    /// How many sessions the pool may have.
    pub pool: u32,
    /// How many tasks wait.
    pub waiting: usize,
    /// Since when the oldest of those waits that a run would hand out now.
    pub ready_since: Option<Timestamp>,
    /// What waits for a person: subject, reason, hint.
    pub held: Vec<(String, String, Option<String>)>,
    /// Tasks that are claimed, and that no session has.
    pub claimed_by_nobody: Vec<String>,
}

/// Tasks that are claimed, and that no session has.
#[must_use]
pub fn orphans(queues: &[ProjectQueue], sessions: &[SessionRecord]) -> Vec<TaskRef> {
    let claimed = queues
        .iter()
        .flat_map(|q| q.claimed.iter().map(|id| TaskRef { project: q.project.clone(), id: id.clone() }));
    claimed.filter(|task| !sessions.iter().any(|s| s.lease.as_ref().is_some_and(|l| l.task == *task))).collect()
}

/// What is wrong with them.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in &facts.never_launched {
        let message = "it is configured as dedicated, and was never launched";
        found.push(Finding::warning(name, "session-missing", message, format!("claude-failover launch {name}")));
    }
    for session in &facts.sessions {
        let name = &session.name;
        if session.standing == Standing::Dedicated && !session.runs && !session.said_goodbye {
            let (message, remedy) = match facts.resumes_dedicated {
                true => (
                    "it is dedicated, and its client does not run",
                    format!("claude-failover watch brings it back; claude-failover explain session {name}"),
                ),
                false => (
                    "it is dedicated, its client does not run, and nothing brings it back (`watcher.dedicated_resume` \
                     is off)",
                    format!("claude-failover launch {name}"),
                ),
            };
            found.push(Finding::warning(name, "session-down", message, remedy));
        }
        if session.standing == Standing::Nowhere && (session.has_client || session.has_task) {
            let what = if session.has_task { "it has a task" } else { "its client may still run" };
            let message = format!("it is not in the configuration any more, and {what}");
            let remedy = format!("put it back, or claude-failover stop {name}");
            found.push(Finding::warning(name, "session-unconfigured", message, remedy));
        }
        if let Some(account) = session.lost_account.as_ref().filter(|_| session.has_client) {
            let message = format!("it runs on account `{account}`, which is not in the configuration any more");
            let remedy = format!("put the account back, or claude-failover switch --session {name} --to ANOTHER");
            found.push(Finding::warning(name, "account-unconfigured", message, remedy));
        }
        if let Some(directory) = session.lost_directory.as_ref().filter(|_| session.has_client) {
            let message = format!("the directory that it works in is gone: `{directory}`");
            found.push(Finding::fault(
                name,
                "directory-gone",
                message,
                format!("bring it back, or claude-failover stop {name}"),
            ));
        }
    }
    for (name, pid) in &facts.foreign {
        let message = format!("a tmux session of this name is there and not ours (process {pid})");
        let remedy = "rename it, or change `pool.autonomous.prefix`";
        found.push(Finding::warning(name, "session-foreign", message, remedy));
    }
    queues(facts, &mut found);
    found
}

fn queues(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.pool == 0 && facts.waiting > 0 {
        let wait = match facts.waiting {
            1 => "1 task waits".to_owned(),
            n => format!("{n} tasks wait"),
        };
        let message = format!("{wait}, and the pool may have no session");
        found.push(Finding::fault("queue", "pool-empty", message, "raise `pool.autonomous.max`"));
    }
    if let Some(age) = facts.ready_since.map(|at| facts.now.duration_since(at)).filter(|age| *age >= STARVES) {
        let message = format!("a task that could be handed out has waited for {}", words(age));
        let remedy = "claude-failover dispatch says what is in its way; look at its timer";
        found.push(Finding::fault("queue", "queue-starves", message, remedy));
    }
    for (subject, reason, hint) in &facts.held {
        let remedy = hint.clone().unwrap_or_else(|| "claude-failover dispatch --dry-run says more".to_owned());
        found.push(Finding::new(Severity::Warning, subject, "task-held", reason, remedy));
    }
    for task in &facts.claimed_by_nobody {
        let id = task.split_once(':').map_or(task.as_str(), |(_, id)| id);
        let project = task.split_once(':').map_or("PROJECT", |(project, _)| project);
        let remedy = format!("claude-failover task retry {id} --project {project}");
        found.push(Finding::warning(task, "task-lost", "it is claimed, and no session has it", remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{Fault, Warning};

    fn good() -> Facts {
        Facts {
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            sessions: vec![Session {
                name: "p-0".into(),
                standing: Standing::Pool,
                has_client: true,
                has_task: true,
                runs: true,
                said_goodbye: false,
                lost_account: None,
                lost_directory: None,
            }],
            resumes_dedicated: true,
            never_launched: Vec::new(),
            foreign: Vec::new(),
            pool: 3,
            waiting: 2,
            ready_since: None,
            held: Vec::new(),
            claimed_by_nobody: Vec::new(),
        }
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
        let mut facts = good();
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity)).collect()
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(found(|_| {}), []);
        type Case = (fn(&mut Facts), &'static [(&'static str, Severity)]);
        let down = |f: &mut Facts| (f.sessions[0].standing, f.sessions[0].runs) = (Standing::Dedicated, false);
        assert_eq!(found(down), [("session-down", Warning)]);
        let by_a_person = |f: &mut Facts| {
            down(f);
            f.sessions[0].said_goodbye = true;
        };
        assert_eq!(found(by_a_person), []);
        for (resumes, remedy) in [(true, "claude-failover watch"), (false, "claude-failover launch p-0")] {
            let mut facts = good();
            down(&mut facts);
            facts.resumes_dedicated = resumes;
            let all = findings(&facts);
            assert!(all[0].remedy.starts_with(remedy), "{all:?}");
        }
        let cases: [Case; 9] = [
            (|f| f.never_launched = vec!["mine".into()], &[("session-missing", Warning)]),
            (|f| f.sessions[0].standing = Standing::Nowhere, &[("session-unconfigured", Warning)]),
            (|f| f.sessions[0].lost_account = Some("a".into()), &[("account-unconfigured", Warning)]),
            (|f| f.sessions[0].lost_directory = Some("/x".into()), &[("directory-gone", Fault)]),
            (|f| f.foreign = vec![("p-1".into(), 7)], &[("session-foreign", Warning)]),
            (|f| f.pool = 0, &[("pool-empty", Fault)]),
            (|f| f.ready_since = Some(f.now - SignedDuration::from_hours(1)), &[("queue-starves", Fault)]),
            (|f| f.held = vec![("t".into(), "no".into(), None)], &[("task-held", Warning)]),
            (|f| f.claimed_by_nobody = vec!["app:t".into()], &[("task-lost", Warning)]),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), want);
        }
        // A record that is only history is no finding.
        let history = |f: &mut Facts| {
            let s = &mut f.sessions[0];
            (s.standing, s.has_client, s.has_task) = (Standing::Nowhere, false, false);
            s.lost_account = Some("a".into());
        };
        assert_eq!(found(history), []);
        assert_eq!(found(|f| f.ready_since = Some(f.now)), []);
    }
}
