//! Reads one command: its fields, what it runs besides itself, where its output goes.

mod guesses;
mod redirects;

use std::path::PathBuf;
use std::rc::Rc;

use rable::Node;

use self::guesses::SOUGHT;
pub use self::redirects::Opened;
use super::assign::assignment;
use super::limits::Limit;
use super::paths;
use super::reader::{Reader, raw};
use super::reading::{Call, Dir, Place, Stream};
use super::shell::Shell;
use super::value::{Part, Value};
use super::world::Context;
use super::wrappers::{self, Inner};
use super::{git, outputs};

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
        // What the parser leaves of `time -- COMMAND`.
        if argv.first().and_then(|word| word.known()) == Some("--") {
            argv.remove(0);
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
                _ => self.write(output, &opened.redirects, shell)?,
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
        self.budget.make(output.text.as_ref().map_or(0, Value::size))?;
        self.write(output, &opened.redirects, shell)
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

    /// What the line itself has put into a file.
    pub fn file(&mut self, path: &Value, shell: &Shell) -> Option<Stream> {
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

    /// A call with what has been opened for it.
    pub fn call(&mut self, argv: Vec<Value>, env: Vec<(String, Value)>, opened: &Opened, shell: &Shell) -> Call {
        Call {
            program: argv.first().and_then(|word| self.linked_program(word, shell).or_else(|| program(word))),
            argv,
            env,
            dir: self.dir(shell),
            stdin: opened.stdin.clone().unwrap_or_else(|| shell.stdin.clone()),
            redirects: opened.redirects.clone(),
            via: self.via.clone(),
            place: self.place.clone(),
            more_operands: false,
            links: Rc::clone(shell.links()),
        }
    }

    /// The program that a link stands for, where the line itself or somebody before it has made the link.
    pub fn linked_program(&mut self, word: &Value, shell: &Shell) -> Option<String> {
        if !word.known()?.contains('/') {
            return None;
        }
        let path = self.absolute(word, shell)?;
        if let Some((_, target)) = shell.links().iter().rev().find(|(link, _)| *link == path) {
            return Some(target.file_name()?.to_str()?.to_owned());
        }
        let target = self.context.world.link(&path)?;
        let name = target.file_name()?.to_str()?;
        // What a distribution has under several names keeps the name that it was called by.
        (SOUGHT.contains(&name) && Some(name) != path.file_name().and_then(|n| n.to_str()))
            .then(|| name.to_owned())
    }

    /// Notes a call.
    pub fn emit(&mut self, call: Call) {
        let mut recent = self.reading.calls.iter().rev().take(64);
        // The last word first: it is what the calls of a loop differ in.
        if recent.all(|known| known.argv.last() != call.argv.last() || *known != call) {
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
            && shell.function(word).is_some()
        {
            // What stands in front of it holds while it runs.
            let before = (!call.env.is_empty()).then(|| shell.clone());
            call.env.iter().for_each(|(name, value)| shell.set_scalar(name, value.clone()));
            let output = self.function(word, call.argv.clone(), shell)?;
            if let Some(before) = before {
                shell.or(&before);
            }
            return Ok(output.unwrap_or_default());
        }
        self.emit(call.clone());
        if let Some(word) = &word
            && let Some(output) = self.builtin(word, &call, shell)?
        {
            return Ok(output);
        }
        self.guessed(&call, shell)?;
        self.execute_program(&call, shell)?;
        let mut inner_output: Option<Stream> = None;
        self.budget.deeper()?;
        let via = self.via.len();
        self.via.extend(call.program.clone());
        for inner in wrappers::inner(&call).into_iter().chain(aliased(&call, self.context)) {
            let output = self.inner(&call, inner, shell)?;
            inner_output = Some(match inner_output {
                Some(known) if known != output => Stream { text: None, taint: known.taint.and(output.taint) },
                _ => output,
            });
        }
        for tail in wrappers::transparent_tail(&call) {
            let inner =
                Inner::Argv { argv: tail, env: Vec::new(), dir: None, place: Place::Here, more_operands: false };
            self.inner(&call, inner, shell)?;
        }
        self.via.truncate(via);
        self.budget.leave();
        self.note_changes(&call, shell)?;
        shell.last = call.argv.last().cloned();
        Ok(match inner_output {
            Some(output) => output,
            None => self.printed_file(&call, shell).unwrap_or_else(|| outputs::output(&call, self.context)),
        })
    }

    /// What is printed of a file that the line itself has written.
    fn printed_file(&mut self, call: &Call, shell: &Shell) -> Option<Stream> {
        if !matches!(
            call.program.as_deref(),
            Some("cat" | "head" | "tail" | "sort" | "uniq" | "tac" | "grep" | "sed")
        ) {
            return None;
        }
        call.args().iter().filter(|a| !a.starts_with("-")).find_map(|a| self.file(a, shell))
    }
}

/// What an alias of git's configuration runs.
fn aliased(call: &Call, context: &Context<'_>) -> Option<Inner> {
    if call.program.as_deref() != Some("git") {
        return None;
    }
    Some(match git::alias(call, context)? {
        git::Alias::Git { argv } => {
            Inner::Argv { argv, env: Vec::new(), dir: None, place: Place::Here, more_operands: false }
        }
        git::Alias::Shell { text, args, dir } => Inner::Shell {
            text: Value::from(text.as_str()),
            args,
            env: Vec::new(),
            dir: dir.map(|dir| Value::from(&*dir.to_string_lossy())),
            place: Place::Here,
        },
    })
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

fn is_declaration(word: &Value) -> bool {
    matches!(word.known(), Some("declare" | "typeset" | "local" | "export" | "readonly"))
}
