//! The entries by which a client calls the guard, and the script between them.

use serde_json::{Value, json};
use std::path::Path;

/// The script's text, with places for the paths.
const SCRIPT: &str = include_str!("../../../hooks/claude-failover-guard.sh");

/// The script's name in `.claude/hooks/`.
pub const SCRIPT_NAME: &str = "claude-failover-guard.sh";

/// Which calls are judged: all of them. A list of names would let every tool pass that is not in it (those
/// of MCP servers, those of a client that is newer than the list), and a pattern is read by the client in a
/// way that is not ours to promise. The price is a process for each call that only reads.
pub const MATCHER: &str = "*";

/// How long the client waits for an entry, in seconds. Longer than everything inside it can take: a client
/// whose own limit passes lets the call run.
const CLIENT_LIMIT: u64 = 30;

/// What a command line of ours is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// This program.
    pub program: &'a Path,
    /// `timeout` of the machine.
    pub timeout: &'a Path,
    /// The state directory.
    pub state: &'a Path,
}

/// A path or a word that a shell takes as one word; `None` if it is not text or holds a NUL.
fn quoted(word: &str) -> Option<String> {
    shlex::try_quote(word).ok().map(std::borrow::Cow::into_owned)
}

/// The script of a project, by its name in the configuration if it has one; `None` if a path is not text.
#[must_use]
pub fn script(parts: &Parts<'_>, project: Option<&str>) -> Option<String> {
    let path = |path: &Path| quoted(path.to_str()?);
    let project = match project {
        Some(name) => format!(" --project {}", quoted(name)?),
        None => String::new(),
    };
    let places = [
        ("@GUARD@", path(parts.program)?),
        ("@TIMEOUT@", path(parts.timeout)?),
        ("@STATE@", path(parts.state)?),
        ("@PROJECT@", project),
    ];
    // In one go from left to right: a path may hold what looks like a place.
    let mut text = String::with_capacity(SCRIPT.len() + 256);
    let mut rest = SCRIPT;
    while let Some((at, (place, word))) =
        places.iter().filter_map(|p| rest.find(p.0).map(|at| (at, p))).min_by_key(|(at, _)| *at)
    {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        text.push_str(word);
        rest = after.strip_prefix(place).unwrap_or_default();
    }
    text.push_str(rest);
    Some(text)
}

/// A command line that ends in 0 or 2 whatever becomes of what it calls. Short: the client shows all of it to the
/// model in front of each reason. Why it blocks says who blocks: the guard, the script, or the shell that does
/// not find it.
fn closed(call: &str) -> String {
    format!("{call} || exit 2")
}

/// The command line of a project's entry; `None` if its path is not text.
#[must_use]
pub fn project_command(script: &Path) -> Option<String> {
    Some(closed(&quoted(script.to_str()?)?))
}

/// The command line of a session's entry: it calls the guard itself, without a file of the project.
#[must_use]
pub fn session_command(parts: &Parts<'_>, session: &str, project: Option<&str>) -> Option<String> {
    let mut more = vec!["--session", session];
    more.extend(project.iter().flat_map(|project| ["--project", project]));
    guard_command(parts, &more)
}

/// The command line of the machine's entry. It knows neither session nor project: the global policy.
#[must_use]
pub fn managed_command(parts: &Parts<'_>) -> Option<String> {
    guard_command(parts, &[])
}

fn guard_command(parts: &Parts<'_>, more: &[&str]) -> Option<String> {
    let mut words = vec![parts.timeout.to_str()?, "-k", "1", "5", parts.program.to_str()?, "guard", "--state-dir"];
    words.push(parts.state.to_str()?);
    words.extend(more);
    Some(closed(&shlex::try_join(words).ok()?))
}

/// The group of an entry as it stands under `hooks.PreToolUse`. `onFailure` is for clients that know it;
/// older ones pass over it.
#[must_use]
pub fn group(command: &str) -> Value {
    json!({
        "matcher": MATCHER,
        "hooks": [{ "type": "command", "command": command, "timeout": CLIENT_LIMIT, "onFailure": "block" }],
    })
}

/// The file of the machine's settings. `env`: what a project would set to switch hooks off is set back.
#[must_use]
pub fn managed(command: &str) -> String {
    let settings = json!({ "hooks": { "PreToolUse": [group(command)] }, "env": { "CLAUDE_CODE_SIMPLE": "0" } });
    format!("{settings:#}\n")
}

/// Whether a hook of a settings file is one of ours, of whatever version.
#[must_use]
pub fn is_ours(hook: &Value) -> bool {
    let Some(command) = hook["command"].as_str() else { return false };
    let mut words: Vec<String> = shlex::split(command)
        .unwrap_or_default()
        .into_iter()
        .map(|word| word.trim_end_matches(';').to_owned())
        .collect();
    words.extend(hook["args"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    let names = |word: &String, name: &str| Path::new(word).file_name().is_some_and(|n| n == name);
    words.iter().any(|word| names(word, SCRIPT_NAME))
        || words.windows(2).any(|pair| match pair {
            [program, command] => names(program, "claude-failover") && command == "guard",
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(program: &'a str, state: &'a str) -> Parts<'a> {
        Parts { program: Path::new(program), timeout: Path::new("/usr/bin/timeout"), state: Path::new(state) }
    }

    #[test]
    fn a_path_is_one_word_whatever_it_holds() {
        let odd = "/o'dd $(x) `y`\n@STATE@/claude-failover";
        let text = script(&parts(odd, "/st ate"), Some("pro ject")).unwrap();
        let assignment = text.split("guard=").nth(1).unwrap().split("\n\n").next().unwrap();
        assert_eq!(shlex::split(assignment).unwrap(), [odd]);
        assert!(text.contains("--state-dir '/st ate' --project 'pro ject'\n"), "{text}");
        assert!(!text.contains("@GUARD@") && !text.contains("@TIMEOUT@") && !text.contains("@PROJECT@"));
        assert_eq!(script(&parts("/a\0b", "/s"), None), None);
    }

    #[test]
    fn ours_are_known_in_every_form() {
        let parts = parts("/opt/claude-failover", "/s");
        for command in [
            project_command(Path::new("/p q/.claude/hooks/claude-failover-guard.sh")).unwrap(),
            session_command(&parts, "s", Some("p")).unwrap(),
            managed_command(&parts).unwrap(),
            "\"$CLAUDE_PROJECT_DIR\"/.claude/hooks/claude-failover-guard.sh".to_owned(),
            "/usr/bin/claude-failover guard".to_owned(),
            "timeout 3 /usr/bin/claude-failover guard || { echo 'guard failed' >&2; exit 2; }".to_owned(),
            "claude-failover guard --state-dir /x".to_owned(),
        ] {
            assert!(is_ours(&json!({ "command": command })), "{command}");
        }
        assert!(is_ours(&json!({ "command": "/x/claude-failover", "args": ["guard"] })));
        for command in
            ["echo claude-failover", "/x/guard.sh", "claude-failover event", "my-claude-failover guard", ""]
        {
            assert!(!is_ours(&json!({ "command": command })), "{command}");
        }
        assert!(!is_ours(&json!({ "type": "http", "url": "x" })));
    }
}
