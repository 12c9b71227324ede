//! What some commands print, as far as the line itself says it.

use std::path::Path;

use super::paths;
use super::reading::{Call, Dir, Stream};
use super::streams;
use super::value::{Part, Taint, Value};
use super::words::decode_ansi;
use super::world::Context;

/// Programs that print their input, or some of its lines, as it is.
const UNCHANGED: [&str; 14] = [
    "cat", "tee", "grep", "egrep", "fgrep", "head", "tail", "sort", "uniq", "pv", "sponge", "shuf", "dos2unix",
    "unbuffer",
];

/// What a call prints.
#[must_use]
pub fn output(call: &Call, context: &Context<'_>) -> Stream {
    let args = call.args();
    let name = call.program.as_deref().unwrap_or_default();
    let known = match name {
        "echo" => Some(echo(args)),
        "printf" => printf(args),
        "pwd" => match &call.dir {
            Dir::Known(dir) => Some(Value::from(&*dir.to_string_lossy())),
            Dir::Unknown => Some(Value::filled("$(pwd)", Taint::NONE, false)),
        },
        "dirname" | "basename" | "realpath" | "readlink" => path_part(name, call),
        "command" | "which" | "type" => found_program(args),
        "rev" => call.stdin.text.as_ref().and_then(Value::known).map(reversed),
        "tr" => call.stdin.text.as_ref().and_then(Value::known).and_then(|text| translated(text, args)),
        "mktemp" => Some(temporary(args, context)),
        "whoami" | "logname" => context.world.variable("USER").map(|user| Value::from(user.as_str())),
        "true" | "false" | ":" | "sleep" | "mkdir" | "touch" | "rm" | "test" | "[" => Some(Value::default()),
        "git" => top_level(call, context),
        "printenv" => variable(args, context),
        "sed" | "awk" | "gawk" | "mawk" => prefixed(name, call),
        "find" | "ls" | "fd" | "fdfind" => found(call),
        "date" | "nproc" | "hostname" | "uname" | "wc" | "id" | "uuidgen" | "seq" | "git-rev-parse" => {
            Some(Value::filled(&format!("$({name})"), Taint::NONE, false))
        }
        _ => None,
    };
    let mut taint = args.iter().fold(Taint::NONE, |taint, arg| taint.and(arg.taint()));
    if streams::downloads(call) {
        taint.downloaded = true;
    }
    if let Some(text) = known {
        // Letters made of numbers (`printf '\162'`) are a decoder's work where they are executed.
        taint = taint.and(text.taint());
        taint.decoded |= streams::decodes(call) || matches!(name, "rev" | "tr");
        return Stream { text: Some(text), taint };
    }
    taint.decoded |= streams::decodes(call);
    if !streams::passes_input_through(call) {
        return Stream { text: None, taint };
    }
    taint = taint.and(call.stdin.taint);
    let reads_input = args.iter().all(|a| a.starts_with("-") || !reads_files(name));
    if UNCHANGED.contains(&name) && reads_input {
        return Stream { text: call.stdin.text.clone(), taint };
    }
    // A program that edits text of the line itself makes other text of it, like a decoder.
    let edits = ["sed", "tr", "awk", "gawk", "mawk", "cut", "rev", "perl", "python", "python3", "ruby", "tac"];
    if edits.contains(&name) && call.stdin.text.as_ref().is_some_and(|t| !t.parts().is_empty() && !t.has_unknown())
    {
        taint.decoded = true;
    }
    Stream { text: None, taint }
}

/// Whether operands of a program are files that it reads instead of its input.
fn reads_files(name: &str) -> bool {
    matches!(name, "cat" | "head" | "tail" | "sort" | "uniq")
}

fn echo(args: &[Value]) -> Value {
    let mut rest = args;
    let mut escapes = false;
    let mut newline = true;
    while let Some((first, behind)) = rest.split_first() {
        match first.known().and_then(|t| t.strip_prefix('-')) {
            Some(letters) if !letters.is_empty() && letters.chars().all(|c| "neE".contains(c)) => {
                escapes |= letters.contains('e');
                newline &= !letters.contains('n');
                rest = behind;
            }
            _ => break,
        }
    }
    let mut text = spaced(rest);
    if escapes {
        text = decoded(&text);
    }
    if newline {
        text.push_text("\n");
    }
    text
}

/// `printenv NAME`
fn variable(args: &[Value], context: &Context<'_>) -> Option<Value> {
    let [name] = args else { return None };
    let value = match name.known()? {
        "HOME" => Some(context.home.to_string_lossy().into_owned()),
        name => context.world.variable(name),
    };
    value.map(|value| Value::from(value.as_str()))
}

/// `sed 's,^,/etc/,'` and `awk '{print "/etc/"$1}'` with an input that is not known: what every line begins with.
fn prefixed(name: &str, call: &Call) -> Option<Value> {
    if call.stdin.text.as_ref().is_some_and(|text| !text.has_unknown()) {
        return None;
    }
    let [script] = call.args() else { return None };
    let script = script.known()?.trim();
    let prefix = if name == "sed" {
        let (delimiter, rest) = script.strip_prefix('s').and_then(|rest| Some((rest.chars().next()?, rest)))?;
        let rest = rest.get(delimiter.len_utf8()..)?.strip_prefix('^')?.strip_prefix(delimiter)?;
        let rest = rest.strip_suffix(delimiter)?;
        rest.replace(&format!("\\{delimiter}"), &delimiter.to_string())
    } else {
        let rest = script.strip_prefix('{')?.strip_suffix('}')?.trim().strip_prefix("print")?;
        let (text, rest) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        rest.trim_start_matches([' ', ',']).strip_prefix('$')?;
        text.to_owned()
    };
    if prefix.is_empty() || prefix.contains(['\\', '&', '\n']) {
        return None;
    }
    let mut text = Value::from(prefix.as_str());
    text.append(&Value::filled(&format!("$({name})"), call.stdin.taint, true));
    Some(text)
}

/// `command -v PROGRAM`, `which PROGRAM`.
fn found_program(args: &[Value]) -> Option<Value> {
    let name = args.last()?.known().filter(|name| !name.contains('/') && !name.starts_with('-'))?;
    Some(Value::from(format!("/usr/bin/{name}\n").as_str()))
}

fn reversed(text: &str) -> Value {
    let lines: Vec<String> = text.lines().map(|line| line.chars().rev().collect()).collect();
    Value::from(lines.join("\n").as_str())
}

/// `tr` with two sets of characters and ranges; `None` where it is asked for more.
fn translated(text: &str, args: &[Value]) -> Option<Value> {
    if let [option, set] = args
        && option.known() == Some("-d")
        && let Some(set) = set.known().filter(|set| !set.contains(['[', '-']))
    {
        let gone = decode_ansi(set);
        return Some(Value::from(text.replace(|c| gone.contains(c), "").as_str()));
    }
    let [from, to] = args else { return None };
    let set = |value: &Value| {
        let text = value.known().filter(|t| !t.starts_with('-') && !t.contains(['[', '\\']))?;
        let chars: Vec<char> = text.chars().collect();
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            match (chars.get(at + 1), chars.get(at + 2)) {
                (Some('-'), Some(&end)) if end >= c => {
                    all.extend((c..=end).take(256));
                    at += 3;
                }
                _ => {
                    all.push(c);
                    at += 1;
                }
            }
        }
        Some(all)
    };
    let (from, to) = (set(from)?, set(to)?);
    let last = *to.last()?;
    let one = |c: char| match from.iter().position(|f| *f == c) {
        Some(at) => to.get(at).copied().unwrap_or(last),
        None => c,
    };
    Some(Value::from(text.chars().map(one).collect::<String>().as_str()))
}

fn spaced(args: &[Value]) -> Value {
    let mut text = Value::default();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            text.push_text(" ");
        }
        text.append(arg);
    }
    text
}

fn decoded(value: &Value) -> Value {
    let mut out = Value::default();
    for part in value.parts() {
        match part {
            Part::Text(text) => out.push_text(&decode_ansi(text)),
            other => out.push(other.clone()),
        }
    }
    out
}

/// What `printf` makes of a format and its arguments; `None` where that is not known.
#[must_use]
pub fn printf(args: &[Value]) -> Option<Value> {
    let args = match args.split_first() {
        Some((first, rest)) if first.known() == Some("--") => rest,
        _ => args,
    };
    let (format, mut rest) = args.split_first()?;
    let format = decode_ansi(format.known()?);
    let mut out = Value::default();
    for _ in 0..256 {
        // Too much for whatever it is put in: the reader says so.
        if out.size() > super::limits::MAX_MADE {
            break;
        }
        let before = rest.len();
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push_text(c.encode_utf8(&mut [0; 4]));
                continue;
            }
            while chars.next_if(|c| "-+ #0123456789.'".contains(*c)).is_some() {}
            let Some(kind) = chars.next() else { break };
            if kind == '%' {
                out.push_text("%");
                continue;
            }
            let argument = match rest.split_first() {
                Some((first, behind)) => {
                    rest = behind;
                    first.clone()
                }
                None => Value::default(),
            };
            match kind {
                's' => out.append(&argument),
                'b' => out.append(&decoded(&argument)),
                'q' | 'Q' => {
                    let quoted =
                        argument.known().and_then(|t| shlex::try_quote(t).ok().map(std::borrow::Cow::into_owned));
                    match quoted {
                        Some(text) => out.push_text(&text),
                        None => out.append(&argument),
                    }
                }
                'c' => out.push_text(argument.known()?.get(..1).unwrap_or_default()),
                'd' | 'i' | 'u' => out.push_text(argument.known().filter(|t| !t.is_empty()).unwrap_or("0")),
                _ => return None,
            }
        }
        // The format is used again for the arguments that are left.
        if rest.is_empty() || rest.len() == before {
            break;
        }
    }
    Some(out)
}

fn path_part(name: &str, call: &Call) -> Option<Value> {
    let operand = call.args().iter().find(|a| !a.starts_with("-"))?;
    let text = operand.known()?;
    let path = Path::new(text);
    match name {
        "dirname" => Some(match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            Some(parent) => Value::from(&*parent.to_string_lossy()),
            None => Value::from(if text.starts_with('/') { "/" } else { "." }),
        }),
        "basename" => path.file_name().map(|n| Value::from(&*n.to_string_lossy())),
        _ => match &call.dir {
            Dir::Known(dir) => Some(Value::from(&*paths::normalised(&dir.join(path)).to_string_lossy())),
            Dir::Unknown if path.is_absolute() => Some(Value::from(&*paths::normalised(path).to_string_lossy())),
            Dir::Unknown => None,
        },
    }
}

/// `mktemp` makes a path below the temporary directory, or of a template.
fn temporary(args: &[Value], context: &Context<'_>) -> Value {
    let dir = context.world.variable("TMPDIR").unwrap_or_else(|| "/tmp".to_owned());
    let mut value = Value::default();
    let mut rest = args.iter();
    let mut base = None;
    let mut template = None;
    while let Some(arg) = rest.next() {
        match arg.known() {
            Some("-p" | "--tmpdir") => base = rest.next().cloned(),
            Some(text) if text.starts_with('-') => {
                if let Some(dir) = arg.strip_prefix("--tmpdir=").or_else(|| arg.strip_prefix("-p")) {
                    base = Some(dir);
                }
            }
            _ => template = Some(arg.clone()),
        }
    }
    match (base, template) {
        (None, Some(template))
            if template.known_start().contains('/') || !args.iter().any(|a| a.starts_with("-t")) =>
        {
            return template;
        }
        (Some(base), _) => value.append(&base),
        _ => value.push_text(&dir),
    }
    value.push_text("/tmp.XXXXXXXXXX");
    value
}

/// `git rev-parse --show-toplevel`: the directory above that has a `.git`.
fn top_level(call: &Call, context: &Context<'_>) -> Option<Value> {
    let words: Vec<&str> = call.args().iter().filter_map(|a| a.known()).collect();
    if words != ["rev-parse", "--show-toplevel"] {
        return None;
    }
    let Dir::Known(dir) = &call.dir else { return None };
    let top = dir.ancestors().take(40).find(|d| {
        let git = d.join(".git");
        context.world.is_dir(&git) || context.world.small_file(&git).is_some()
    });
    Some(match top {
        Some(top) => Value::from(&*top.to_string_lossy()),
        None => Value::filled("$(git rev-parse --show-toplevel)", Taint::NONE, false),
    })
}

/// Paths below the directories that are listed: one unknown name below each.
fn found(call: &Call) -> Option<Value> {
    let mut roots: Vec<Value> =
        call.args().iter().take_while(|a| !a.starts_with("-") || a.if_empty().len() < 2).cloned().collect();
    if roots.iter().any(|r| r.has_unknown() && !r.starts_with("/")) {
        return None;
    }
    if call.program.as_deref() == Some("ls") {
        let all: Vec<&Value> = call.args().iter().filter(|a| !a.starts_with("-")).collect();
        // With `-d` it prints what it was given.
        if call.args().iter().any(|a| a.starts_with("-") && !a.starts_with("--") && a.if_empty().contains('d')) {
            let mut out = Value::default();
            for name in all {
                out.append(name);
                out.push_text("\n");
            }
            return Some(out);
        }
        // `ls` prints bare names, unless it was given files.
        roots = all.into_iter().filter(|v| v.has_glob()).cloned().collect();
        if roots.is_empty() {
            return Some(Value::filled("$(ls)", Taint::NONE, true));
        }
    } else if roots.is_empty() {
        roots.push(Value::from("."));
    }
    let mut out = Value::default();
    for root in roots {
        out.append(&root);
        if !root.if_empty().ends_with('/') && !root.has_glob() {
            out.push_text("/");
        }
        if !root.has_glob() {
            out.append(&Value::filled("…", Taint::NONE, false));
        }
        out.push_text("\n");
    }
    Some(out)
}
