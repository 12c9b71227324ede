//! git: its settings, options and subcommands that run something.

use super::{Inner, words};
use crate::model::guard::git::GLOBAL_OPTIONS;
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::Call;
use crate::model::guard::value::Value;

/// Settings that are commands: section, last part of the name; a part between them does not matter.
const COMMANDS: &[(&str, &str)] = &[
    ("core", "editor"),
    ("core", "pager"),
    ("core", "sshcommand"),
    ("core", "fsmonitor"),
    ("core", "askpass"),
    ("core", "gitproxy"),
    ("core", "alternaterefscommand"),
    ("sequence", "editor"),
    ("diff", "external"),
    ("diff", "command"),
    ("diff", "textconv"),
    ("difftool", "cmd"),
    ("difftool", "path"),
    ("merge", "driver"),
    ("mergetool", "cmd"),
    ("mergetool", "path"),
    ("filter", "clean"),
    ("filter", "smudge"),
    ("filter", "process"),
    ("credential", "helper"),
    ("pager", ""),
    ("gpg", "program"),
    ("gpg", "defaultkeycommand"),
    ("interactive", "difffilter"),
    ("uploadpack", "packobjectshook"),
    ("remote", "uploadpack"),
    ("remote", "receivepack"),
    ("sendemail", "sendmailcmd"),
    ("sendemail", "tocmd"),
    ("sendemail", "cccmd"),
    ("sendemail", "headercmd"),
    ("browser", "cmd"),
    ("man", "cmd"),
    ("guitool", "cmd"),
    ("trailer", "command"),
    ("trailer", "cmd"),
    ("submodule", "update"),
    ("tar", "command"),
    ("imap", "tunnel"),
    ("instaweb", "httpd"),
    ("gc", "recentobjectshook"),
];

/// Options of subcommands whose value is shell text.
struct Verb {
    names: &'static [&'static str],
    grammar: Grammar,
    texts: &'static [&'static str],
}

static VERBS: &[Verb] = &[
    Verb {
        names: &["rebase"],
        grammar: Grammar::mix(
            "ikmnqvfr",
            &["x,exec=", "onto=", "s,strategy=", "X,strategy-option=", "C=", "S?", "whitespace="],
        ),
        texts: &["x"],
    },
    Verb { names: &["difftool"], grammar: Grammar::mix("gdy", &["x,extcmd=", "t,tool="]), texts: &["x"] },
    Verb {
        names: &["filter-branch"],
        grammar: Grammar::mix(
            "f",
            &[
                "setup=",
                "env-filter=",
                "tree-filter=",
                "index-filter=",
                "parent-filter=",
                "msg-filter=",
                "commit-filter=",
                "tag-name-filter=",
                "subdirectory-filter=",
                "d=",
                "original=",
                "state-branch=",
                "prune-empty",
            ],
        )
        .with_one_dash(),
        texts: &[
            "setup",
            "env-filter",
            "tree-filter",
            "index-filter",
            "parent-filter",
            "msg-filter",
            "commit-filter",
            "tag-name-filter",
        ],
    },
    Verb {
        names: &["grep"],
        grammar: Grammar::mix(
            "aiIwvhHEGPFnlLzopcWq",
            &["O,open-files-in-pager?", "e=", "f=", "A=", "B=", "C=", "m=", "or", "only-matching"],
        ),
        texts: &["O"],
    },
    Verb {
        names: &["clone"],
        grammar: Grammar::mix(
            "lsqvn",
            &[
                "u,upload-pack=",
                "c,config=",
                "b,branch=",
                "o,origin=",
                "j,jobs=",
                "depth=",
                "template=",
                "reference=",
                "filter=",
            ],
        ),
        texts: &["u"],
    },
    Verb {
        names: &["fetch", "pull", "ls-remote", "fetch-pack", "remote"],
        grammar: Grammar::mix("afkmnpqrtuvP46", &["upload-pack,exec=", "o=", "j=", "depth=", "s=", "X="]),
        texts: &["upload-pack"],
    },
    Verb {
        names: &["push", "send-pack"],
        grammar: Grammar::mix("dfnquv46", &["receive-pack,exec=", "repo=", "o,push-option="]),
        texts: &["receive-pack"],
    },
    Verb {
        names: &["archive"],
        grammar: Grammar::mix("lv0123456789", &["exec=", "remote=", "o,output=", "format=", "prefix="]),
        texts: &["exec"],
    },
    Verb {
        names: &["send-email"],
        grammar: Grammar::mix("", &["sendmail-cmd=", "to-cmd=", "cc-cmd=", "header-cmd=", "to=", "cc=", "from="])
            .with_one_dash(),
        texts: &["sendmail-cmd", "to-cmd", "cc-cmd", "header-cmd"],
    },
    Verb { names: &["shell"], grammar: Grammar::stop("", &["c="]), texts: &["c"] },
];

/// What a call of git runs.
pub(super) fn inner(_: &str, call: &Call) -> Vec<Inner> {
    let words = call.args();
    let parsed = options::read(&GLOBAL_OPTIONS, words);
    let dir = parsed.value("C");
    let mut found: Vec<Inner> = parsed.values("c").filter_map(given).collect();
    for at in parsed.perhaps_first.iter().take(super::MAX_READINGS).chain(parsed.operands_at.first()) {
        let Some((verb, rest)) = words.get(*at..).and_then(<[Value]>::split_first) else { continue };
        let Some(verb) = verb.known() else { continue };
        found.extend(aliased(parsed.values("c"), verb, rest));
        subcommand(verb, rest, &mut found);
    }
    found.into_iter().map(|inner| inner.with(dir, &[])).collect()
}

/// A value of `-c`: `name=value`. Aliases are read where they are used.
fn given(value: &Value) -> Option<Inner> {
    let (name, value) = value.split_once('=')?;
    if name.to_ascii_lowercase().starts_with("alias.") {
        return bang(&value);
    }
    setting(name, &value)
}

/// What a setting makes git run.
pub(super) fn setting(name: &str, value: &Value) -> Option<Inner> {
    let name = name.to_ascii_lowercase();
    let (section, rest) = name.split_once('.')?;
    let last = rest.rsplit_once('.').map_or(rest, |(_, last)| last);
    if section == "alias" {
        let push = ["push", "send-pack"].iter().any(|verb| value.starts_with(verb));
        return bang(value).or_else(|| push.then(|| alias(value, &[])));
    }
    if !COMMANDS.iter().any(|(s, l)| *s == section && (l.is_empty() || *l == last)) {
        return None;
    }
    match (section, value.known()) {
        (_, Some("true" | "false" | "yes" | "no" | "on" | "off" | "0" | "1" | "")) => None,
        // A helper's name is a subcommand of git; a submodule's way of updating a word.
        ("credential" | "submodule", Some(text)) if !text.starts_with(['!', '/', '~']) => None,
        _ => bang(value).or_else(|| Some(Inner::shell(value.clone()))),
    }
}

fn bang(value: &Value) -> Option<Inner> {
    value.strip_prefix("!").map(Inner::shell)
}

fn alias(value: &Value, rest: &[Value]) -> Inner {
    let mut argv = vec![Value::from("git")];
    argv.extend(words::split(value));
    argv.extend_from_slice(rest);
    Inner::argv(argv)
}

/// The alias of this name among the values of `-c`.
fn aliased<'a>(settings: impl Iterator<Item = &'a Value>, verb: &str, rest: &[Value]) -> Vec<Inner> {
    let mine = |setting: &Value| {
        let (name, value) = setting.split_once('=')?;
        let name = name.to_ascii_lowercase();
        if name.strip_prefix("alias.")? != verb.to_ascii_lowercase() {
            return None;
        }
        match value.strip_prefix("!") {
            // The arguments are the text's.
            Some(mut text) => {
                for word in rest {
                    text.push_text(" ");
                    text.append(&words::quote(word));
                }
                Some(Inner::shell(text))
            }
            None => Some(alias(&value, rest)),
        }
    };
    settings.filter_map(mine).collect()
}

const CONFIG: Grammar = Grammar::mix(
    "lez",
    &[
        "f,file=",
        "blob=",
        "t,type=",
        "default=",
        "value=",
        "comment=",
        "url=",
        "add",
        "get",
        "unset",
        "unset-all",
        "get-all",
        "get-regexp",
    ],
);

fn subcommand(verb: &str, rest: &[Value], found: &mut Vec<Inner>) {
    match verb {
        "config" => {
            let parsed = options::read(&CONFIG, rest);
            if ["get", "unset", "unset-all", "get-all", "get-regexp"].iter().any(|name| parsed.has(name)) {
                return;
            }
            let operands = match parsed.operands.split_first() {
                Some((first, behind)) if first.known() == Some("set") => behind,
                _ => &parsed.operands,
            };
            if let [name, value, ..] = operands {
                found.extend(name.known().and_then(|name| setting(name, value)));
            }
        }
        "bisect" => {
            if let [verb, command @ ..] = rest
                && verb.known() == Some("run")
            {
                let command: Vec<Value> =
                    command.iter().skip_while(|w| w.known() == Some("--")).cloned().collect();
                if !command.is_empty() {
                    found.push(Inner::argv(command));
                }
            }
        }
        "submodule" => {
            let behind = rest.iter().position(|word| word.known() == Some("foreach"));
            let options = |w: &&Value| matches!(w.known(), Some("--recursive" | "--quiet" | "-q" | "--"));
            let behind = behind.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
            let command: Vec<Value> = behind.iter().skip_while(options).cloned().collect();
            match command.as_slice() {
                [] => {}
                [text] => found.push(Inner::shell(text.clone())),
                _ => found.push(Inner::argv(command)),
            }
        }
        "filter-repo" => {
            let callback = |(at, word): (usize, &Value)| {
                let (name, joined) = match word.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value)),
                    None => (word.known()?.to_owned(), None),
                };
                let text = joined.or_else(|| rest.get(at + 1).cloned())?;
                name.ends_with("-callback").then_some(Inner::Code { language: "python", text })
            };
            found.extend(rest.iter().enumerate().filter_map(callback));
        }
        "for-each-repo" => {
            let command: Vec<Value> = rest.iter().skip_while(|w| w.starts_with("-")).cloned().collect();
            if !command.is_empty() {
                let mut argv = vec![Value::from("git")];
                argv.extend(command);
                found.push(Inner::argv(argv));
            }
        }
        _ => {}
    }
    let Some(row) = VERBS.iter().find(|row| row.names.contains(&verb)) else {
        return;
    };
    let parsed = options::read(&row.grammar, rest);
    let remote = |text: &Value| Inner::shell(text.clone());
    found.extend(row.texts.iter().flat_map(|name| parsed.values(name)).map(remote));
    if verb == "clone" {
        found.extend(parsed.values("c").filter_map(given));
    }
    // `ext::cmd` is an address that git runs.
    found.extend(parsed.operands.iter().filter_map(|word| word.strip_prefix("ext::")).map(Inner::shell));
}

/// Settings by variables: `GIT_CONFIG_KEY_0` with `GIT_CONFIG_VALUE_0`.
pub(super) fn from_variables(env: &[(String, Value)], found: &mut Vec<Inner>) {
    let value = |number: &str| env.iter().find(|(name, _)| name.strip_prefix("GIT_CONFIG_VALUE_") == Some(number));
    for (name, key) in env {
        if let Some(number) = name.strip_prefix("GIT_CONFIG_KEY_")
            && let Some((_, value)) = value(number)
        {
            found.extend(key.known().and_then(|key| setting(key, value)));
        }
        if name == "GIT_CONFIG_PARAMETERS" {
            found.extend(words::split(key).iter().filter_map(given));
        }
    }
}
