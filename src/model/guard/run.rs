//! Reads one command: its fields, what it runs besides itself, where its output goes.

use std::path::PathBuf;

use rable::{Node, NodeKind};

use super::limits::Limit;
use super::paths;
use super::reader::{Reader, raw};
use super::reading::{Call, Code, Dir, Executed, Place, Redirect, Stream};
use super::shell::{Shell, Variable};
use super::value::{Part, Taint, Value};
use super::wrappers::{self, Inner};
use super::{outputs, streams};

/// What a command's redirections are.
#[derive(Default)]
pub struct Opened {
    /// Those to and from files.
    pub redirects: Vec<Redirect>,
    /// What they put on the standard input.
    pub stdin: Option<Stream>,
}

/// Programs whose names a pattern in the command's word is held against.
const SOUGHT: [&str; 24] = [
    "rm", "dd", "git", "sudo", "su", "doas", "sh", "bash", "dash", "zsh", "chmod", "shred", "find", "xargs", "mkfs",
    "mke2fs", "wipefs", "tee", "cp", "mv", "ln", "crontab", "truncate", "env",
];

impl Reader<'_> {
    /// Reads a simple command in the way that [`Reader::choice`] says.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn command(
        &mut self,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        shell: &mut Shell,
    ) -> Result<Stream, Limit> {
        if let Some(first) = words.first() {
            self.alias(&raw(first), words, shell)?;
        }
        let mut argv = Vec::new();
        for word in words {
            let raw = raw(word);
            // `declare x=(a b)`, `export x=~/y`: an argument that is an assignment is not split.
            let assigns = argv.first().is_some_and(is_declaration) && assignment(&raw).is_some();
            if assigns {
                self.assign(&raw, shell)?;
                argv.push(Value::from(raw.as_str()));
            } else {
                argv.append(&mut self.fields(&raw, shell)?);
            }
        }
        let opened = self.redirects(redirects, shell)?;
        if argv.is_empty() {
            for node in assignments {
                self.assign(&raw(node), shell)?;
            }
            if !opened.redirects.is_empty() {
                let call = self.call(argv, Vec::new(), &opened, shell);
                self.emit(call);
            }
            let output = Stream::default();
            return Ok(match opened.stdin {
                // `$(<file)` prints the file.
                Some(stdin) if assignments.is_empty() => stdin,
                _ => self.write(output, &opened.redirects, shell),
            });
        }
        let mut env = Vec::new();
        for node in assignments {
            let raw = raw(node);
            if let Some((name, _, value)) = assignment(&raw) {
                env.push((name.to_owned(), self.value(value, shell)?));
            }
        }
        let call = self.call(argv, env, &opened, shell);
        let output = self.run(call, shell)?;
        Ok(self.write(output, &opened.redirects, shell))
    }

    fn alias(&mut self, first: &str, words: &[Node], shell: &mut Shell) -> Result<(), Limit> {
        let Some(text) = shell.alias(first).map(str::to_owned) else { return Ok(()) };
        if self.calling.iter().any(|name| name == first) {
            return Ok(());
        }
        let rest: Vec<String> = words.iter().skip(1).map(raw).collect();
        self.calling.push(first.to_owned());
        self.text(&format!("{text} {}", rest.join(" ")), &mut shell.clone())?;
        self.calling.pop();
        Ok(())
    }

    /// Carries out an assignment, with the way of writing that arrays have.
    pub fn assign(&mut self, raw: &str, shell: &mut Shell) -> Result<(), Limit> {
        let Some((name, appends, text)) = assignment(raw) else { return Ok(()) };
        let (name, key) = match name.split_once('[') {
            Some((name, key)) => (name, Some(self.value(key.trim_end_matches(']'), shell)?)),
            None => (name, None),
        };
        if let Some(items) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            let mut list = match shell.variable(name).and_then(<[_]>::first) {
                Some(Variable::List(old)) if appends => old.clone(),
                _ => Vec::new(),
            };
            for item in self.items(items, shell)? {
                let index = list.len().to_string();
                list.push(match item.strip_prefix("[").as_ref().and_then(|i| i.known()?.split_once("]=")) {
                    Some((key, value)) => (key.trim_matches(['"', '\'']).to_owned(), Value::from(value)),
                    None => (index, item),
                });
            }
            shell.set(name, vec![Variable::List(list)]);
            return Ok(());
        }
        let value = self.assigned(text, shell)?;
        // It runs before each prompt of an interactive shell, and once more when this one ends.
        if name == "PROMPT_COMMAND" {
            self.execute("PROMPT_COMMAND", &value, &mut shell.clone())?;
        }
        let old = shell.variable(name).and_then(<[_]>::first).cloned();
        let new = match (key, old) {
            (Some(key), old) => {
                let mut list = match old {
                    Some(Variable::List(list)) => list,
                    _ => Vec::new(),
                };
                let key = key.if_empty().into_owned();
                list.retain(|(k, _)| *k != key);
                list.push((key, value));
                Variable::List(list)
            }
            (None, Some(Variable::Scalar(mut old))) if appends => {
                old.append(&value);
                Variable::Scalar(old)
            }
            (None, Some(Variable::Unset)) => Variable::Scalar(value),
            (None, None) if appends => {
                let mut old = Value::unknown(&format!("${name}"), Taint::NONE, true);
                old.append(&value);
                Variable::Scalar(old)
            }
            (None, _) => Variable::Scalar(value),
        };
        shell.set(name, vec![new]);
        Ok(())
    }

    /// An assigned value: tildes stand behind colons too.
    fn assigned(&mut self, raw: &str, shell: &mut Shell) -> Result<Value, Limit> {
        if !raw.contains(":~") {
            return self.value(raw, shell);
        }
        let mut out = Value::default();
        for (i, part) in raw.split(":~").enumerate() {
            if i > 0 {
                out.push_text(":");
            }
            out.append(&self.value(&if i > 0 { format!("~{part}") } else { part.to_owned() }, shell)?);
        }
        Ok(out)
    }

    /// The items of an array, or of anything else that is a row of words.
    fn items(&mut self, text: &str, shell: &mut Shell) -> Result<Vec<Value>, Limit> {
        // The parser keeps an array as one word; as arguments of a command its items come apart.
        let line = format!(": {text}");
        let Ok(nodes) = rable::parse(&line, true) else {
            self.unreadable(text, "an array that cannot be read");
            return Ok(Vec::new());
        };
        let mut items = Vec::new();
        for node in nodes {
            if let NodeKind::Command { words, .. } = &node.kind {
                let first = usize::from(items.is_empty());
                for word in words.iter().skip(first) {
                    items.append(&mut self.fields(&raw(word), shell)?);
                }
            }
        }
        Ok(items)
    }

    /// What the redirections open.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn redirects(&mut self, nodes: &[Node], shell: &mut Shell) -> Result<Opened, Limit> {
        let mut opened = Opened::default();
        for node in nodes {
            let (fd, stream) = match &node.kind {
                NodeKind::HereDoc { content, quoted, fd, .. } => {
                    let text = if *quoted { Value::from(content.as_str()) } else { self.document(content, shell)? };
                    let taint = text.taint();
                    (*fd, Stream { text: Some(text), taint })
                }
                NodeKind::Redirect { op, target, fd, .. } if op == "<<<" => {
                    let mut text = self.value(&raw(target), shell)?;
                    text.push_text("\n");
                    let taint = text.taint();
                    (*fd, Stream { text: Some(text), taint })
                }
                NodeKind::Redirect { op, target, fd, .. } => {
                    let target = self.value(&raw(target), shell)?;
                    let redirect = Redirect { operator: op.clone(), target };
                    let stream = if op == "<" || op == "<>" {
                        self.file(&redirect.target, shell).unwrap_or_default()
                    } else {
                        Stream::default()
                    };
                    opened.redirects.push(redirect);
                    if op != "<" && op != "<>" {
                        continue;
                    }
                    (*fd, stream)
                }
                _ => continue,
            };
            match fd {
                -1 | 0 => opened.stdin = Some(stream),
                n => shell.write_file(PathBuf::from(format!("/dev/fd/{n}")), stream),
            }
        }
        Ok(opened)
    }

    /// What the line itself has put into a file.
    fn file(&mut self, path: &Value, shell: &Shell) -> Option<Stream> {
        let path = self.absolute(path, shell)?;
        match path.to_str()? {
            "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => Some(shell.stdin.clone()),
            _ => shell.file(&path).cloned(),
        }
    }

    /// A known path, absolute and without `.` and `..`.
    pub fn absolute(&mut self, path: &Value, shell: &Shell) -> Option<PathBuf> {
        let text = path.known()?;
        match self.dir(shell) {
            Dir::Known(dir) => Some(paths::normalised(&dir.join(text))),
            Dir::Unknown if text.starts_with('/') => Some(paths::normalised(std::path::Path::new(text))),
            Dir::Unknown => None,
        }
    }

    fn call(&mut self, argv: Vec<Value>, env: Vec<(String, Value)>, opened: &Opened, shell: &Shell) -> Call {
        Call {
            program: argv.first().and_then(program),
            argv,
            env,
            dir: self.dir(shell),
            stdin: opened.stdin.clone().unwrap_or_else(|| shell.stdin.clone()),
            redirects: opened.redirects.clone(),
            via: self.via.clone(),
            place: self.place,
            more_operands: false,
            links: shell.links().to_vec(),
        }
    }

    fn emit(&mut self, call: Call) {
        let recent = self.reading.calls.iter().rev().take(64);
        if recent.into_iter().all(|known| *known != call) {
            self.reading.calls.push(call);
        }
    }

    /// Reads a call and what it runs; its output.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn run(&mut self, call: Call, shell: &mut Shell) -> Result<Stream, Limit> {
        self.budget.step()?;
        let word = call.argv.first().and_then(|w| w.known()).map(str::to_owned);
        if let Some(word) = &word
            && !call.is_via("command")
            && !call.is_via("builtin")
            && let Some(output) = self.function(word, call.argv.clone(), shell)?
        {
            return Ok(output);
        }
        self.emit(call.clone());
        if let Some(word) = &word
            && let Some(output) = self.builtin(word, &call, shell)?
        {
            return Ok(output);
        }
        self.guessed(&call, shell)?;
        self.fetched_program(&call, shell);
        let mut inner_output: Option<Stream> = None;
        self.budget.deeper()?;
        let via = self.via.len();
        self.via.extend(call.program.clone());
        for inner in wrappers::inner(&call) {
            let output = self.inner(&call, inner, shell)?;
            inner_output = Some(match inner_output {
                Some(known) if known != output => Stream { text: None, taint: known.taint.and(output.taint) },
                _ => output,
            });
        }
        for tail in wrappers::transparent_tail(&call) {
            let inner = Inner::Argv { argv: tail, env: Vec::new(), dir: None, place: call.place, more_operands: false };
            self.inner(&call, inner, shell)?;
        }
        self.via.truncate(via);
        self.budget.leave();
        self.note_changes(&call, shell);
        Ok(match inner_output {
            Some(output) => output,
            None => outputs::output(&call, self.context),
        })
    }

    /// A command's word with a pattern in it, or known in part: each program that it could be.
    fn guessed(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        let Some(word) = call.argv.first().filter(|w| w.known().is_none() && !w.parts().is_empty()) else {
            return Ok(());
        };
        let says_something = word.parts().iter().any(|p| !matches!(p, Part::Unknown(_)));
        if !says_something || call.is_via("?") {
            return Ok(());
        }
        for name in SOUGHT {
            let full = ["", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];
            if full.iter().any(|dir| word.could_be(&format!("{dir}{name}"))) && call.program.as_deref() != Some(name) {
                let mut guess = call.clone();
                guess.argv = std::iter::once(Value::from(name)).chain(call.args().iter().cloned()).collect();
                guess.program = Some(name.to_owned());
                guess.via.push("?".to_owned());
                self.run(guess, &mut shell.clone())?;
            }
        }
        Ok(())
    }

    /// A program that the line itself has fetched or decoded into a file.
    fn fetched_program(&mut self, call: &Call, shell: &Shell) {
        let Some(word) = call.argv.first().filter(|w| w.known().is_some_and(|t| t.contains('/'))) else { return };
        let Some(stream) = self.file(word, shell) else { return };
        if stream.taint.any() {
            self.reading.executed.push(Executed {
                by: word.to_string(),
                taint: stream.taint,
                read: false,
                file: Some(word.to_string()),
            });
        }
    }

    fn inner(&mut self, call: &Call, inner: Inner, shell: &mut Shell) -> Result<Stream, Limit> {
        let outer_place = self.place;
        let output = match inner {
            Inner::Argv { argv, env, dir, place, more_operands } => {
                let argv = self.with_operands(call, argv, more_operands);
                let same = matches!(call.program.as_deref(), Some("command" | "builtin" | "exec"));
                let mut child = shell.clone();
                self.enter(&mut child, dir.as_ref(), place);
                let mut all_env = call.env.clone();
                all_env.extend(env);
                let next = Call {
                    program: argv.first().and_then(program),
                    argv,
                    env: all_env,
                    dir: self.dir(&child),
                    via: self.via.clone(),
                    place: self.place,
                    more_operands,
                    redirects: Vec::new(),
                    ..call.clone()
                };
                let output = self.run(next, if same { shell } else { &mut child })?;
                shell.take_files(&child);
                output
            }
            Inner::Shell { text, args, env, dir, place } => {
                let mut child = self.shell_of(call, &env, args, shell);
                self.enter(&mut child, dir.as_ref(), place);
                let output = self.execute(&by(call), &text, &mut child)?;
                shell.take_files(&child);
                output
            }
            Inner::ShellInput { args, place } => {
                let mut child = self.shell_of(call, &[], args, shell);
                child.stdin = Stream::default();
                self.enter(&mut child, None, place);
                let output = self.execute_stream(&by(call), &call.stdin, None, &mut child)?;
                shell.take_files(&child);
                output
            }
            Inner::ShellFile { path, args } => {
                let mut positional = vec![path.clone()];
                positional.extend(args);
                let mut child = self.shell_of(call, &[], positional, shell);
                self.execute_file(&by(call), &path, &mut child)?
            }
            Inner::Code { language, text } => {
                if text.taint().any() {
                    let by = by(call);
                    self.reading.executed.push(Executed { by, taint: text.taint(), read: false, file: None });
                }
                self.reading.code.push(Code { language: language.to_owned(), text, dir: call.dir.clone() });
                outputs::output(call, self.context)
            }
            Inner::CodeInput { language } => {
                let read = call.stdin.text.is_some();
                if let Some(text) = call.stdin.text.clone() {
                    self.reading.code.push(Code { language: language.to_owned(), text, dir: call.dir.clone() });
                }
                self.reading.executed.push(Executed { by: by(call), taint: call.stdin.taint, read, file: None });
                Stream { text: None, taint: call.stdin.taint }
            }
        };
        self.place = outer_place;
        Ok(output)
    }

    /// The shell that a program starts: what is exported, and what was put in front of it.
    fn shell_of(&mut self, call: &Call, env: &[(String, Value)], args: Vec<Value>, shell: &Shell) -> Shell {
        let mut child = shell.child();
        child.dirs = vec![call.dir.clone()];
        for (name, value) in call.env.iter().chain(env) {
            child.set_scalar(name, value.clone());
            child.export(name);
        }
        let args = if args.is_empty() { vec![Value::from(by(call).as_str())] } else { args };
        child.positional = Some(std::rc::Rc::new(args));
        child.stdin = call.stdin.clone();
        child
    }

    /// Changes to where a wrapper runs what it runs.
    fn enter(&mut self, shell: &mut Shell, dir: Option<&Value>, place: Place) {
        if place == Place::Elsewhere && self.place == Place::Here {
            shell.dirs = vec![Dir::Known(self.context.home.clone())];
        }
        self.place = place;
        if let Some(dir) = dir {
            shell.dirs = vec![self.dir_of(dir, shell)];
        }
    }

    /// The directory that a value names.
    pub fn dir_of(&mut self, value: &Value, shell: &Shell) -> Dir {
        let text = value.if_empty();
        // Known from the root on: what is unknown in it is taken as empty, like in any path.
        if value.starts_with("/") || (value.known().is_some() && !text.is_empty()) {
            return match self.absolute(&Value::from(&*text), shell) {
                Some(path) => Dir::Known(path),
                None => Dir::Unknown,
            };
        }
        Dir::Unknown
    }

    /// The fields with the operands that come from the input, where these are known.
    fn with_operands(&mut self, call: &Call, mut argv: Vec<Value>, more: bool) -> Vec<Value> {
        if !more || !matches!(call.program.as_deref(), Some("xargs" | "parallel")) {
            return argv;
        }
        let Some(text) = &call.stdin.text else { return argv };
        let fields = super::parameter::split_fields(text, " \t\n\0");
        let items: Vec<Value> = fields.into_iter().map(|(v, _)| v).filter(|v| !v.parts().is_empty()).collect();
        let is_hole = |v: &Value| v.parts().iter().any(|p| matches!(p, Part::Unknown(u) if u.written.contains('{')));
        if argv.iter().any(is_hole) {
            let mut out = Vec::new();
            for value in argv {
                if !is_hole(&value) {
                    out.push(value);
                    continue;
                }
                for item in &items {
                    let mut filled = Value::default();
                    for part in value.parts() {
                        match part {
                            Part::Unknown(u) if u.written.contains('{') => filled.append(item),
                            other => filled.push(other.clone()),
                        }
                    }
                    out.push(filled);
                }
            }
            return out;
        }
        argv.extend(items.into_iter().map(|item| match item.known() {
            Some(text) => Value::from(text.trim_matches(['"', '\''])),
            None => item,
        }));
        argv
    }

    /// Reads text that a command executes.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn execute(&mut self, by: &str, text: &Value, shell: &mut Shell) -> Result<Stream, Limit> {
        let stream = Stream { text: Some(text.clone()), taint: text.taint() };
        self.execute_stream(by, &stream, None, shell)
    }

    fn execute_stream(
        &mut self,
        by: &str,
        stream: &Stream,
        file: Option<String>,
        shell: &mut Shell,
    ) -> Result<Stream, Limit> {
        let executed = Executed { by: by.to_owned(), taint: stream.taint, read: stream.text.is_some(), file };
        if !self.reading.executed.contains(&executed) {
            self.reading.executed.push(executed);
        }
        let Some(text) = &stream.text else { return Ok(Stream { text: None, taint: stream.taint }) };
        let text = self.text_of(text);
        self.text(&text, shell)
    }

    /// Reads a file that a command executes, where the line itself has written it.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn execute_file(&mut self, by: &str, path: &Value, shell: &mut Shell) -> Result<Stream, Limit> {
        let Some(stream) = self.file(path, shell) else {
            if path.taint().any() {
                let taint = path.taint();
                self.reading.executed.push(Executed { by: by.to_owned(), taint, read: false, file: None });
            }
            return Ok(Stream::default());
        };
        // A pipe has a name, but it is no file that stays and could be looked at.
        let is_pipe = path.starts_with("/dev/") || path.starts_with("/proc/");
        let file = (!is_pipe).then(|| path.to_string());
        self.execute_stream(by, &stream, file, shell)
    }

    /// Reads what stands in `$(…)`.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn substitution(&mut self, text: &str, shell: &mut Shell) -> Result<Stream, Limit> {
        let mut inner = shell.clone();
        let outer = std::mem::take(&mut self.choice.met);
        let output = self.text(text, &mut inner)?;
        self.choice.met = outer;
        shell.take_files(&inner);
        Ok(output)
    }

    /// Reads what stands in `<(…)` or `>(…)`; the file name that the command sees.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn process(&mut self, text: &str, reads: bool, shell: &mut Shell) -> Result<String, Limit> {
        let output = self.substitution(text, shell)?;
        self.processes += 1;
        let path = format!("/dev/fd/process-{}", self.processes);
        if reads {
            shell.write_file(PathBuf::from(&path), output);
        }
        Ok(path)
    }

    /// Where a command's output goes: into its files, or on.
    pub fn write(&mut self, output: Stream, redirects: &[Redirect], shell: &mut Shell) -> Stream {
        let files: Vec<&Redirect> = redirects.iter().filter(|r| r.writes()).collect();
        if files.is_empty() {
            return output;
        }
        for redirect in files {
            if let Some(path) = self.absolute(&redirect.target, shell) {
                let stream = match shell.file(&path) {
                    Some(before) if redirect.operator.contains(">>") => Stream {
                        text: match (before.text.clone(), &output.text) {
                            (Some(mut a), Some(b)) => {
                                a.append(b);
                                Some(a)
                            }
                            _ => None,
                        },
                        taint: before.taint.and(output.taint),
                    },
                    _ => output.clone(),
                };
                shell.write_file(path, stream);
            }
        }
        // `2>file` leaves the output where it was; telling them apart gains nothing.
        Stream { text: None, ..output }
    }

    /// Links and files that a call makes, for what stands behind it in the line.
    fn note_changes(&mut self, call: &Call, shell: &mut Shell) {
        for file in streams::downloaded_file(call) {
            if let Some(path) = self.absolute(&file, shell) {
                let taint = Taint { downloaded: true, decoded: false };
                shell.write_file(path, Stream { text: None, taint });
            }
        }
        match call.program.as_deref() {
            Some("tee" | "sponge") => {
                for operand in call.args().iter().filter(|a| !a.starts_with("-")) {
                    if let Some(path) = self.absolute(operand, shell) {
                        shell.write_file(path, call.stdin.clone());
                    }
                }
            }
            Some("cp" | "mv") => {
                if let [.., from, to] = call.args()
                    && let Some(stream) = self.file(from, shell)
                    && let Some(path) = self.absolute(to, shell)
                {
                    shell.write_file(path, stream);
                }
            }
            Some("ln") => {
                let operands: Vec<&Value> = call.args().iter().filter(|a| !a.starts_with("-")).collect();
                if let [target, link] = operands.as_slice()
                    && let Some(path) = self.absolute(link, shell)
                    && let Some(text) = target.known()
                {
                    let base = path.parent().map(PathBuf::from).unwrap_or_default();
                    let symbolic = call.args().iter().any(|a| a.starts_with("-") && a.if_empty().contains('s'));
                    let target = if symbolic { Some(paths::normalised(&base.join(text))) } else { self.absolute(target, shell) };
                    if let Some(target) = target {
                        let name = target.file_name().map(|n| path.join(n));
                        shell.link(path, target.clone());
                        // Into a directory it gets the target's name.
                        if let Some(inside) = name {
                            shell.link(inside, target);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// The last component of a program's word.
#[must_use]
pub fn program(word: &Value) -> Option<String> {
    let text = match word.parts() {
        [Part::Text(text)] => text,
        // The directory is unknown, the name is not.
        [.., Part::Text(text)] if text.contains('/') => text,
        _ => return None,
    };
    let name = text.trim_end_matches('/').rsplit('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn by(call: &Call) -> String {
    call.program.clone().unwrap_or_else(|| "a shell".to_owned())
}

fn is_declaration(word: &Value) -> bool {
    matches!(word.known(), Some("declare" | "typeset" | "local" | "export" | "readonly"))
}

/// The name, whether it appends, and the raw value of an assignment.
#[must_use]
pub fn assignment(raw: &str) -> Option<(&str, bool, &str)> {
    let end = raw.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    if end == 0 || raw.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut name_end = end;
    if raw.get(end..)?.starts_with('[') {
        name_end = super::scan::close(raw, end + 1, '[', false)? + 1;
    }
    let (name, rest) = raw.split_at_checked(name_end)?;
    if let Some(value) = rest.strip_prefix("+=") {
        return Some((name, true, value));
    }
    rest.strip_prefix('=').map(|value| (name, false, value))
}
