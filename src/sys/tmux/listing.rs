//! What tmux lists: panes and attached terminals, one line each, read into types.

use jiff::Timestamp;

use crate::model::name::SessionName;

/// A pane, by the id that tmux gave it. It can only come from tmux itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneId(String);

impl PaneId {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('%')?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// `%N`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A pane as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// Its session.
    pub session: String,
    /// Its id.
    pub id: PaneId,
    /// The process that tmux started in it.
    pub pid: i32,
    /// Whether that process has ended.
    pub dead: bool,
    /// How it ended: `status 143`, `signal 9`.
    pub how: String,
    /// Whether the pane is in copy mode.
    pub in_mode: bool,
    /// When something last moved in its window.
    pub activity: Option<Timestamp>,
    /// Terminals attached to its session.
    pub attached: u32,
    /// The program that runs in it.
    pub command: String,
}

/// Everything that a server has, in one look.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Whether a server runs.
    pub server: bool,
    /// All panes, in tmux's order.
    pub panes: Vec<Pane>,
    /// The newest key typed in each session, by an attached terminal that may type.
    pub typed: Vec<(String, Timestamp)>,
}

impl Snapshot {
    /// The pane of a session, by its exact name: the one with a known process, else the first. A
    /// person may have split the window in front of it.
    #[must_use]
    pub fn pane(&self, session: &SessionName, pid: Option<i32>) -> Option<&Pane> {
        let mut own = self.panes.iter().filter(|p| p.session == session.as_str());
        own.clone().find(|p| Some(p.pid) == pid).or_else(|| own.next())
    }

    /// The pane in which a process was started, wherever it is now.
    #[must_use]
    pub fn pane_of(&self, pid: i32) -> Option<&Pane> {
        self.panes.iter().find(|p| p.pid == pid)
    }

    /// When a person last typed in a session.
    #[must_use]
    pub fn typed(&self, session: &SessionName) -> Option<Timestamp> {
        self.typed.iter().filter(|t| t.0 == session.as_str()).map(|t| t.1).max()
    }
}

/// Fields of a pane, separated by a character that no checked field can hold; free text comes last.
pub const PANE_FORMAT: &str = "P|#{pane_id}|#{pane_pid}|#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|\
#{pane_in_mode}|#{window_activity}|#{session_attached}|#{session_name}|#{pane_current_command}";
/// The same for an attached terminal.
pub const CLIENT_FORMAT: &str = "C|#{client_activity}|#{client_readonly}|#{client_session}";

/// Reads a listing; a line that cannot be read is told and skipped.
#[must_use]
pub fn parse_snapshot(text: &str) -> Snapshot {
    let mut snapshot = Snapshot { server: true, ..Snapshot::default() };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("P|") {
            match parse_pane(rest) {
                Some(pane) => snapshot.panes.push(pane),
                None => log::warn!("a line of tmux that cannot be read: {}", crate::model::name::shown(line)),
            }
        } else if let Some((time, rest)) = line.strip_prefix("C|").and_then(|r| r.split_once('|'))
            && let (Some((readonly, session)), Some(time)) = (rest.split_once('|'), seconds(time))
            && readonly != "1"
        {
            snapshot.typed.push((session.to_owned(), time));
        }
    }
    snapshot
}

/// A time as tmux writes it.
pub fn seconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(text.parse().ok()?).ok()
}

fn parse_pane(rest: &str) -> Option<Pane> {
    let fields: Vec<&str> = rest.splitn(10, '|').collect();
    let [id, pid, dead, status, signal, mode, activity, attached, session, command] = fields[..] else {
        return None;
    };
    Some(Pane {
        id: PaneId::parse(id)?,
        pid: pid.parse().ok()?,
        dead: dead == "1",
        how: match (status, signal) {
            ("", "") => "an unknown status".to_owned(),
            ("", signal) => format!("signal {signal}"),
            (status, _) => format!("status {status}"),
        },
        in_mode: mode != "0" && !mode.is_empty(),
        activity: seconds(activity),
        attached: attached.parse().unwrap_or(0),
        session: session.to_owned(),
        command: command.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_and_commands_are_skipped_or_kept_whole() {
        let text = "P|%1|7|0|||0|1800000000|1|ccl-1|a|b;c\nP|%2|x|0|||0|1|0|bad|c\nnonsense\n\
                    P|%3|8|1|143||1|1800000000|0|ccl-2|sh\nP|%4|9|0|||0|1|0|ccl-2|second\n\
                    C|1800000009|0|ccl-1\nC|1800000010|1|ccl-1\n";
        let snapshot = parse_snapshot(text);
        let name = |n: &str| SessionName::new(n).unwrap();
        assert_eq!(snapshot.panes.len(), 3);
        assert_eq!(snapshot.pane(&name("ccl-1"), None).unwrap().command, "a|b;c");
        assert_eq!(snapshot.pane(&name("ccl-2"), Some(9)).unwrap().id.as_str(), "%4");
        assert_eq!(snapshot.pane_of(9).unwrap().session, "ccl-2");
        let two = snapshot.pane(&name("ccl-2"), Some(77)).unwrap();
        assert_eq!((two.dead, two.how.as_str(), two.in_mode, two.id.as_str()), (true, "status 143", true, "%3"));
        assert_eq!(snapshot.typed(&name("ccl-1")).unwrap().as_second(), 1_800_000_009);
        assert_eq!(snapshot.pane(&name("ccl"), None), None);
    }
}
