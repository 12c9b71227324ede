//! tmux, one method a verb. Exact targets, always `-u`, every call under a deadline.
//!
//! Measured with tmux 3.3a: several words of a command are executed as given, one word goes
//! through a shell; a pane without a UTF-8 locale prints `_` for everything that is not ASCII;
//! `paste-buffer` into a dead pane kills the whole server, so nothing is ever pasted.

mod listing;
mod remains;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use listing::{CLIENT_FORMAT, PANE_FORMAT, parse_snapshot};
pub use listing::{Pane, PaneId, Snapshot};

use super::process::{self, ProcessError, Said};
use super::{atomic, clock};
use crate::model::delivery::composer;
use crate::model::name::SessionName;
use crate::model::screen::without_hints;
use crate::model::session::PoolSession;
use crate::model::timers::START_SERVER;

/// The oldest tmux that has everything used here.
pub const OLDEST: (u32, u32) = (3, 2);

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// `-L NAME`.
    Name(String),
    /// `-S PATH`.
    Path(PathBuf),
}

/// The wrapper.
#[derive(Clone, Debug)]
pub struct Tmux {
    program: PathBuf,
    socket: Socket,
    config: Option<PathBuf>,
    columns: u16,
    rows: u16,
    timeout: Duration,
}

/// Why a call to tmux failed.
#[derive(Debug)]
pub enum TmuxError {
    /// It is not installed.
    Missing(PathBuf),
    /// It is too old.
    TooOld(String),
    /// It did not answer in time.
    TimedOut(ProcessError),
    /// It could not be run.
    Failed(ProcessError),
    /// No server runs.
    NoServer,
    /// A client or a session of the wanted name is there already.
    Taken {
        /// Its name.
        session: String,
        /// The process in it.
        pid: i32,
        /// Whether we have launched it.
        ours: bool,
    },
    /// It answered with an error.
    Refused {
        /// The verb.
        verb: String,
        /// What it said.
        message: String,
    },
}

impl TmuxError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(_) | Self::TooOld(_) => Some("install tmux 3.2 or newer, or set `tmux.program`".into()),
            Self::TimedOut(_) => Some("the tmux server hangs: look at it, or raise `tmux.timeout`".into()),
            Self::Taken { ours: true, session, .. } => Some(format!("claude-failover explain session {session}")),
            Self::Taken { .. } => Some("rename it, or the one of the configuration".into()),
            _ => None,
        }
    }
}

impl fmt::Display for TmuxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(program) => write!(f, "tmux is not installed: `{}`", program.display()),
            Self::TooOld(found) => write!(f, "tmux is too old: {found}"),
            Self::TimedOut(e) | Self::Failed(e) => write!(f, "tmux {e}"),
            Self::NoServer => f.write_str("no tmux server runs"),
            Self::Taken { session, pid, ours: true } => {
                write!(f, "a client of it runs already (pid {pid}): `{session}`")
            }
            Self::Taken { session, pid, .. } => {
                write!(f, "a tmux session of this name is there and not ours (pid {pid}): `{session}`")
            }
            Self::Refused { verb, message } => write!(f, "tmux {verb} failed: {message}"),
        }
    }
}

impl std::error::Error for TmuxError {}

/// A pane of a session that is ours: the only kind that can be typed into or ended.
#[derive(Clone, Debug)]
pub struct PoolPane {
    session: PoolSession,
    pane: PaneId,
}

impl PoolPane {
    /// Ties a pane to the session that owns it.
    #[must_use]
    pub fn new(session: PoolSession, pane: &Pane) -> Option<Self> {
        (pane.session == session.name().as_str()).then(|| Self { session, pane: pane.id.clone() })
    }

    /// The pane.
    #[must_use]
    pub fn id(&self) -> &PaneId {
        &self.pane
    }
}

/// The longest path that a Unix socket can have (`sun_path`).
const SOCKET_PATH: usize = 107;

impl Tmux {
    /// A wrapper for one server.
    #[must_use]
    pub fn new(
        program: PathBuf,
        socket: Socket,
        config: Option<PathBuf>,
        columns: u16,
        rows: u16,
        timeout: Duration,
    ) -> Self {
        Self { program, socket, config, columns, rows, timeout }
    }

    /// The words with which a person reaches this server.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        let mut words = vec![self.program.display().to_string(), "-u".to_owned()];
        match &self.socket {
            Socket::Name(name) => words.extend(["-L".to_owned(), name.clone()]),
            Socket::Path(path) => words.extend(["-S".to_owned(), path.display().to_string()]),
        }
        words
    }

    /// The words of a call to this server, the program first.
    #[must_use]
    pub fn words(&self, args: &[&str]) -> Vec<String> {
        let mut words = self.command_line();
        if let Some(config) = &self.config {
            words.extend(["-f".to_owned(), config.display().to_string()]);
        }
        words.extend(args.iter().map(|a| (*a).to_owned()));
        words
    }

    fn call(&self, args: &[&str]) -> Result<Said, TmuxError> {
        self.call_wrapped(&[], args)
    }

    fn call_wrapped(&self, wrap: &[String], args: &[&str]) -> Result<Said, TmuxError> {
        let verb = (*args.first().unwrap_or(&"")).to_owned();
        if let Socket::Path(path) = &self.socket
            && path.as_os_str().len() > SOCKET_PATH
        {
            let message = format!("the socket's path is longer than {SOCKET_PATH} bytes: `{}`", path.display());
            return Err(TmuxError::Refused { verb, message });
        }
        let mut words = wrap.to_vec();
        words.extend(self.words(args));
        let program = PathBuf::from(&words[0]);
        // Inside tmux these two would point at the wrong server.
        let said =
            process::run(&program, &words[1..], &["TMUX", "TMUX_PANE"], self.timeout).map_err(|e| match e {
                ProcessError::NotFound(program) => TmuxError::Missing(program),
                ProcessError::TimedOut(..) => TmuxError::TimedOut(e),
                ProcessError::Failed(..) => TmuxError::Failed(e),
            })?;
        if said.status == 0 {
            return Ok(said);
        }
        let message = said.stderr.trim().to_owned();
        if is_no_server(&message) { Err(TmuxError::NoServer) } else { Err(TmuxError::Refused { verb, message }) }
    }

    /// Which tmux it is; the newest for a development build.
    ///
    /// # Errors
    /// If it is not installed, older than [`OLDEST`], or says something unheard of.
    pub fn check_version(&self) -> Result<(u32, u32), TmuxError> {
        let said = self.call(&["-V"])?;
        match parse_version(&said.stdout) {
            Some(version) if version >= OLDEST => Ok(version),
            _ => Err(TmuxError::TooOld(said.stdout.trim().to_owned())),
        }
    }

    /// All sessions in one child process. No server is an answer; an error is not.
    ///
    /// # Errors
    /// If tmux could not be asked: that says nothing about the sessions.
    pub fn snapshot(&self) -> Result<Snapshot, TmuxError> {
        let args = ["list-panes", "-a", "-F", PANE_FORMAT, ";", "list-clients", "-F", CLIENT_FORMAT];
        match self.call(&args) {
            Ok(said) => Ok(parse_snapshot(&said.stdout)),
            Err(TmuxError::NoServer) => Ok(Snapshot::default()),
            // What a server without any session answers.
            Err(TmuxError::Refused { message, .. }) if message.contains("no current target") => {
                Ok(Snapshot { server: true, ..Snapshot::default() })
            }
            Err(e) => Err(e),
        }
    }

    /// The process of the server; `None` if none runs.
    ///
    /// # Errors
    /// If tmux could not be asked.
    pub fn server(&self) -> Result<Option<i32>, TmuxError> {
        match self.call(&["display-message", "-p", "#{pid}"]) {
            Ok(said) => Ok(said.stdout.trim().parse().ok()),
            Err(TmuxError::NoServer) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The names of the variables that every new pane of the server is given.
    ///
    /// # Errors
    /// If tmux could not be asked.
    pub fn global_variables(&self) -> Result<Vec<String>, TmuxError> {
        let said = self.call(&["show-environment", "-g"])?;
        Ok(said.stdout.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect())
    }

    /// A configuration file that is named, and is not there.
    #[must_use]
    pub fn missing_config(&self) -> Option<PathBuf> {
        self.config.clone().filter(|path| !path.exists())
    }

    /// Starts the server if none runs, outside the control group of a service that calls us: a
    /// server born in a oneshot service dies with it.
    ///
    /// # Errors
    /// If tmux is missing, too old, or does not start.
    pub fn ensure_server(&self) -> Result<(), TmuxError> {
        match self.call(&["has-session"]) {
            Ok(_) => return Ok(()),
            // A server without a session answers, and its answer is no missing server.
            Err(TmuxError::Refused { message, .. }) if !message.contains("no sessions") => return Ok(()),
            // One that runs and stays (a unit's) needs no start, which from inside a unit would be a scope.
            Err(TmuxError::Refused { .. }) if self.call(&["set-option", "-g", "exit-empty", "off"]).is_ok() => {
                return Ok(());
            }
            Err(TmuxError::Refused { .. } | TmuxError::NoServer) => {}
            Err(e) => return Err(e),
        }
        self.check_version()?;
        let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let systemd = Path::new("/run/systemd/system").is_dir();
        let wrap = outside_of(&cgroup, systemd, nix::unistd::geteuid().is_root()).unwrap_or_default();
        atomic::step("start the tmux server");
        // `exit-empty off`: without it a server without sessions ends before the first one comes.
        self.call_wrapped(&wrap, &START_SERVER).map(|_| ())
    }

    /// Starts a session whose first process is the given program. `remain-on-exit` is set in the
    /// same call, so that a program that ends at once leaves its status behind.
    ///
    /// # Errors
    /// If a session of this name exists, or tmux refuses.
    pub fn new_session(&self, name: &SessionName, cwd: &Path, argv: &[String]) -> Result<Pane, TmuxError> {
        let (columns, rows) = (self.columns.to_string(), self.rows.to_string());
        let cwd = unexpanded(cwd);
        let target = format!("={name}:");
        let mut args =
            vec!["new-session", "-d", "-s", name.as_str(), "-x", &columns, "-y", &rows, "-c", &cwd, "--"];
        let argv = escaped(argv);
        args.extend(argv.iter().map(String::as_str));
        args.extend([";", "set-option", "-w", "-t", &target, "remain-on-exit", "on"]);
        args.extend([";", "list-panes", "-t", &target, "-F", PANE_FORMAT]);
        atomic::step("before new-session");
        let said = self.call(&args)?;
        atomic::step("after new-session");
        parse_snapshot(&said.stdout)
            .panes
            .pop()
            .ok_or(TmuxError::Refused { verb: "new-session".into(), message: "no pane came of it".into() })
    }

    /// Starts a program in a pane whose own has ended. tmux itself refuses a pane that lives: the
    /// flag that would kill it is never given.
    ///
    /// # Errors
    /// If the pane lives or is gone.
    pub fn respawn(&self, pane: &PaneId, cwd: &Path, argv: &[String]) -> Result<Pane, TmuxError> {
        let cwd = unexpanded(cwd);
        let mut args = vec!["respawn-pane", "-t", pane.as_str(), "-c", &cwd, "--"];
        let argv = escaped(argv);
        args.extend(argv.iter().map(String::as_str));
        args.extend([";", "list-panes", "-t", pane.as_str(), "-F", PANE_FORMAT]);
        atomic::step("before respawn-pane");
        let said = self.call(&args)?;
        atomic::step("after respawn-pane");
        parse_snapshot(&said.stdout)
            .panes
            .into_iter()
            .find(|p| p.id == *pane)
            .ok_or(TmuxError::Refused { verb: "respawn-pane".into(), message: "no pane came of it".into() })
    }

    /// Types a line, without Enter. One short line of plain text: see [`is_typable`].
    ///
    /// # Errors
    /// If the line is not of that kind, the pane's process has ended, or tmux refuses.
    pub fn type_line(&self, pane: &PoolPane, line: &str) -> Result<(), TmuxError> {
        if !is_typable(line) {
            let message = "not one short line of plain text".to_owned();
            return Err(TmuxError::Refused { verb: "send-keys".into(), message });
        }
        self.fresh(pane)?;
        atomic::step("before the line");
        self.call(&["send-keys", "-t", pane.pane.as_str(), "-l", "--", line])?;
        atomic::step("after the line");
        Ok(())
    }

    /// Presses one key: `Enter`, `Escape`.
    ///
    /// # Errors
    /// If the pane's process has ended, or tmux refuses.
    pub fn press(&self, pane: &PoolPane, key: Key) -> Result<(), TmuxError> {
        self.fresh(pane)?;
        let key = match key {
            Key::Enter => "Enter",
            Key::Escape => "Escape",
        };
        atomic::step("before a key");
        self.call(&["send-keys", "-t", pane.pane.as_str(), key])?;
        atomic::step("after a key");
        Ok(())
    }

    /// Leaves copy mode, in which every key would be swallowed with exit 0.
    ///
    /// # Errors
    /// If tmux refuses for another reason than that the pane is in no mode.
    pub fn leave_mode(&self, pane: &PoolPane) -> Result<(), TmuxError> {
        match self.call(&["send-keys", "-t", pane.pane.as_str(), "-X", "cancel"]) {
            Err(TmuxError::Refused { message, .. }) if message.contains("not in a mode") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// A pane that is still there, still of its session and still alive: `send-keys` into any
    /// other returns 0 as well.
    fn fresh(&self, pane: &PoolPane) -> Result<(), TmuxError> {
        let said =
            self.call(&["display-message", "-p", "-t", pane.pane.as_str(), "#{pane_dead}|#{session_name}"])?;
        let expected = format!("0|{}", pane.session.name());
        if said.stdout.trim_end() == expected {
            return Ok(());
        }
        Err(TmuxError::Refused { verb: "send-keys".into(), message: "the client in the pane has ended".into() })
    }

    /// The visible rows of a pane.
    ///
    /// # Errors
    /// If the pane is gone.
    pub fn capture(&self, pane: &PaneId) -> Result<String, TmuxError> {
        Ok(self.call(&["capture-pane", "-p", "-t", pane.as_str()])?.stdout)
    }

    /// The visible rows of several panes, in one child process; none for a pane that is gone.
    ///
    /// # Errors
    /// If tmux could not be asked: that says nothing about the panes.
    pub fn captures(&self, panes: &[&PaneId]) -> Result<Vec<Option<String>>, TmuxError> {
        if panes.is_empty() {
            return Ok(Vec::new());
        }
        // A line between two screens that none of them can hold.
        let mark = uuid::Uuid::new_v4().to_string();
        let mut args: Vec<&str> = Vec::new();
        for pane in panes {
            args.extend(["capture-pane", "-p", "-t", pane.as_str(), ";"]);
            args.extend(["display-message", "-p", "-t", pane.as_str(), &mark, ";"]);
        }
        args.pop();
        match self.call(&args) {
            Ok(said) => {
                let mark = format!("{mark}\n");
                let mut screens = said.stdout.split(mark.as_str());
                Ok(panes.iter().map(|_| screens.next().map(str::to_owned)).collect())
            }
            // One that has vanished since the listing ends the whole row: each for itself then.
            Err(TmuxError::Refused { .. }) => Ok(panes.iter().map(|pane| self.capture(pane).ok()).collect()),
            Err(e) => Err(e),
        }
    }

    /// What stands in the composer of a client's screen; `None` if no composer can be seen.
    ///
    /// # Errors
    /// If the pane is gone.
    pub fn composer(&self, pane: &PaneId) -> Result<Option<String>, TmuxError> {
        let rows = self.call(&["capture-pane", "-e", "-p", "-t", pane.as_str()])?.stdout;
        Ok(composer(&without_hints(&rows)))
    }

    /// Ends a session of ours whose client has ended.
    ///
    /// # Errors
    /// If tmux refuses; a session that is gone is no error.
    pub fn end_session(&self, session: &PoolSession) -> Result<(), TmuxError> {
        atomic::step("before kill-session");
        match self.call(&["kill-session", "-t", &format!("={}", session.name())]) {
            Ok(_) | Err(TmuxError::NoServer) => Ok(()),
            Err(TmuxError::Refused { message, .. }) if message.contains("can't find session") => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// The last words of a program that has ended. They may have been scrolled out of sight by
    /// tmux's own note that the pane is dead, and may come a moment after the end.
    #[must_use]
    pub fn last_words(&self, pane: &PaneId) -> Vec<String> {
        clock::wait_for(Duration::from_millis(300), Duration::from_millis(50), || {
            let said = self.call(&["capture-pane", "-p", "-S", "-20", "-t", pane.as_str()]).ok()?;
            let words: Vec<String> = said
                .stdout
                .lines()
                .map(|l| l.trim().to_owned())
                .filter(|l| !l.is_empty() && !l.starts_with("Pane is dead"))
                .collect();
            (!words.is_empty()).then_some(words)
        })
        .unwrap_or_default()
    }
}

/// A key that is pressed alone.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// Submits.
    Enter,
    /// Interrupts, or closes a dialog.
    Escape,
}

/// Whether a line can be typed so that it arrives as it is: it starts with a letter (`/`, `!`, `#`,
/// `?` are commands), ends with a full stop (`\`, `@x`, `;` eat the Enter), is short and has no
/// control character.
#[must_use]
pub fn is_typable(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_alphabetic())
        && line.ends_with('.')
        && line.chars().count() <= crate::model::delivery::MAX_LINE
        && !line.chars().any(char::is_control)
}

/// A directory as tmux takes it: it expands formats in it, `#(…)` among them, which runs a command.
fn unexpanded(dir: &Path) -> String {
    dir.display().to_string().replace('#', "##")
}

/// A lone `;` or one at the end of a word would end tmux's own command.
fn escaped(argv: &[String]) -> Vec<String> {
    argv.iter()
        .map(|word| match word.strip_suffix(';') {
            Some(rest) => format!("{rest}\\;"),
            None => word.clone(),
        })
        .collect()
}

fn is_no_server(message: &str) -> bool {
    message.contains("no server running")
        || (message.contains("error connecting to")
            && (message.contains("No such file or directory") || message.contains("Connection refused")))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let word = text.trim().strip_prefix("tmux ")?;
    if word == "master" {
        return Some((u32::MAX, 0));
    }
    let word = word.strip_prefix("next-").unwrap_or(word);
    let word = word.strip_prefix("openbsd-").unwrap_or(word);
    let (major, minor) = word.split_once('.')?;
    let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The words to put in front of a tmux that starts a server, when this process runs inside a
/// service of systemd: the server then lives in a scope of its own.
#[must_use]
pub fn outside_of(cgroup: &str, systemd: bool, root: bool) -> Option<Vec<String>> {
    let path = cgroup.lines().find_map(|l| l.strip_prefix("0::")).or_else(|| cgroup.lines().next())?;
    let last = path.rsplit('/').find(|part| part.ends_with(".service"))?;
    // A login's own manager is no service that ends with us.
    if !systemd || last.starts_with("user@") {
        return None;
    }
    let mut words = vec!["systemd-run".to_owned()];
    if !root || path.contains("/user@") {
        words.push("--user".to_owned());
    }
    words.extend(["--scope", "--collect", "--quiet", "--slice=claude-failover"].map(str::to_owned));
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, want) in [
            ("tmux 3.3a\n", Some((3, 3))),
            ("tmux next-3.5\n", Some((3, 5))),
            ("tmux master", Some((u32::MAX, 0))),
            ("tmux 1.8", Some((1, 8))),
            ("screen 4", None),
        ] {
            assert_eq!(parse_version(text), want, "{text}");
        }
    }

    #[test]
    fn only_plain_lines_are_typed() {
        for bad in ["", "/exit.", "!ls.", "a\nb.", "no stop", "ends;", "ends\\", " /exit.", "x\u{1b}[201~."] {
            assert!(!is_typable(bad), "{bad:?}");
        }
        assert!(!is_typable(&format!("{}.", "x".repeat(900))));
        assert!(is_typable("Task x: read /a/b.md and carry it out."));
    }

    #[test]
    fn a_server_is_started_outside_of_a_service() {
        let unit = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/claude-failover-dispatch.service\n";
        assert_eq!(outside_of(unit, true, false).unwrap()[..3], ["systemd-run", "--user", "--scope"]);
        assert_eq!(outside_of("0::/system.slice/x.service\n", true, true).unwrap()[1], "--scope");
        assert_eq!(outside_of("0::/user.slice/user-0.slice/session-1.scope\n", true, true), None);
        assert_eq!(outside_of("0::/user.slice/user@1.service/tmux.scope\n", true, false), None);
        assert_eq!(outside_of(unit, false, false), None);
    }
}
