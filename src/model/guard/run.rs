//! Reads one command: its fields, what it runs besides itself, where its output goes.

use std::path::PathBuf;
use std::rc::Rc;

use rable::{Node, NodeKind};

use super::assign::assignment;
use super::limits::Limit;
use super::paths;
use super::reader::{Reader, either, raw};
use super::reading::{Call, Dir, Place, Redirect, Stream};
use super::shell::Shell;
use super::value::{Part, Taint, Value};
use super::world::Context;
use super::wrappers::{self, Inner};
use super::{git, outputs};

/// What a command's redirections are.
#[derive(Default)]
pub struct Opened {
    /// Those to and from files.
    pub redirects: Vec<Redirect>,
    /// What they put on the standard input.
    pub stdin: Option<Stream>,
}

impl Opened {
    /// What one way and another open.
    #[must_use]
    pub fn and(mut self, other: Opened) -> Opened {
        let new: Vec<Redirect> = other.redirects.into_iter().filter(|r| !self.redirects.contains(r)).collect();
        self.redirects.extend(new);
        self.stdin = match (self.stdin, other.stdin) {
            (Some(first), Some(second)) => Some(either(first, second)),
            (first, second) => first.or(second),
        };
        self
    }
}

/// Programs whose names a pattern in the command's word is held against.
const SOUGHT: &[&str] = &[
    "rm",
    "dd",
    "git",
    "sudo",
    "sudoedit",
    "su",
    "runuser",
    "doas",
    "pkexec",
    "sh",
    "bash",
    "dash",
    "zsh",
    "chmod",
    "chown",
    "shred",
    "find",
    "xargs",
    "mkfs",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkfs.btrfs",
    "mke2fs",
    "mkswap",
    "wipefs",
    "blkdiscard",
    "tee",
    "cp",
    "mv",
    "ln",
    "install",
    "rsync",
    "crontab",
    "truncate",
    "unlink",
    "env",
    "claude",
    "sed",
    "run0",
    "systemd-run",
    "mkfs.ext2",
    "mkfs.ext3",
    "mkfs.fat",
    "mkfs.f2fs",
    "mkfs.msdos",
    "mkfs.ntfs",
    "mkfs.vfat",
    "tmux",
    "screen",
    "busybox",
    "python3",
    "perl",
    "rmdir",
    "tar",
    "unzip",
    "eval",
    "nice",
    "timeout",
    "ed",
    "patch",
    "dcfldd",
    "parted",
    "fdisk",
    "sfdisk",
    "sgdisk",
    "cryptsetup",
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

    /// What the redirections open.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn redirects(&mut self, nodes: &[Node], shell: &mut Shell) -> Result<Opened, Limit> {
        let mut opened = Opened::default();
        for node in nodes {
            let (fd, stream) = match &node.kind {
                NodeKind::HereDoc { content, quoted, fd, .. } => {
                    let text =
                        if *quoted { Value::from(content.as_str()) } else { self.document(content, shell)? };
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
                    let stream = match op.as_str() {
                        "<" | "<>" => self.file(&redirect.target, shell).unwrap_or_default(),
                        // What another descriptor was opened on.
                        "<&" => {
                            let number = redirect.target.if_empty().trim_end_matches('-').to_owned();
                            shell.file(&PathBuf::from(format!("/dev/fd/{number}"))).cloned().unwrap_or_default()
                        }
                        ">&" if *fd == 0 => {
                            let number = redirect.target.if_empty().into_owned();
                            shell.file(&PathBuf::from(format!("/dev/fd/{number}"))).cloned().unwrap_or_default()
                        }
                        _ => Stream::default(),
                    };
                    let network =
                        ["/dev/tcp/", "/dev/udp/"].iter().any(|start| redirect.target.starts_with(start));
                    if network && redirect.writes() {
                        let taint = Taint { downloaded: true, decoded: false };
                        shell.write_file(PathBuf::from("/dev/fd/1"), Stream { text: None, taint });
                    }
                    opened.redirects.push(redirect);
                    let feeds = matches!(op.as_str(), "<" | "<>" | "<&") || op == ">&" && *fd == 0;
                    if !feeds {
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

    /// The call with nothing where something unknown stands inside a word: `--fo${unset}rce`. Paths and what is
    /// unknown at their places (`$X/y`, `$X:y`) are the rules' own.
    fn without_holes(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        if call.is_via("?") || !call.argv.iter().any(has_hole) {
            return Ok(());
        }
        let mut other = call.clone();
        for word in other.argv.iter_mut().filter(|word| has_hole(word)) {
            let mut whole = Value::default();
            let known = word.parts().iter().filter(|p| !matches!(p, Part::Unknown(_)));
            known.for_each(|part| whole.push(part.clone()));
            *word = whole;
        }
        other.program = other.argv.first().and_then(program);
        other.via.push("?".to_owned());
        self.run(other, &mut shell.clone())?;
        Ok(())
    }

    /// A command's word with a pattern in it, or known in part: each program that it could be.
    fn guessed(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        self.without_holes(call, shell)?;
        let Some(word) = call.argv.first().filter(|w| w.known().is_none() && !w.parts().is_empty()) else {
            return Ok(());
        };
        let says_something = word.parts().iter().any(|p| !matches!(p, Part::Unknown(_)));
        if !says_something || call.is_via("?") {
            return Ok(());
        }
        // With nothing where it is not known: `r${unset}m`.
        let if_empty = program(&Value::from(&*word.if_empty())).filter(|_| word.has_unknown() && !word.has_glob());
        for name in SOUGHT.iter().copied().chain(if_empty.as_deref()) {
            let full = ["", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];
            let could_be = || {
                full.iter().any(|dir| word.could_be(&format!("{dir}{name}"))) || if_empty.as_deref() == Some(name)
            };
            if call.program.as_deref() != Some(name) && could_be() {
                let mut guess = call.clone();
                guess.argv = std::iter::once(Value::from(name)).chain(call.args().iter().cloned()).collect();
                guess.program = Some(name.to_owned());
                guess.via.push("?".to_owned());
                self.run(guess, &mut shell.clone())?;
            }
        }
        Ok(())
    }

    /// Where a command's output goes: into its files, and on.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn write(&mut self, output: Stream, redirects: &[Redirect], shell: &mut Shell) -> Result<Stream, Limit> {
        for redirect in redirects.iter().filter(|r| r.writes()) {
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
                self.budget.make(stream.text.as_ref().map_or(0, Value::size))?;
                self.put_file(path, stream, shell)?;
            }
        }
        // `2>file` leaves the output where it was, and `3>&1 >file` another way for it: which is which is not
        // told apart, it may have gone on.
        Ok(output)
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

/// Whether something that may be nothing stands inside a word, not at the border of a path's name, a list's item
/// or a value.
fn has_hole(word: &Value) -> bool {
    const MAX_WORD: usize = 128;
    let parts = word.parts();
    let text = |i: Option<usize>| match i.and_then(|i| parts.get(i)) {
        Some(Part::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let whole = |part: &Part| match part {
        Part::Text(text) => text.len() <= MAX_WORD && !text.contains(char::is_whitespace),
        Part::Glob(_) => true,
        Part::Unknown(unknown) => !unknown.filled,
    };
    let is_hole = |(i, part): (usize, &Part)| {
        let before = text(i.checked_sub(1));
        let behind = text(Some(i + 1));
        matches!(part, Part::Unknown(_))
            && (before.is_some() || behind.is_some())
            && !before.is_some_and(|t| t.ends_with(['/', ':', '=', ',', '@']))
            && !behind.is_some_and(|t| t.starts_with(['/', ':', '=', ',', '@']))
    };
    parts.iter().all(whole) && parts.iter().enumerate().any(is_hole)
}

fn is_declaration(word: &Value) -> bool {
    matches!(word.known(), Some("declare" | "typeset" | "local" | "export" | "readonly"))
}
