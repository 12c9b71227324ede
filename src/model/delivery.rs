//! What is typed into a session, or given to a new one as its first prompt, and how its arrival is
//! recognised.
//!
//! One short line: a newer client treats long pastes as less trusted text, a leading `/` or `!` is a
//! command, a trailing `\`, `@` or `;` eats the Enter. The task's own text never goes this way.

use std::path::Path;

use super::name::TaskRef;
use super::session::Lease;

/// The longest line that every client version takes as typed text, in characters.
pub const MAX_LINE: usize = 800;

/// The words that name this try of this task; what the client reports back is searched for them.
#[must_use]
pub fn token(task: &TaskRef, attempt: u32) -> String {
    format!("Task {} (attempt {attempt})", task.id)
}

/// The prompt that hands a task over, or tells a resumed session to carry on with it.
#[must_use]
pub fn line(lease: &Lease, task_file: &Path, program: &Path) -> String {
    let token = token(&lease.task, lease.attempt);
    let program = quoted(&program.display().to_string());
    let (id, project) = (&lease.task.id, &lease.task.project);
    let ends = format!(
        "when it is done run `{program} task done {id} --project {project}`, or if it cannot be done \
         `{program} task fail {id} --project {project} --reason '...'`."
    );
    let file = quoted(&task_file.display().to_string());
    let line = if lease.carry_on {
        format!(
            "{token}: this session was interrupted and resumed, carry on with the task in {file}; check first whether \
             your last command took effect, do not repeat finished work; {ends}"
        )
    } else {
        format!("{token}: read {file} and carry it out; {ends}")
    };
    if line.chars().count() <= MAX_LINE {
        return line;
    }
    // A very deep path: the agent can find the commands in the environment of its session.
    format!(
        "{token}: carry on with {id} in the folder .agent-queue/inbox of this project, then run `$CLAUDE_FAILOVER task done {id} --project {project}`."
    )
}

fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// Whether a prompt that the client reported, or a line of its composer, is the one we sent. A pane
/// may break a line anywhere, so white space does not count.
#[must_use]
pub fn is_ours(text: &str, lease: &Lease) -> bool {
    squeezed(text).contains(&squeezed(&token(&lease.task, lease.attempt)))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{a0}').collect()
}

/// What stands in the composer of a client's screen: the text after the last `❯`, down to the rule
/// below it. `None` if no composer can be seen.
#[must_use]
pub fn composer(screen: &str) -> Option<String> {
    let lines: Vec<&str> = screen.lines().collect();
    let at = lines.iter().rposition(|l| l.trim_start_matches(['│', ' ']).starts_with('❯'))?;
    let mut text = String::new();
    for (n, line) in lines[at..].iter().enumerate() {
        let line = line.trim_matches(['│', ' ', '\u{a0}']);
        if n > 0 && (line.starts_with('─') || line.starts_with('╰') || line.is_empty()) {
            break;
        }
        text.push_str(line.strip_prefix('❯').unwrap_or(line).trim_matches([' ', '\u{a0}']));
    }
    Some(text)
}

/// A dialog or a screen that no prompt may be typed into, and that only a person can answer.
#[must_use]
pub fn blocking_screen(screen: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 9] = [
        ("Select login method", "asks to log in"),
        ("Please run /login", "asks to log in"),
        ("Not logged in", "asks to log in"),
        ("Do you trust the files", "asks whether to trust the folder"),
        ("Yes, I trust this folder", "asks whether to trust the folder"),
        ("Choose the text style", "asks for a theme: the home was never set up"),
        ("Bypass Permissions mode", "asks to accept the bypass-permissions mode"),
        ("Do you want to use this API key", "asks about an API key in its environment"),
        ("Unable to connect to Anthropic", "cannot reach the service"),
    ];
    KNOWN.iter().find(|(text, _)| screen.contains(text)).map(|(_, what)| *what)
}

#[cfg(test)]
#[allow(missing_docs, reason = "tests")]
pub mod tests {
    use super::*;
    use crate::model::name::{ProjectName, TaskId};
    use crate::model::session::Phase;
    use std::path::PathBuf;

    /// A lease of task `app:add-login`, second attempt.
    pub fn lease() -> Lease {
        Lease {
            task: TaskRef { project: ProjectName::new("app").unwrap(), id: TaskId::new("add-login").unwrap() },
            project_path: PathBuf::from("/srv/app"),
            attempt: 2,
            phase: Phase::Claimed,
            since: jiff::Timestamp::UNIX_EPOCH,
            claimed: jiff::Timestamp::UNIX_EPOCH,
            resumes: 0,
            nudges: 0,
            nudged: None,
            begun: false,
            mark: 0,
            transcript_from: 0,
            carry_on: false,
            accounts: Vec::new(),
            stall_after_seconds: None,
            max_attempts: 3,
        }
    }

    #[test]
    fn the_line_is_short_starts_with_a_letter_and_ends_with_a_full_stop() {
        for carry_on in [false, true] {
            for path in ["/srv/app/x.md".to_owned(), format!("/{}", "deep/".repeat(300))] {
                let lease = Lease { carry_on, ..lease() };
                let text = line(&lease, Path::new(&path), Path::new("/usr/bin/claude-failover"));
                assert!(text.chars().count() <= MAX_LINE && !text.chars().any(char::is_control));
                assert!(text.starts_with('T') && text.ends_with('.'), "{text}");
                assert!(is_ours(&text, &lease));
            }
        }
    }

    #[test]
    fn another_attempt_is_not_ours() {
        let text = line(&lease(), Path::new("/x.md"), Path::new("/b"));
        assert!(!is_ours(&text, &Lease { attempt: 20, ..lease() }));
    }

    #[test]
    fn the_composer_is_read_from_a_screen() {
        let screen = "● done\n❯ old prompt\n\n────\n❯ half a li\n  ne\n────\n  ⏵⏵ bypass permissions on\n";
        assert_eq!(
            composer(screen).as_deref(),
            Some("half a line".replace(' ', "").as_str()).map(|_| "half a line")
        );
        assert_eq!(composer("────\n❯\u{a0}\n────\n").as_deref(), Some(""));
        assert_eq!(composer("$ "), None);
    }
}
