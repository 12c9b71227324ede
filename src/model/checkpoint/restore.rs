//! How a session is brought back from a checkpoint, or why it is not. Pure.

use std::path::PathBuf;

use super::Checkpoint;
use crate::model::name::printable;
use crate::model::queue::Place;
use crate::model::refusal::Refusal;
use crate::model::session::{Lease, Phase};

/// Where the conversation of a checkpoint is, seen from the account that is to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// It can be resumed: the length of its transcript, in bytes.
    Here(u64),
    /// It is there, and this account does not see it.
    Elsewhere(PathBuf),
    /// It has no transcript, anywhere.
    Gone,
}

/// What is known before anything is touched.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The checkpoint.
    pub checkpoint: &'a Checkpoint,
    /// Whether the configuration has the session: as the operator's own, as one of the pool, or not at all.
    pub dedicated: Option<bool>,
    /// The client that runs in it.
    pub running: Option<i32>,
    /// Who else is at its conversation, for people; that account may be another one.
    pub at_it: Option<String>,
    /// The conversation that the session has now.
    pub present: Option<&'a str>,
    /// The task that it has now.
    pub lease: Option<&'a Lease>,
    /// Where the task that it had lies now.
    pub place: Option<Place>,
    /// Whether its directory is there.
    pub has_directory: bool,
    /// The branch of that directory now.
    pub branch: Option<String>,
    /// Its conversation.
    pub conversation: Conversation,
    /// Whether a new conversation is asked for.
    pub anew: bool,
}

/// What its client is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Nothing: it waits for whoever comes.
    Nothing,
    /// To carry on with what it was at.
    CarryOn,
    /// The line of the task that it has, to carry on with that.
    Task,
    /// To read what the checkpoint holds, and then to wait.
    SummaryAndWait,
    /// … and then to carry on with what was under way.
    SummaryAndCarryOn,
    /// The line of the task that it has, and what the checkpoint holds.
    TaskAndSummary,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether its conversation is resumed; else a new one begins from a summary, for this reason.
    pub anew: Option<String>,
    /// What it is told first.
    pub first: First,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What a conversation is told that was in the middle of something.
pub const CARRY_ON: &str = "This session was ended and has been restored from a checkpoint. The last command may or \
    may not have taken effect: check that before you repeat it. Then carry on with what you were doing.";

/// Decides.
///
/// # Errors
/// The reason to leave everything as it is, and what a person can do about it.
pub fn plan(facts: &Facts<'_>) -> Result<Plan, Refusal> {
    let name = &facts.checkpoint.session;
    let refuse = |why: String, hint: String| Err(Refusal { why, hint });
    let Some(dedicated) = facts.dedicated else {
        let hint = "name it under `pool.dedicated`, or use a name of the pool";
        return refuse(format!("no session `{name}` in the configuration"), hint.to_owned());
    };
    if let Some(pid) = facts.running {
        let hint = match dedicated {
            true => "it is yours, and never ended: end it with /exit in the session, then restore it".to_owned(),
            false => format!("claude-failover stop {name}, then restore it"),
        };
        return refuse(format!("session `{name}` runs (pid {pid})"), hint);
    }
    if let Some(lease) = facts.lease {
        let same = facts.checkpoint.task.as_ref().is_some_and(|held| {
            // A later try is another one's work: what this conversation knows of it is out of date.
            held.task == lease.task && held.attempt == lease.attempt
        });
        if lease.phase == Phase::Claimed || !same {
            let hint = format!("`claude-failover watch` brings it back with that; `explain session {name}`");
            return refuse(format!("session `{name}` has task `{}` now", lease.task), hint);
        }
    }
    if !facts.has_directory {
        let dir = facts.checkpoint.cwd.as_deref().map(|dir| dir.display().to_string()).unwrap_or_default();
        return refuse(format!("its directory is gone: `{dir}`"), "bring it back, then restore it".to_owned());
    }
    if let (Some(who), false) = (&facts.at_it, facts.anew) {
        return refuse(
            format!("its conversation is open elsewhere: {who}"),
            "end that first; `--new` begins a new conversation from a summary".to_owned(),
        );
    }
    let anew = match &facts.conversation {
        _ if facts.anew => Some("a new one was asked for".to_owned()),
        Conversation::Here(_) => None,
        Conversation::Elsewhere(path) => {
            return refuse(
                format!("its conversation cannot be seen from that account: `{}`", path.display()),
                "`claude-failover account check` tells which link is wrong; `--new` begins a new conversation \
                 from a summary"
                    .to_owned(),
            );
        }
        Conversation::Gone if facts.checkpoint.transcript.is_none() => {
            Some("its conversation had not begun".to_owned())
        }
        Conversation::Gone => Some("its conversation is gone".to_owned()),
    };
    Ok(Plan { first: first(facts, dedicated, anew.is_some()), notes: notes(facts), anew })
}

/// What its client is told first. A task that it does not have any more may be at work elsewhere, so it is not
/// told to go on with that; what a person's own session does next the person says.
fn first(facts: &Facts<'_>, dedicated: bool, anew: bool) -> First {
    let checkpoint = facts.checkpoint;
    let goes_on = checkpoint.carry_on && checkpoint.task.is_none() && !dedicated;
    match (facts.lease.is_some(), anew) {
        (true, false) => First::Task,
        (true, true) => First::TaskAndSummary,
        (false, true) if goes_on => First::SummaryAndCarryOn,
        (false, true) => First::SummaryAndWait,
        (false, false) if goes_on => First::CarryOn,
        (false, false) => First::Nothing,
    }
}

fn notes(facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let checkpoint = facts.checkpoint;
    if let (None, Some(held)) = (facts.lease, &checkpoint.task) {
        let task = &held.task;
        let now = match facts.place {
            Some(Place::Waiting) => "waits in the queue, for whichever session is free",
            Some(Place::Claimed) => "is with another session",
            Some(Place::Done) => "is done",
            Some(Place::Failed) => "was given up; `task retry` queues it again",
            Some(Place::Nowhere) | None => "is not in the queue",
        };
        notes.push(format!("its task `{task}` {now}"));
    }
    if let (Some(now), Some(then)) = (facts.present, &checkpoint.conversation)
        && now != then
    {
        notes.push(format!("the session has been at another conversation since, {}", printable(now)));
    }
    if let (Conversation::Here(size), Some(then)) = (&facts.conversation, &checkpoint.transcript) {
        if *size < then.size {
            notes.push(format!("its transcript is shorter now ({size} bytes) than it was ({})", then.size));
        } else if *size > then.size {
            notes.push("its conversation has gone on since, and is resumed where it ended".to_owned());
        }
    }
    let then = checkpoint.git.as_ref().and_then(|git| git.branch.as_ref());
    if let (Some(then), now) = (then, &facts.branch)
        && now.as_ref() != Some(then)
    {
        let now = now.as_ref().map_or_else(|| "on no branch".to_owned(), |now| format!("on branch `{now}`"));
        notes.push(format!("its directory is {now} now, then on `{then}`"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::tests::idle;
    use super::super::{Git, HeldTask};
    use super::*;
    use crate::model::delivery::tests::lease;

    fn facts(checkpoint: &Checkpoint) -> Facts<'_> {
        Facts {
            checkpoint,
            dedicated: Some(false),
            running: None,
            at_it: None,
            present: checkpoint.conversation.as_deref(),
            lease: None,
            place: None,
            has_directory: true,
            branch: None,
            conversation: Conversation::Here(10),
            anew: false,
        }
    }

    fn with_task() -> Checkpoint {
        let lease = lease();
        let held = HeldTask { task: lease.task, attempt: 2, phase: Phase::Confirmed };
        Checkpoint { task: Some(held), carry_on: true, ..idle() }
    }

    #[test]
    fn a_session_that_runs_or_has_something_else_to_do_is_left_alone() {
        let (quiet, busy) = (idle(), with_task());
        let confirmed = Lease { phase: Phase::Confirmed, ..lease() };
        let refused = |facts: &Facts<'_>| {
            let refusal = plan(facts).unwrap_err();
            format!("{refusal}; {}", refusal.hint)
        };
        for (facts, want) in [
            (Facts { running: Some(7), ..facts(&quiet) }, "runs (pid 7); claude-failover stop p-0"),
            (Facts { running: Some(7), dedicated: Some(true), ..facts(&quiet) }, "never ended: end it with /exit"),
            (Facts { dedicated: None, ..facts(&quiet) }, "no session `p-0` in the configuration"),
            (Facts { lease: Some(&confirmed), ..facts(&quiet) }, "has task `app:add-login` now"),
            (Facts { lease: Some(&lease()), ..facts(&busy) }, "has task `app:add-login` now"),
            (
                Facts { lease: Some(&Lease { attempt: 3, ..confirmed.clone() }), ..facts(&busy) },
                "has task `app:add-login` now",
            ),
            (Facts { at_it: Some("pid 9".into()), ..facts(&quiet) }, "is open elsewhere: pid 9; end that first"),
            (Facts { has_directory: false, ..facts(&quiet) }, "its directory is gone"),
            (
                Facts { conversation: Conversation::Elsewhere("/x".into()), ..facts(&quiet) },
                "cannot be seen from that account: `/x`",
            ),
        ] {
            let said = refused(&facts);
            assert!(said.contains(want), "{said}");
        }
    }

    #[test]
    fn the_conversation_is_resumed_where_it_can_be() {
        let confirmed = Lease { phase: Phase::Confirmed, ..lease() };
        let (quiet, busy) = (idle(), with_task());
        let by_hand = Checkpoint { carry_on: true, ..idle() };
        let unbegun = Checkpoint { transcript: None, ..idle() };
        let gone = Conversation::Gone;
        for (facts, anew, first) in [
            (facts(&quiet), None, First::Nothing),
            (facts(&by_hand), None, First::CarryOn),
            (Facts { dedicated: Some(true), ..facts(&by_hand) }, None, First::Nothing),
            (facts(&busy), None, First::Nothing),
            (Facts { lease: Some(&confirmed), ..facts(&busy) }, None, First::Task),
            (
                Facts { lease: Some(&confirmed), conversation: gone.clone(), ..facts(&busy) },
                Some("its conversation is gone"),
                First::TaskAndSummary,
            ),
            (
                Facts { conversation: gone.clone(), ..facts(&by_hand) },
                Some("its conversation is gone"),
                First::SummaryAndCarryOn,
            ),
            (
                Facts { conversation: gone, ..facts(&unbegun) },
                Some("its conversation had not begun"),
                First::SummaryAndWait,
            ),
            (Facts { anew: true, ..facts(&busy) }, Some("a new one was asked for"), First::SummaryAndWait),
        ] {
            let plan = plan(&facts).unwrap();
            assert_eq!((plan.anew.as_deref(), plan.first), (anew, first), "{facts:?}");
        }
    }

    #[test]
    fn what_is_different_now_is_told() {
        let busy = Checkpoint { git: Some(Git { branch: Some("main".into()), ..Git::default() }), ..with_task() };
        let now = Facts {
            place: Some(Place::Waiting),
            branch: Some("other".into()),
            present: Some("c-2"),
            conversation: Conversation::Here(3),
            ..facts(&busy)
        };
        let notes = plan(&now).unwrap().notes;
        assert_eq!(
            notes,
            [
                "its task `app:add-login` waits in the queue, for whichever session is free",
                "the session has been at another conversation since, c-2",
                "its transcript is shorter now (3 bytes) than it was (10)",
                "its directory is on branch `other` now, then on `main`",
            ]
        );
    }
}
