//! Options of programs that are no wrappers, whose value is a program or shell text all the same.

mod table;

use self::table::{ROWS, Row};
use super::{Inner, words};
use crate::model::guard::options;
use crate::model::guard::reading::Call;
use crate::model::guard::value::{Part, Value};

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    find(name).map(|_| inner as fn(&str, &Call) -> Vec<Inner>)
}

fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.names.contains(&name))
}

fn inner(program: &str, call: &Call) -> Vec<Inner> {
    let Some(row) = find(program) else { return Vec::new() };
    let name = row.names.first().copied().unwrap_or_default();
    let words = call.args();
    let old = if name == "tar" { old_style(words, call) } else { None };
    let words = old.as_deref().unwrap_or(words);
    let parsed = options::read(&row.grammar, words);
    let mut found = Vec::new();
    for (option, begins) in row.texts {
        for value in parsed.values(option) {
            found.extend(begins.iter().find_map(|start| words::behind(value, start)).map(Inner::shell));
        }
    }
    match name {
        "gdb" => {
            let python = parsed.values("ex").filter_map(|text| text.strip_prefix("python "));
            found.extend(python.map(|text| Inner::Code { language: "python", text }));
            found.extend(super::commands(&parsed, words, 0).into_iter().map(|argv| Inner::argv(argv.to_vec())));
        }
        "strace" => {
            let env: Vec<_> =
                parsed.values("E").flat_map(|v| super::assignments(std::slice::from_ref(v)).0).collect();
            let runs = super::commands(&parsed, words, 0);
            found.extend(runs.into_iter().map(|argv| Inner::argv(argv.to_vec()).with(None, &env)));
        }
        "apt" => found.extend(parsed.values("o").filter_map(invoked)),
        "scp" => found.extend(parsed.values("o").filter_map(super::remote::ssh_setting)),
        "start-stop-daemon" => {
            if let Some(program) =
                parsed.value("a").or(parsed.value("x")).filter(|_| parsed.has("S") || parsed.has("start"))
            {
                let mut argv = vec![program.clone()];
                let dashes = words.iter().position(|w| w.known() == Some("--"));
                argv.extend(dashes.and_then(|at| words.get(at + 1..)).unwrap_or_default().iter().cloned());
                found.push(Inner::argv(argv).with(parsed.value("d"), &[]));
            }
        }
        "socat" => found.extend(parsed.operands.iter().filter_map(address)),
        "cmake" if parsed.has("E") => found.extend(cmake_tool(&parsed.operands)),
        // `less +!cmd`
        "less" => found.extend(parsed.operands.iter().filter_map(|w| w.strip_prefix("+!")).map(Inner::shell)),
        "cargo" if parsed.operands.first().and_then(Value::known) != Some("watch") => found.clear(),
        _ => {}
    }
    found
}

/// `tar cIf PROGRAM FILE …`: the first word is letters without a dash, their values follow in order. `TAR_OPTIONS`
/// stands in front.
fn old_style(words: &[Value], call: &Call) -> Option<Vec<Value>> {
    let more = call.env.iter().find(|(name, _)| name == "TAR_OPTIONS").map(|(_, value)| words::split(value));
    let bundled = words.first().filter(|w| !w.known_start().is_empty() && !w.starts_with("-"));
    if more.is_none() && bundled.is_none() {
        return None;
    }
    let mut out = more.unwrap_or_default();
    let mut rest = words.iter();
    if let Some(letters) = bundled.map(Value::known_start) {
        rest.next();
        for letter in letters.chars() {
            out.push(Value::from(format!("-{letter}").as_str()));
            if "fCTXbNgVKLHIF".contains(letter) {
                out.extend(rest.next().cloned());
            }
        }
    }
    out.extend(rest.cloned());
    Some(out)
}

/// `-o APT::Update::Pre-Invoke::=cmd`
fn invoked(setting: &Value) -> Option<Inner> {
    let (name, text) = setting.split_once('=')?;
    let name = name.to_ascii_lowercase();
    (name.contains("invoke") || name.contains("pre-install-pkgs")).then(|| Inner::shell(text))
}

/// socat's `EXEC:cmd,opt` and `SYSTEM:cmd,opt`
fn address(word: &Value) -> Option<Inner> {
    let (kind, command) = word.split_once(':')?;
    if !matches!(kind.to_ascii_lowercase().as_str(), "exec" | "system" | "shell") {
        return None;
    }
    // Options stand behind the first comma that is not escaped.
    let mut text = Value::default();
    for part in command.parts() {
        match part {
            Part::Text(piece) => {
                let end = piece.find(',').unwrap_or(piece.len());
                text.push_text(piece.get(..end).unwrap_or_default());
                if end < piece.len() {
                    break;
                }
            }
            other => text.push(other.clone()),
        }
    }
    Some(Inner::shell(text))
}

/// `cmake -E env A=1 cmd`, `cmake -E rm …`
fn cmake_tool(operands: &[Value]) -> Option<Inner> {
    let (verb, rest) = operands.split_first()?;
    let prefixed = |first: &[&str]| {
        let mut argv: Vec<Value> = first.iter().map(|word| Value::from(*word)).collect();
        argv.extend_from_slice(rest);
        Some(Inner::argv(argv))
    };
    match verb.known()? {
        "time" => (!rest.is_empty()).then(|| Inner::argv(rest.to_vec())),
        "env" => prefixed(&["env"]),
        "chdir" => {
            let (dir, command) = rest.split_first()?;
            (!command.is_empty()).then(|| Inner::argv(command.to_vec()).with(Some(dir), &[]))
        }
        "rm" => prefixed(&["rm"]),
        "remove" => prefixed(&["rm", "-f"]),
        "remove_directory" => prefixed(&["rm", "-r"]),
        "copy" | "copy_if_different" => prefixed(&["cp"]),
        "rename" => prefixed(&["mv"]),
        _ => None,
    }
}
