//! The hook itself: JSON on stdin, 0 or 2, the reason on stderr. Called before every tool call of every
//! session, so nothing is done here that is not needed for the verdict.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;

use crate::model::guard::tool_call::{self, Ask, ToolCall};
use crate::model::guard::verdict::{Finding, Verdict};
use crate::model::guard::world::Context;
use crate::model::guard::{judge_shell, judge_write, policy::Effect, rules};
use crate::model::name::shown;
use crate::model::redact::redact;
use crate::sys::clock;
use crate::sys::guard_policy::{self, Current};
use crate::sys::guard_world::Disk;
use crate::sys::last_resort::{self, BLOCK};
use crate::sys::store::{GuardEntry, LogEntry, Store};

/// The most input that is read, in bytes: a `Write` may carry a large file, which is not judged.
const MAX_INPUT: usize = 64 << 20;

/// The most of a warning that the client gives to the model, in characters, with room for its frame.
const MAX_WARNING: usize = 9_000;

/// The most findings that are told; all of them are in the log.
const MAX_TOLD: usize = 4;

/// How the entry was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entry {
    state: Option<PathBuf>,
    session: Option<String>,
    project: Option<String>,
}

/// The words behind the program's name, if they are those of an entry and nothing else.
pub fn entry(mut words: impl Iterator<Item = OsString>) -> Option<Entry> {
    if words.next()? != "guard" {
        return None;
    }
    let mut entry = Entry::default();
    while let Some(word) = words.next() {
        let word = word.to_str()?.to_owned();
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, OsString::from(value)),
            None => (word.as_str(), words.next()?),
        };
        let text = |value: &OsStr| value.to_str().filter(|v| !v.is_empty()).map(str::to_owned);
        match flag {
            "--state-dir" => entry.state = Some(PathBuf::from(value)).filter(|dir| dir.is_absolute()),
            "--session" => entry.session = Some(text(&value)?),
            "--project" => entry.project = Some(text(&value)?),
            _ => return None,
        }
    }
    Some(entry)
}

/// Reads the call, judges it, says why not, and ends the process.
pub fn run(entry: &Entry) -> ! {
    last_resort::arm();
    let read = last_resort::read_input(MAX_INPUT);
    last_resort::with_stack(|| answer(entry, read));
    // Whatever has kept it from an answer.
    last_resort::end(BLOCK)
}

fn answer(entry: &Entry, read: std::io::Result<Option<Vec<u8>>>) {
    let call = match read {
        Ok(Some(bytes)) => tool_call::read(&bytes).map_err(|e| ("input.unreadable", e.to_string())),
        Ok(None) => Err(("input.limit", format!("more than {} MiB of input", MAX_INPUT >> 20))),
        Err(e) => Err(("input.unreadable", format!("the input cannot be read: {e}"))),
    };
    fault();
    let (call, mut findings, current) = match call {
        // Most calls of most sessions: nothing to judge, nothing to look up.
        Ok(call) if call.asks.is_empty() => {
            last_resort::decided(0);
            last_resort::end(0);
        }
        Ok(call) => {
            let current = guard_policy::current(entry.state.as_deref(), entry.project.as_deref());
            let findings = judge(&call, &current);
            (call, findings, current)
        }
        Err((rule, reading)) => {
            let call =
                ToolCall { tool: String::new(), cwd: PathBuf::new(), asks: Vec::new(), is_self_test: false };
            (call, vec![(Effect::Block, Finding { rule, reading })], Current::default())
        }
    };
    findings.sort_by_key(|(effect, _)| std::cmp::Reverse(*effect));
    let blocks = findings.iter().any(|(effect, _)| *effect == Effect::Block);
    let code = if blocks { BLOCK } else { 0 };
    last_resort::decided(code);
    // The answer first: what the log does is nobody's business but its own.
    if blocks {
        let _ = std::io::stderr().write_all(reason(&findings).as_bytes());
    } else if !findings.is_empty() {
        let _ = std::io::stdout().write_all(warning(&findings).as_bytes());
        let _ = std::io::stdout().flush();
    }
    note(entry, &call, &findings, &current);
    last_resort::end(code);
}

fn judge(call: &ToolCall, current: &Current) -> Vec<(Effect, Finding)> {
    let world = Disk::default();
    let context = Context {
        cwd: call.cwd.clone(),
        home: super::home(),
        project_dir: current.project_dir.clone(),
        policy: &current.policy,
        world: &world,
    };
    let verdict = |ask: &Ask| -> Verdict {
        match ask {
            Ask::Shell(text) => judge_shell(text, &context),
            Ask::Write(path) => judge_write(path, &context),
        }
    };
    let mut found: Vec<(Effect, Finding)> = Vec::new();
    for finding in call.asks.iter().flat_map(|ask| verdict(ask).findings) {
        // A line that does a thing forty times is told once.
        if !found.contains(&finding) {
            found.push(finding);
        }
    }
    found
}

/// Why a call is blocked, for the model.
fn reason(findings: &[(Effect, Finding)]) -> String {
    let blocking: Vec<&Finding> = findings.iter().filter(|(e, _)| *e == Effect::Block).map(|(_, f)| f).collect();
    let mut ids: Vec<&str> = Vec::new();
    blocking.iter().for_each(|f| {
        if !ids.contains(&f.rule) {
            ids.push(f.rule);
        }
    });
    let mut text = format!("claude-failover guard blocked this call: {}\n", ids.join(", "));
    for finding in blocking.iter().take(MAX_TOLD) {
        text.push_str(&format!("Read as: {}\n", redact(&finding.reading, 300)));
    }
    if let Some(more) = blocking.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        text.push_str(&format!("… and {more} more of the kind\n"));
    }
    for instead in ids.iter().filter_map(|id| rules::rule(id)).map(|rule| rule.instead).filter(|t| !t.is_empty()) {
        text.push_str(&format!("Instead: {instead}\n"));
    }
    text.push_str("Nothing was run. Only this call is blocked: you may go on with the task another way.\n");
    text
}

/// What the model is told of a call that runs: facts, no orders.
fn warning(findings: &[(Effect, Finding)]) -> String {
    let mut text = String::from("claude-failover guard let this call run and noted it:");
    for (_, finding) in findings.iter().take(MAX_TOLD) {
        text.push_str(&format!(" {}: {}.", finding.rule, redact(&finding.reading, 300)));
    }
    let text: String = text.chars().take(MAX_WARNING).collect();
    serde_json::json!({
        "hookSpecificOutput": { "hookEventName": "PreToolUse", "additionalContext": text }
    })
    .to_string()
}

/// The audit log: each block and each warning, never what simply runs.
fn note(entry: &Entry, call: &ToolCall, findings: &[(Effect, Finding)], current: &Current) {
    let Some(state) = &entry.state else { return };
    let store = Store::at(state);
    let log = |what: &str, why: &str, guard: Option<GuardEntry<'_>>| {
        store.note(
            clock::now(),
            &LogEntry {
                command: "guard",
                what,
                why,
                session: entry.session.as_deref(),
                project: entry.project.as_deref(),
                guard,
                ..LogEntry::default()
            },
        );
    };
    if let Some(news) = &current.news {
        log("took the built-in rules", news, None);
    }
    let Some((effect, _)) = findings.first().filter(|_| !call.is_self_test) else { return };
    let (effect, what) = match effect {
        Effect::Block => ("block", "blocked a call"),
        _ => ("warn", "warned of a call"),
    };
    let mut rules: Vec<&str> = Vec::new();
    findings.iter().for_each(|(_, f)| {
        if !rules.contains(&f.rule) {
            rules.push(f.rule);
        }
    });
    let readings: Vec<String> = findings.iter().take(MAX_TOLD).map(|(_, f)| redact(&f.reading, 200)).collect();
    let mut why = format!("{}: {}", rules.join(", "), readings.join("; "));
    if let Some(note) = &current.note {
        why.push_str(&format!(" ({})", redact(note, 200)));
    }
    let input = call.asks.first().map(|ask| redact(ask.text(), 200));
    let (tool, input) = (shown(&call.tool), input.unwrap_or_default());
    log(what, &why, Some(GuardEntry { effect, rules: &rules, tool: &tool, input: &input }));
}

/// Lets a test see what becomes of a guard that fails. Not in a release build.
#[cfg(feature = "crash-points")]
fn fault() {
    use crate::sys::paths;
    #[expect(unconditional_recursion, reason = "what is tested")]
    fn deeper(n: u64) -> u64 {
        std::hint::black_box(deeper(n + 1) + n)
    }
    match paths::var("CLAUDE_FAILOVER_GUARD_FAULT").as_deref().and_then(OsStr::to_str) {
        Some("panic") => {
            #[expect(clippy::panic, reason = "what is tested")]
            {
                panic!("as asked");
            }
        }
        Some("abort") => std::process::abort(),
        Some("hang") => clock::pause(std::time::Duration::from_secs(60)),
        Some("stack") => drop(std::hint::black_box(deeper(0))),
        _ => {}
    }
}

#[cfg(not(feature = "crash-points"))]
fn fault() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_of_an_entry_are_one() {
        let of = |words: &[&str]| entry(words.iter().map(OsString::from));
        assert_eq!(of(&["guard"]), Some(Entry::default()));
        let full = of(&["guard", "--state-dir", "/s", "--session=a", "--project", "p"]).unwrap();
        assert_eq!(
            (full.state, full.session, full.project),
            (Some("/s".into()), Some("a".into()), Some("p".into()))
        );
        // Without a state directory that can be found there are the built-in rules.
        assert_eq!(of(&["guard", "--state-dir", "relative"]), Some(Entry::default()));
        for words in [
            &[][..],
            &["status"],
            &["guard", "rules"],
            &["guard", "--explain", "x"],
            &["guard", "--help"],
            &["guard", "--state-dir"],
            &["guard", "--session", ""],
            &["--state-dir", "/s", "guard"],
        ] {
            assert_eq!(of(words), None, "{words:?}");
        }
    }

    #[test]
    fn a_reason_is_short_and_says_that_the_session_may_go_on() {
        let finding =
            |n: usize| (Effect::Block, Finding { rule: "fs.x", reading: format!("{n} {}", "x".repeat(999)) });
        let text = reason(&(0..50).map(finding).collect::<Vec<_>>());
        assert!(text.starts_with("claude-failover guard blocked this call: fs.x\nRead as: 0 xxx"), "{text}");
        assert!(text.contains("46 more") && text.contains("you may go on") && text.len() < 2000, "{text}");
        let text = warning(&(0..50).map(finding).collect::<Vec<_>>());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["hookSpecificOutput"]["additionalContext"].as_str().unwrap().chars().count() < 10_000);
    }
}
