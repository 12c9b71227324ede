//! `hooks.switch-off`: what makes the client start, or go on, without its hooks.
//!
//! Beside `file.protected-write`, which keeps the settings files whole: this one knows the switches by name,
//! on a command line, in the environment, and in a file that would be read as settings.

use crate::model::guard::changes::{self, Change};
use crate::model::guard::policy::Effect;
use crate::model::guard::reading::{Call, Reading};
use crate::model::guard::value::Value;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[Rule {
    id: "hooks.switch-off",
    effect: Effect::Block,
    title: "switches that make the client run without its hooks",
    instead: "start the client as it is meant to run: `claude -p \"hello\"`; ask the operator for anything else",
    verbs: &["CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE", "disableAllHooks", "allowManagedHooksOnly"],
    finds: &[
        "claude --bare",
        "claude -p --bare 'do it'",
        "claude --safe-mode",
        "claude --setting-sources ''",
        "claude --setting-sources=project -p x",
        "/home/u/.local/bin/claude --bare",
        "claude --settings '{\"disableAllHooks\":true}'",
        "claude --settings='{\"disableAllHooks\": true}' -p x",
        "claude config set disableAllHooks true",
        "claude config set -g disableAllHooks true",
        "npx @anthropic-ai/claude-code --bare",
        "npx -y @anthropic-ai/claude-code@latest --safe-mode",
        "CLAUDE_CODE_SIMPLE=1 claude -p x",
        "CLAUDE_CODE_SAFE_MODE=1 claude",
        "export CLAUDE_CODE_SIMPLE=1",
        "declare -x CLAUDE_CODE_SAFE_MODE=true",
        "env CLAUDE_CODE_SIMPLE=1 claude",
        "env -u X CLAUDE_CODE_SIMPLE=1 sh run.sh",
        "export CLAUDE_CODE_SIMPLE=$X",
        "tmux set-environment -g CLAUDE_CODE_SIMPLE 1",
        "tmux new-session -d -e CLAUDE_CODE_SIMPLE=1 claude",
        "systemctl --user set-environment CLAUDE_CODE_SAFE_MODE=1",
        "echo '{\"disableAllHooks\":true}' > .claude/settings.json",
        "echo '{\"disableAllHooks\":true}' > other-settings.json",
        "printf '{\"env\":{\"CLAUDE_CODE_SIMPLE\":\"1\"}}' > /tmp/settings.local.json",
        "jq '.disableAllHooks=true' a.json > .claude/settings.local.json",
        "jq '.allowManagedHooksOnly=true' a.json > managed-settings.json",
    ],
    passes: &[
        "claude -p hello",
        "claude --settings overlay.json",
        "claude --settings '{\"model\":\"x\"}'",
        "claude -p 'what does disableAllHooks do'",
        "claude mcp add x -- server --bare",
        "claude config get disableAllHooks",
        "git clone --bare https://x.test/r.git",
        "git init --bare x.git",
        "other --safe-mode --setting-sources x",
        "echo CLAUDE_CODE_SIMPLE=1",
        "grep -r CLAUDE_CODE_SIMPLE src",
        "grep -rn disableAllHooks .claude",
        "git commit -m 'watch disableAllHooks and CLAUDE_CODE_SIMPLE=1'",
        "unset CLAUDE_CODE_SIMPLE",
        "CLAUDE_CODE_SIMPLE=0 claude -p x",
        "export CLAUDE_CODE_SIMPLE=0",
        "env CLAUDE_CODE_SIMPLE= claude",
        "jq .disableAllHooks .claude/settings.json",
        "echo 'disableAllHooks switches hooks off' > docs/hooks.md",
        "echo 'disableAllHooks' > notes.txt",
        "echo '{\"model\":\"x\"}' > app-settings.json",
        "printf '%s' \"$CLAUDE_CODE_SIMPLE\"",
    ],
}];

/// Options of the client without which no hook of ours runs.
const OPTIONS: &[&str] = &["--bare", "--safe-mode", "--setting-sources"];

/// Variables that do the same.
const VARIABLES: &[&str] = &["CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE"];

/// Keys of the settings that do the same.
const KEYS: &[&str] = &["disableAllHooks", "allowManagedHooksOnly"];

/// Programs that put variables into the environment of others.
const SETTERS: &[&str] = &[
    "export",
    "declare",
    "typeset",
    "readonly",
    "local",
    "set",
    "env",
    "sudo",
    "tmux",
    "screen",
    "systemctl",
    "systemd-run",
    "launchctl",
    "doas",
];

/// Holds a reading against it.
pub fn judge(reading: &Reading, _context: &Context<'_>, findings: &mut Vec<Finding>) {
    for call in &reading.calls {
        if let Some(reading) = client(call).or_else(|| variable(call)).or_else(|| settings(call)) {
            findings.push(Finding { rule: "hooks.switch-off", reading });
        }
    }
}

/// A start of the client with a switch, or a change of its configuration by itself.
fn client(call: &Call) -> Option<String> {
    let program = call.program.as_deref()?;
    let args = match program {
        "claude" | "claude.exe" | "claude-code" => call.args(),
        "npx" | "bunx" | "pnpx" | "npm" | "pnpm" | "yarn" | "bun" => {
            let is_client = |a: &Value| a.known_start().contains("@anthropic-ai/claude-code");
            let at = call.args().iter().position(is_client)?;
            call.args().get(at + 1..).unwrap_or_default()
        }
        _ => return None,
    };
    let args = args.split(|a| a.known() == Some("--")).next().unwrap_or_default();
    for (i, arg) in args.iter().enumerate() {
        let word = arg.known_start();
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        if let Some(option) = OPTIONS.iter().find(|option| **option == name) {
            return Some(format!("the client would start with {option}, which leaves hooks out"));
        }
        let overlay = match (name, word.contains('=')) {
            ("--settings", true) => Some(arg),
            ("--settings", false) => args.get(i + 1),
            _ => None,
        };
        if let Some(key) = overlay.and_then(|text| switch_in(&text.if_empty())) {
            return Some(format!("the client would start with settings that set {key}"));
        }
    }
    let mut words = args.iter().filter_map(Value::known).filter(|w| !w.starts_with('-'));
    if words.next() == Some("config") && matches!(words.next(), Some("set" | "add")) {
        let key = words.find_map(switch_in)?;
        return Some(format!("the client would set {key}"));
    }
    None
}

/// A variable set for a program, or for all that follow.
fn variable(call: &Call) -> Option<String> {
    let mut found = call.env.iter().filter(|(_, value)| is_on(value)).find_map(|(name, _)| known_variable(name));
    if found.is_none() && call.program.as_deref().is_some_and(|p| SETTERS.contains(&p)) {
        let args = call.args();
        found = args.iter().enumerate().find_map(|(i, arg)| {
            // `-e NAME=1`, `--setenv=NAME=1`, `-eNAME=1`; and `setenv NAME 1`.
            let start = arg.known_start();
            let at = VARIABLES.iter().find_map(|name| start.find(name))?;
            let before = start.get(..at).unwrap_or_default();
            if !(before.is_empty() || before.starts_with('-')) {
                return None;
            }
            let rest = arg.strip_prefix(before)?;
            match rest.split_once('=') {
                Some((name, value)) => is_on(&value).then(|| known_variable(name)).flatten(),
                None => {
                    let name = known_variable(rest.known()?)?;
                    args.get(i + 1).is_some_and(is_on).then_some(name)
                }
            }
        });
    }
    found.map(|name| format!("{name} would be set, which makes the client leave hooks out"))
}

fn known_variable(name: &str) -> Option<&'static str> {
    VARIABLES.iter().find(|known| **known == name).copied()
}

/// Everything but what the client takes for off.
fn is_on(value: &Value) -> bool {
    !matches!(value.known(), Some("" | "0" | "false" | "no" | "off"))
}

/// A switch written into a file that would be read as settings.
fn settings(call: &Call) -> Option<String> {
    let args = call.args().iter();
    let texts = args.chain(call.stdin.text.iter()).map(Value::if_empty);
    let key = texts.filter_map(|text| switch_in(&text)).next()?;
    let writes = changes::changes(call).into_iter().any(|change| match change {
        Change::Write { path } => is_settings(&path),
        _ => false,
    });
    writes.then(|| format!("{key} would be written into a settings file"))
}

fn switch_in(text: &str) -> Option<&'static str> {
    KEYS.iter().chain(VARIABLES).find(|key| text.contains(**key)).copied()
}

/// Whether a file of this path would be read as settings of the client, there or once it has been moved.
fn is_settings(path: &Value) -> bool {
    let text = path.if_empty();
    let name = text.rsplit('/').next().unwrap_or_default();
    (name.ends_with(".json") && name.contains("settings"))
        || text.starts_with("/etc/claude-code/")
        || (text.split('/').any(|part| part == ".claude") && name.ends_with(".json"))
        || path.to_string().contains("CLAUDE_ENV_FILE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::reader;
    use crate::model::guard::reading::Stream;
    use crate::model::guard::world::made_up::MadeUp;

    #[test]
    fn what_stands_in_front_and_what_flows_in_counts() {
        let world = MadeUp::new();
        let context = world.context();
        let found = |mut call: Call, env: &[(&str, &str)], input: Option<&str>| {
            call.env = env.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
            call.stdin = Stream { text: input.map(Value::from), ..Stream::default() };
            let reading = Reading { calls: vec![call], ..Reading::default() };
            let mut findings = Vec::new();
            judge(&reading, &context, &mut findings);
            !findings.is_empty()
        };
        let call = |line: &str| reader::read(line, &context).unwrap().calls.pop().unwrap();
        assert!(found(call("claude -p x"), &[("CLAUDE_CODE_SIMPLE", "1")], None));
        assert!(found(call("make test"), &[("CLAUDE_CODE_SAFE_MODE", "yes")], None));
        assert!(!found(call("claude -p x"), &[("CLAUDE_CODE_SIMPLE", "0")], None));
        assert!(!found(call("claude -p x"), &[("CLAUDE_CODE_SIMPLER", "1")], None));
        let text = Some("{\"disableAllHooks\": true}");
        assert!(found(call("cat > .claude/settings.json"), &[], text));
        assert!(found(call("cat > /etc/claude-code/managed-settings.json"), &[], text));
        assert!(!found(call("cat > docs/hooks.md"), &[], text));
        assert!(!found(call("cat"), &[], text));
    }
}
