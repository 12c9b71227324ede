//! Which state a session is in: one look, many sources, the strongest wins.
//!
//! Order: the process (is there one?), the client's own state file, its hook events, the screen.
//! An error while looking is never death, and unknown is never idle.

use jiff::{SignedDuration, Timestamp};

use super::event::{ClientFile, ClientStatus};
use super::session::{ClientProcess, Phase, SessionRecord, State, StateNote};
use super::signals::failure;

/// What tmux says of a session's pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaneView {
    /// tmux could not be asked: says nothing about the session.
    Unasked(String),
    /// There is no tmux server, and therefore no session.
    NoServer,
    /// The server runs, the session does not.
    Missing,
    /// The pane is there.
    Present(PaneFacts),
    /// A pane of this name is there, and what runs in it was not launched by us.
    Foreign(i32),
}

/// A pane that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaneFacts {
    /// `%N`.
    pub id: String,
    /// The process that tmux started in it: the client itself.
    pub pid: i32,
    /// Whether that process has ended.
    pub dead: bool,
    /// How it ended: `status 143`, `signal 9`.
    pub how: String,
    /// Whether the pane is in copy mode.
    pub in_mode: bool,
    /// Terminals attached to the session.
    pub attached: u32,
    /// When the newest key came from an attached terminal.
    pub typed: Option<Timestamp>,
    /// When something last moved on the screen.
    pub activity: Option<Timestamp>,
}

/// One look at a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its pane.
    pub pane: PaneView,
    /// The live process in the pane, if there is one; its start and boot tell a pid used again.
    pub process: Option<ClientProcess>,
    /// The client's state file, only if it belongs to that process.
    pub file: Option<ClientFile>,
    /// What the screen shows that a person must answer, where it was worth a look.
    pub screen: Option<&'static str>,
    /// The recorded client, where it lives and no pane of the session shows it.
    pub astray: Option<Astray>,
}

/// A client that lives although its session cannot be seen: another socket, a renamed session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// Its pid.
    pub pid: i32,
    /// The tmux session in which it was found, if it was.
    pub session: Option<String>,
}

/// Limits that turn silence into a state.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a client may take to get ready.
    pub ready: SignedDuration,
    /// How long a working client may be silent.
    pub stall: SignedDuration,
}

/// How long a client must have been idle without a `Stop` before that counts as an interrupted
/// turn: its state file changes a moment before its hook has run.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);

/// The state of a session, and why.
#[must_use]
pub fn verdict(now: Timestamp, record: &SessionRecord, seen: &Observation, patience: Patience) -> StateNote {
    let mut evidence = Vec::new();
    let (state, source) = decide(now, record, seen, patience, &mut evidence);
    let since = since(now, state, record, seen);
    let background = seen.file.as_ref().is_some_and(|f| f.status == ClientStatus::Shell);
    StateNote { state, since, source: source.to_owned(), evidence, background }
}

/// Since when it is in a state: by the client's own words where it has said, else since we first
/// saw it.
fn since(now: Timestamp, state: State, record: &SessionRecord, seen: &Observation) -> Timestamp {
    let told = match state {
        State::Idle | State::Working | State::Waiting => seen.file.as_ref().and_then(|f| f.status_since),
        State::Limited => record.digest.open_failure().map(|f| f.at),
        State::Dead if record.note.state != State::Dead => record.digest.end.as_ref().map(|e| e.at),
        _ => None,
    };
    let launched = seen.process.as_ref().or(record.client.as_ref()).map_or(Timestamp::MIN, |p| p.launched);
    match told {
        // What lies before the launch or in the future was not said of this state.
        Some(at) if at >= launched && at <= now => at,
        _ if record.note.state == state => record.note.since.min(now),
        _ => now,
    }
}

fn decide(
    now: Timestamp,
    record: &SessionRecord,
    seen: &Observation,
    patience: Patience,
    evidence: &mut Vec<String>,
) -> (State, &'static str) {
    if let Some(astray) = &seen.astray {
        // No pane is no proof of death: a second client would run the same conversation.
        let place = astray.session.as_ref().map_or_else(|| "in no session".to_owned(), |s| format!("in `{s}`"));
        evidence.push(format!("its client lives (pid {}), tmux has it {place}", astray.pid));
        return (State::Unknown, "process");
    }
    let pane = match &seen.pane {
        PaneView::Unasked(why) => {
            evidence.push(format!("tmux could not be asked: {why}"));
            return (State::Unknown, "tmux");
        }
        PaneView::NoServer => {
            evidence.push("no tmux server runs".to_owned());
            return (State::Dead, "tmux");
        }
        PaneView::Missing => {
            evidence.push("no tmux session of this name".to_owned());
            return (State::Dead, "tmux");
        }
        PaneView::Foreign(pid) => {
            evidence.push(format!(
                "its client is gone; a tmux session of this name is there and not ours (pid {pid})"
            ));
            return (State::Dead, "tmux");
        }
        PaneView::Present(pane) if pane.dead => {
            evidence.push(format!("the client ended with {}", pane.how));
            if let Some(end) = &record.digest.end {
                evidence.push(format!("it reported its end: {}", end.what));
            }
            return (State::Dead, "tmux");
        }
        PaneView::Present(pane) => pane,
    };
    let Some(process) = &seen.process else {
        evidence.push(format!("the process {} of the pane cannot be seen", pane.pid));
        return (State::Unknown, "process");
    };
    let Some(file) = &seen.file else {
        return without_file(now, process, seen.screen, patience, evidence);
    };
    let age = file.status_since.map(|t| now.duration_since(t));
    match file.status {
        ClientStatus::Busy => {
            let last = [record.digest.last, file.updated, pane.activity, Some(process.launched)];
            let last = last.into_iter().flatten().max().unwrap_or(process.launched);
            let silent = now.duration_since(last);
            evidence.push("its state file says busy".to_owned());
            if silent > patience.stall {
                evidence.push(format!("no event and nothing on the screen for {}", words(silent)));
                return (State::Stalled, "client state file");
            }
            (State::Working, "client state file")
        }
        ClientStatus::Waiting => {
            let what = if file.waiting_for.is_empty() { "something" } else { &file.waiting_for };
            evidence.push(format!("its state file says it waits for: {what}"));
            evidence.extend(seen.screen.map(|what| format!("the screen {what}")));
            limit_or(State::Waiting, record, evidence)
        }
        ClientStatus::Shell => {
            evidence.push("its state file says idle with shells in the background".to_owned());
            if record.lease.is_none() {
                // What a finished task has left running, such as a server to try things on.
                return (State::Idle, "client state file");
            }
            let last = record.digest.last.into_iter().chain(file.status_since).max();
            let silent = now.duration_since(last.unwrap_or(process.launched));
            if silent > patience.stall {
                evidence.push(format!("nothing has come of them for {}", words(silent)));
                return (State::Stalled, "client state file");
            }
            (State::Working, "client state file")
        }
        ClientStatus::Other => {
            evidence.push("its state file has a status that is not known".to_owned());
            (State::Unknown, "client state file")
        }
        ClientStatus::Idle => {
            evidence.push("its state file says idle".to_owned());
            if let (State::Limited, source) = limit_or(State::Idle, record, evidence) {
                return (State::Limited, source);
            }
            if is_without_end(record) && age.is_some_and(|a| a > SETTLED) {
                evidence.push("the end of the task's turn was not reported: interrupted, or lost".to_owned());
                return (State::Stalled, "events");
            }
            (State::Idle, "client state file")
        }
    }
}

fn without_file(
    now: Timestamp,
    process: &ClientProcess,
    screen: Option<&'static str>,
    patience: Patience,
    evidence: &mut Vec<String>,
) -> (State, &'static str) {
    let age = now.duration_since(process.launched);
    evidence.push(format!("the process lives, no state file after {}", words(age)));
    if let Some(what) = screen {
        evidence.push(format!("the screen {what}"));
        return (State::Waiting, "screen");
    }
    if age <= patience.ready {
        return (State::Starting, "process");
    }
    evidence.push("it never got ready".to_owned());
    (State::Unknown, "process")
}

/// A limit that was hit by this very client, and after which nothing has happened.
fn limit_or(other: State, record: &SessionRecord, evidence: &mut Vec<String>) -> (State, &'static str) {
    match record.digest.open_failure() {
        // An older client of the same session may have hit it, under another account.
        Some(failure) if failure.seq > record.launch_mark => {
            evidence.push(format!("its last turn failed: {}: {}", failure.what, first_line(&failure.text)));
            if matches!(failure::read(failure), failure::Failure::Limit(_)) {
                (State::Limited, "events")
            } else {
                (other, "events")
            }
        }
        _ => (other, "client state file"),
    }
}

/// A task was delivered, and neither a `Stop` nor a failure came after it although the client idles.
fn is_without_end(record: &SessionRecord) -> bool {
    let Some(lease) = &record.lease else { return false };
    let mark = lease.mark.max(record.digest.prompt.as_ref().map_or(0, |p| p.seq));
    let after = |s: &Option<super::event::Seen>| s.as_ref().is_some_and(|s| s.seq > mark);
    lease.phase == Phase::Confirmed && !after(&record.digest.stop) && !after(&record.digest.failure)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A duration for people: `45s`, `12m`, `3h 5m`, `2d 4h`.
#[must_use]
pub fn words(duration: SignedDuration) -> String {
    let s = duration.as_secs().max(0);
    let (d, h, m) = (s / 86_400, s / 3600 % 24, s / 60 % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, m) => format!("{m}m"),
        (0, h, 0) => format!("{h}h"),
        (0, h, m) => format!("{h}h {m}m"),
        (d, 0, _) => format!("{d}d"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}

#[cfg(test)]
mod tests;
