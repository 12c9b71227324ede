//! tmux sessions that we have launched, whatever became of their clients.
//!
//! A client that lives tells by its environment whose it is; one that has ended has none any more, but tmux keeps the
//! command line with which it was started, and the same words stand in that.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Tmux, TmuxError};
use crate::model::janitor::Remains;
use crate::model::name::SessionName;
use crate::sys::claude;

/// Letters that mean nothing to tmux's formats and patterns.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
}

/// Fields of a pane; `1` at the end if its command line names this very session and our state directory.
fn format(state: &str) -> String {
    let (session, dir) = (claude::SESSION_VAR, claude::STATE_VAR);
    let started = if is_plain(state) {
        format!("#{{?#{{m:*{session}=#{{session_name}} {dir}={state} *,#{{pane_start_command}}}},1,0}}")
    } else {
        "0".to_owned()
    };
    format!(
        "R|#{{pane_dead}}|#{{session_attached}}|#{{window_activity}}|#{{pane_pid}}|{started}|#{{session_name}}"
    )
}

impl Tmux {
    /// The sessions that were launched from a state directory.
    ///
    /// # Errors
    /// If tmux could not be asked: that says nothing about the sessions.
    pub fn remains(&self, state: &Path) -> Result<Vec<Remains>, TmuxError> {
        let said = match self.call(&["list-panes", "-a", "-F", &format(&state.display().to_string())]) {
            Ok(said) => said.stdout,
            Err(TmuxError::NoServer) => return Ok(Vec::new()),
            Err(TmuxError::Refused { message, .. }) if message.contains("no current target") => {
                return Ok(Vec::new());
            }
            Err(e) => return Err(e),
        };
        Ok(parse(&said, &|pid, session| claude::is_of_session(pid, session, state)))
    }
}

fn parse(text: &str, is_ours: &dyn Fn(i32, &SessionName) -> bool) -> Vec<Remains> {
    let mut found: BTreeMap<SessionName, (bool, Remains)> = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("R|")) {
        let fields: Vec<&str> = line.splitn(6, '|').collect();
        let [dead, attached, activity, pid, started, session] = fields[..] else { continue };
        let Ok(session) = SessionName::new(session) else { continue };
        let alive = dead != "1";
        let ours = if alive { pid.parse().is_ok_and(|pid| is_ours(pid, &session)) } else { started == "1" };
        let entry = found
            .entry(session.clone())
            .or_insert_with(|| (false, Remains { session, alive: false, attached: false, activity: None }));
        entry.0 |= ours;
        entry.1.alive |= alive;
        // What cannot be read may be a person.
        entry.1.attached |= attached != "0";
        entry.1.activity = entry.1.activity.max(super::listing::seconds(activity));
    }
    found.into_values().filter(|(ours, _)| *ours).map(|(_, remains)| remains).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_it_is_ours() {
        let text = "R|1|0|1800000000|10|1|p-1\nR|1|0|1800000000|11|0|theirs\nR|0|1|1800000000|12|0|p-2\n\
                    R|1|0|1800000005|13|1|p-3\nR|0|0|1800000000|14|0|p-3\nR|1|0|x|15|1|a.b\nR|1\n1|0|0|R|\n";
        let found = parse(text, &|pid, session| pid == 12 && session.as_str() == "p-2");
        let told: Vec<_> = found.iter().map(|r| (r.session.as_str(), r.alive, r.attached)).collect();
        assert_eq!(told, [("p-1", false, false), ("p-2", true, true), ("p-3", true, false)]);
        assert_eq!(found[2].activity.unwrap().as_second(), 1_800_000_005);
    }

    #[test]
    fn a_directory_with_syntax_in_it_is_never_asked_for() {
        assert!(format("/srv/state").contains("=/srv/state *,#{pane_start_command}"));
        for odd in ["/a b", "/a*", "/a,b", "/#{x}", "/a}"] {
            assert!(!format(odd).contains(odd), "{odd}");
        }
    }
}
