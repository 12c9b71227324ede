//! What a command runs besides itself: the program behind a wrapper, the text that a shell is given, the
//! file that it is told to run; and what a command leaves behind for what follows in the line.

use std::path::PathBuf;

use super::limits::Limit;
use super::reader::Reader;
use super::reading::{Call, Code, Dir, Executed, Place, Stream};
use super::run::program;
use super::shell::Shell;
use super::value::{Part, Taint, Value};
use super::wrappers::{Inner, is_stdin};
use super::{outputs, parameter, paths, streams};

/// What stands in a text of another language that runs programs.
const RUNNING: [&str; 10] = ["exec", "system", "run", "call", "spawn", "open", "check_", "`", "qx", "eval"];

/// The longest `$(…)`, in bytes, that is read once for each of the values that its command's variables may have.
const MAX_FOLLOWED: usize = 512;

impl Reader<'_> {
    /// Reads what a wrapper runs; its output.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn inner(&mut self, call: &Call, inner: Inner, shell: &mut Shell) -> Result<Stream, Limit> {
        let outer_place = self.place.clone();
        let output = match inner {
            Inner::Argv { argv, env, dir, place, more_operands } => {
                let argv = self.with_operands(call, argv, more_operands, shell);
                let same = matches!(call.program.as_deref(), Some("command" | "builtin" | "exec"));
                let mut child = shell.clone();
                self.enter(&mut child, dir.as_ref(), place);
                let mut all_env = call.env.clone();
                all_env.extend(env);
                let next = Call {
                    program: argv
                        .first()
                        .and_then(|word| self.linked_program(word, &child).or_else(|| program(word))),
                    argv,
                    env: all_env,
                    dir: self.dir(&child),
                    via: self.via.clone(),
                    place: self.place.clone(),
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
                let positional = std::iter::once(Value::from(by(call).as_str())).chain(args).collect();
                let mut child = self.shell_of(call, &[], positional, shell);
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
                let known = text.if_empty();
                let hands_on = (known.contains("ARGV") || known.contains("argv"))
                    && RUNNING.iter().any(|r| known.contains(r));
                // `-e'TEXT'` is one word.
                let holds = |arg: &Value| *arg == text || !known.is_empty() && arg.if_empty().ends_with(&*known);
                let at = call.args().iter().position(holds).filter(|_| hands_on);
                self.code(language, text.clone(), call);
                // `python3 -c 'exec(sys.stdin.read())'`
                let evaluates =
                    matches!(language, "python" | "ruby") && ["exec(", "eval("].iter().any(|r| known.contains(r));
                if evaluates && known.to_lowercase().contains("stdin") {
                    self.inner(call, Inner::CodeInput { language }, shell)?;
                }
                // `perl -e 'exec @ARGV' rm …`: what is handed on may be a command.
                let rest = at.and_then(|at| call.args().get(at + 1..)).unwrap_or_default().to_vec();
                if !rest.is_empty() {
                    let (env, place) = (Vec::new(), Place::Here);
                    self.inner(
                        call,
                        Inner::Argv { argv: rest, env, dir: None, place, more_operands: false },
                        shell,
                    )?;
                }
                outputs::output(call, self.context)
            }
            Inner::CodeFile { language, path } => {
                let Some(stream) = self.file(&path, shell) else { return Ok(outputs::output(call, self.context)) };
                let read = stream.text.is_some();
                let executed =
                    Executed { by: by(call), taint: stream.taint, read, file: self.stays(&path, shell) };
                self.reading.executed.push(executed);
                if let Some(text) = stream.text {
                    self.code(language, text, call);
                }
                outputs::output(call, self.context)
            }
            Inner::CodeInput { language } => {
                let read = call.stdin.text.is_some();
                if let Some(text) = call.stdin.text.clone() {
                    self.code(language, text, call);
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
        child.set_positional(args);
        child.stdin = call.stdin.clone();
        child
    }

    /// Changes to where a wrapper runs what it runs.
    fn enter(&mut self, shell: &mut Shell, dir: Option<&Value>, place: Place) {
        match &place {
            Place::Here => {}
            Place::Elsewhere if self.place != Place::Here => self.place = place,
            Place::Elsewhere => {
                shell.dirs = vec![Dir::Known(self.context.home.clone())];
                self.place = place;
            }
            // The image names the directory.
            Place::Container(_) => {
                shell.dirs = vec![Dir::Unknown];
                self.place = place;
            }
        }
        if let Some(dir) = dir {
            shell.dirs = vec![self.dir_of(dir, shell)];
        }
    }

    /// The directory that a value names.
    pub fn dir_of(&mut self, value: &Value, shell: &Shell) -> Dir {
        if value.has_glob()
            && let Some(dir) = paths::matching(value, self.context)
        {
            return Dir::Known(dir);
        }
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
    fn with_operands(&mut self, call: &Call, mut argv: Vec<Value>, more: bool, shell: &Shell) -> Vec<Value> {
        if !more || !matches!(call.program.as_deref(), Some("xargs" | "parallel")) {
            return argv;
        }
        let words = call.args();
        let from_file = words.iter().position(|word| matches!(word.known(), Some("-a" | "--arg-file")));
        let named = from_file.and_then(|at| words.get(at + 1)).filter(|file| !is_stdin(file));
        let file = named.and_then(|file| self.file(file, shell));
        let Some(text) = &file.as_ref().unwrap_or(&call.stdin).text else { return argv };
        let fields = parameter::split_fields(text, " \t\n\0");
        let items: Vec<Value> = fields.into_iter().map(|(v, _)| v).filter(|v| !v.parts().is_empty()).collect();
        let is_hole =
            |v: &Value| v.parts().iter().any(|p| matches!(p, Part::Unknown(u) if u.written.contains('{')));
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
        let file = self.stays(path, shell);
        self.execute_stream(by, &stream, file, shell)
    }

    /// Reads a program that the line itself has written into a file: `./FILE`.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn execute_program(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        let Some(word) = call.argv.first().filter(|w| w.known().is_some_and(|t| t.contains('/'))) else {
            return Ok(());
        };
        let Some(stream) = self.file(word, shell) else { return Ok(()) };
        let name = word.to_string();
        if self.calling.contains(&name) {
            return Ok(());
        }
        let start = stream.text.as_ref().map(|text| text.known_start().to_owned()).unwrap_or_default();
        let interpreter = start.strip_prefix("#!").and_then(|line| line.lines().next()).unwrap_or("/bin/sh");
        let mut argv: Vec<Value> = interpreter.split_whitespace().map(Value::from).collect();
        argv.extend(call.argv.iter().cloned());
        let env = Vec::new();
        self.calling.push(name);
        self.inner(call, Inner::Argv { argv, env, dir: None, place: Place::Here, more_operands: false }, shell)?;
        self.calling.pop();
        Ok(())
    }

    /// Notes text of another language.
    fn code(&mut self, language: &str, text: Value, call: &Call) {
        let dir = match directory_option(call).filter(|_| language == "make") {
            Some(dir) => self.dir_of(&dir, &Shell::new(call.dir.clone())),
            None => call.dir.clone(),
        };
        let code = Code { language: language.to_owned(), text, dir, place: self.place.clone() };
        if !self.reading.code.contains(&code) {
            self.reading.code.push(code);
        }
    }

    /// Reads what stands in `$(…)`.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn substitution(&mut self, text: &str, shell: &mut Shell) -> Result<Stream, Limit> {
        let mut inner = shell.clone();
        let output = if text.len() <= MAX_FOLLOWED {
            let outer = std::mem::replace(&mut self.choice.follows, true);
            let output = self.text(text, &mut inner)?;
            self.choice.follows = outer;
            output
        } else {
            let outer = std::mem::take(&mut self.choice);
            let output = self.text(text, &mut inner)?;
            self.choice = outer;
            output
        };
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
        } else {
            self.sinks.insert(PathBuf::from(&path), text.to_owned());
        }
        Ok(path)
    }

    /// The file of a program's text, where it stays and could be looked at: a pipe has a name too.
    fn stays(&mut self, path: &Value, shell: &Shell) -> Option<String> {
        let is_pipe = path.starts_with("/dev/")
            || path.starts_with("/proc/")
            || !self.pipes.is_empty() && self.absolute(path, shell).is_some_and(|path| self.pipes.contains(&path));
        (!is_pipe).then(|| path.to_string())
    }

    /// Notes what is written to a file; what is written into `>(…)` is what that reads.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn put_file(&mut self, path: PathBuf, stream: Stream, shell: &mut Shell) -> Result<(), Limit> {
        let Some(text) = self.sinks.remove(&path) else {
            shell.write_file(path, stream);
            return Ok(());
        };
        let mut inner = shell.clone();
        inner.stdin = stream;
        self.text(&text, &mut inner)?;
        shell.take_files(&inner);
        Ok(())
    }

    /// Links and files that a call makes, for what stands behind it in the line.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn note_changes(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        for file in streams::downloaded_file(call) {
            if let Some(path) = self.absolute(&file, shell) {
                let taint = Taint { downloaded: true, decoded: false };
                self.put_file(path, Stream { text: None, taint }, shell)?;
            }
        }
        match call.program.as_deref() {
            Some("tee" | "sponge") => {
                for operand in call.args().iter().filter(|a| !a.starts_with("-")) {
                    if let Some(path) = self.absolute(operand, shell) {
                        self.put_file(path, call.stdin.clone(), shell)?;
                    }
                }
            }
            Some(program @ ("mkfifo" | "mknod")) => {
                let mut operands = call.args();
                if let ("mknod", [.., _, kind]) = (program, operands) {
                    if kind.known() != Some("p") {
                        return Ok(());
                    }
                    operands = operands.get(..operands.len() - 1).unwrap_or_default();
                }
                for operand in operands {
                    let path = self.absolute(operand, shell);
                    self.pipes.extend(path);
                }
            }
            Some("cp" | "mv" | "install") => {
                // A copy of a program is that program.
                if let [.., from, to] = call.args()
                    && let (Some(from), Some(to)) = (self.absolute(from, shell), self.absolute(to, shell))
                    && from.parent().is_some_and(|dir| dir.ends_with("bin"))
                {
                    shell.link(to, from);
                }
                if let [.., from, to] = call.args()
                    && let Some(stream) = self.file(from, shell)
                    && let Some(path) = self.absolute(to, shell)
                {
                    shell.write_file(path, stream);
                }
            }
            Some("ln") => {
                let mut operands: Vec<&Value> = call.args().iter().filter(|a| !a.starts_with("-")).collect();
                // `-t DIR TARGET` is `TARGET DIR`.
                let into = call.args().iter().any(|a| {
                    let word = a.known_start();
                    word.starts_with("--target-d")
                        || word.starts_with('-') && !word.starts_with("--") && word.contains('t')
                });
                if into && operands.len() == 2 {
                    operands.reverse();
                }
                let here = Value::from(".");
                if let [_] = operands.as_slice() {
                    operands.push(&here);
                }
                if let [target, link] = operands.as_slice()
                    && let Some(path) = self.absolute(link, shell)
                    && let Some(text) = target.known()
                {
                    let base = path.parent().map(PathBuf::from).unwrap_or_default();
                    let symbolic = call.args().iter().any(|a| a.starts_with("-") && a.if_empty().contains('s'));
                    let target = if symbolic {
                        Some(paths::normalised(&base.join(text)))
                    } else {
                        self.absolute(target, shell)
                    };
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
        Ok(())
    }
}

/// `-C DIR`, `-CDIR`, `--directory=DIR`.
fn directory_option(call: &Call) -> Option<Value> {
    let words = call.args();
    let at = words.iter().position(|word| word.starts_with("-C") || word.starts_with("--directory"))?;
    let word = words.get(at)?;
    let joined = word.strip_prefix("--directory=").or_else(|| word.strip_prefix("-C"))?;
    if joined.parts().is_empty() { words.get(at + 1).cloned() } else { Some(joined) }
}

fn by(call: &Call) -> String {
    call.program.clone().unwrap_or_else(|| "a shell".to_owned())
}
