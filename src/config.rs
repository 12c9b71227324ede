//! The configuration: YAML, read strictly, every default filled in, every path absolute.
//!
//! A mistake is refused with file, line and what to do about it (exit 6); nothing is guessed.

mod accounts;
mod check;
mod control;
mod guard;
mod janitor;
mod line;
mod notify;
mod resolved;
mod schema;

use anyhow::{Context, Result, anyhow};
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Exit, Mark, hinted};
use crate::model::account::{AccountKind, Thresholds};
use crate::model::guard::policy as guard_policy;
use crate::model::janitor::Rules;
use crate::model::name::{AccountName, ProjectName, SessionName};
use crate::model::switch::Policy;
pub use control::{Control, Listen};
pub use notify::{Notify, SecretSource, Target, Via, is_local};
pub use schema::{Method, TargetKind};

/// The largest configuration that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Everything that can be set, resolved.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// The file it came from.
    pub source: Option<PathBuf>,
    /// `HOME` of the sessions.
    pub home: PathBuf,
    /// The state directory, if it is set here.
    pub state_dir: Option<PathBuf>,
    /// Whether it may lie where the system empties it.
    pub allow_volatile_state: bool,
    /// The folder of sockets, if it is set here.
    pub runtime_dir: Option<PathBuf>,
    /// The account on which new sessions start.
    pub active_account: AccountName,
    /// The operator's logins, at least one.
    pub accounts: Vec<Account>,
    /// Projects that are named one by one.
    pub projects: Vec<Project>,
    /// A folder whose subfolders with an `.agent-queue/` are projects too.
    pub projects_dir: Option<PathBuf>,
    /// The operator's own sessions.
    pub dedicated: Vec<Dedicated>,
    /// Our sessions.
    pub pool: Pool,
    /// The client.
    pub client: Client,
    /// tmux.
    pub tmux: Tmux,
    /// Handing out tasks.
    pub dispatch: Dispatch,
    /// Looking after sessions.
    pub watch: Watch,
    /// When an account counts as full.
    pub quota: Quota,
    /// How sessions are moved.
    pub switch: Switch,
    /// Snapshots of sessions.
    pub checkpoint: Checkpoint,
    /// Who is told what.
    pub notify: Notify,
    /// Seen and steered from outside.
    pub control: Control,
    /// What is archived and removed, and when.
    pub janitor: Janitor,
    /// Whether sessions are launched with the guard, and it is put into their projects.
    pub guard_deploy: bool,
    /// What is changed of the guard's built-in rules, for every project.
    pub guard: guard_policy::Policy,
    /// Accepted keys that have no effect, each with its line.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// Directories that are named and are not there, each with file and line.
    #[serde(skip)]
    pub absent: Vec<String>,
}

/// One login.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// The home that alone holds its credentials (`CLAUDE_CONFIG_DIR`).
    pub home: PathBuf,
    /// Lower is preferred.
    pub priority: i64,
    /// How it pays and logs in.
    pub kind: AccountKind,
    /// The file that holds its token or key.
    pub token_file: Option<PathBuf>,
    /// Further variables of its sessions.
    pub env: BTreeMap<String, String>,
    /// Whether it is out of use.
    pub disabled: bool,
    /// The shares of its windows that may be used, its reserve taken off.
    pub thresholds: Thresholds,
}

/// A directory with a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its name in `depends_on` and on the command line.
    pub name: ProjectName,
    /// Its directory.
    pub path: PathBuf,
    /// How many sessions may work in it at once.
    pub max_sessions: u32,
    /// Its default model.
    pub model: Option<String>,
    /// The only account that may work in it.
    pub account: Option<AccountName>,
    /// Whether the guard is put into its directory too, for sessions that somebody else starts there.
    pub guard_deploy: bool,
    /// What is changed of the guard's rules for its sessions, on top of what holds for all.
    pub guard: Option<guard_policy::Policy>,
}

/// One of the operator's own sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dedicated {
    /// The tmux session.
    pub name: SessionName,
    /// Where its client runs.
    pub project: PathBuf,
    /// The account to launch it on; the active one if absent.
    pub account: Option<AccountName>,
    /// The model to launch it with; the client's own default if absent.
    pub model: Option<String>,
}

/// The sessions that are ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Names are the prefix and a number.
    pub prefix: String,
    /// The first number.
    pub start_index: u32,
    /// Kept for the daemon's files; sessions are launched when a task needs one.
    pub min: u32,
    /// How many there may be.
    pub max: u32,
    /// The tree of transcripts that all accounts share.
    pub shared_projects_dir: Option<PathBuf>,
}

impl Pool {
    /// The names of the pool: the one place that makes them.
    #[must_use]
    pub fn names(&self) -> Vec<SessionName> {
        (self.start_index..self.start_index.saturating_add(self.max))
            .filter_map(|n| SessionName::new(format!("{}{n}", self.prefix)).ok())
            .collect()
    }
}

/// How the client is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// The program: an absolute path, or a name looked up in `path`.
    pub program: PathBuf,
    /// Its arguments, before ours.
    pub args: Vec<String>,
    /// Further variables of a session's environment.
    pub env: BTreeMap<String, String>,
    /// `PATH` of a session.
    pub path: String,
    /// `SHELL` of a session.
    pub shell: PathBuf,
    /// `ANTHROPIC_BASE_URL` of a session, if it is not the client's own.
    pub api_base: Option<String>,
    /// The model of a task that names none.
    pub model: Option<String>,
    /// The model of a critical task that names none.
    pub model_critical: Option<String>,
    /// How long a client may take to get ready.
    pub ready_timeout: SignedDuration,
    /// How long a client may take to end after SIGTERM.
    pub stop_timeout: SignedDuration,
}

/// Which tmux server, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tmux {
    /// The program.
    pub program: PathBuf,
    /// The server's socket.
    pub socket: TmuxSocket,
    /// A configuration file instead of tmux's own.
    pub config: Option<PathBuf>,
    /// Width of a session that nobody is attached to.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
    /// How long a call may take.
    pub timeout: SignedDuration,
}

/// Where a tmux server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TmuxSocket {
    /// `-L NAME`, in tmux's own folder.
    Name(String),
    /// `-S PATH`.
    Path(PathBuf),
}

/// Handing out tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dispatch {
    /// Deliveries under way at once.
    pub ramp: u32,
    /// How long a session rests between two tasks.
    pub cooldown: SignedDuration,
    /// How often a task is tried.
    pub max_attempts: u32,
    /// Whether an idle session takes the next task of its project in the same conversation.
    pub reuse_sessions: bool,
    /// The largest task file, in bytes.
    pub max_task_bytes: u64,
    /// How often the timer runs it.
    pub interval: SignedDuration,
}

/// Looking after sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watch {
    /// How long a working session may show no sign of life.
    pub stall_after: SignedDuration,
    /// Where the file `agent-done-<session>` says that a task is done.
    pub done_signal_dir: Option<PathBuf>,
    /// How often a conversation is resumed for one try of a task.
    pub max_resumes: u32,
    /// Whether a dedicated session that died is brought back.
    pub dedicated_resume: bool,
    /// How often the timer runs it.
    pub interval: SignedDuration,
}

/// When an account counts as full, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quota {
    /// How often the timer looks.
    pub interval: SignedDuration,
    /// The rules of the decision.
    pub policy: Policy,
    /// Whether a switch that is due is made, or only told.
    pub auto_switch: bool,
    /// Asking the service itself.
    pub endpoint: Endpoint,
}

/// The usage endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Whether it is asked at all.
    pub enabled: bool,
    /// Its address.
    pub url: String,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// How sessions are moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// Sessions that are moved at once, after the first.
    pub ramp: u32,
    /// How long a session may take to come to the end of its turn.
    pub drain_timeout: SignedDuration,
    /// How long a moved session may take to show that it is at work.
    pub verify_timeout: SignedDuration,
    /// A link that is kept on the active account's home.
    pub link: Option<PathBuf>,
}

/// Snapshots of sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// How often the timer runs it.
    pub interval: SignedDuration,
    /// So many of a session are kept, the newest.
    pub keep: usize,
    /// Of so many days the newest of the day as well.
    pub keep_days: usize,
    /// Lines of the screen that are kept, from below.
    pub pane_lines: usize,
}

/// What is archived and removed, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Janitor {
    /// How often the timer runs it.
    pub interval: SignedDuration,
    /// Ages and caps.
    pub rules: Rules,
}

/// What is read beside the file.
#[derive(Clone, Copy, Debug)]
pub struct LoadInputs<'a> {
    /// What `~` means, and the default `HOME` of sessions.
    pub home: &'a Path,
    /// Whether a directory that is not there is a fault. It is for `config check`; for a run it is
    /// not: one project on a disk that is not mounted must not hold all the others.
    pub strict: bool,
}

impl Config {
    /// An account by name.
    #[must_use]
    pub fn account(&self, name: &AccountName) -> Option<&Account> {
        self.accounts.iter().find(|a| a.name == *name)
    }

    /// A dedicated session by name.
    #[must_use]
    pub fn dedicated(&self, name: &SessionName) -> Option<&Dedicated> {
        self.dedicated.iter().find(|d| d.name == *name)
    }

    /// The whole of it as YAML that can be read back, for `config check`.
    ///
    /// # Errors
    /// If it cannot be written as YAML.
    pub fn resolved_yaml(&self) -> Result<String> {
        let value = serde_yaml::to_value(resolved::raw(self)).map(resolved::without_nothing);
        value.and_then(|value| serde_yaml::to_string(&value)).context("could not print the configuration")
    }
}

impl Config {
    /// Who is told what, as YAML that [`Self::of_targets`] reads back. It holds no secret, only where each is read.
    ///
    /// # Errors
    /// If it cannot be written as YAML.
    pub fn targets_yaml(&self) -> Result<String> {
        let value = serde_yaml::to_value(resolved::raw(self)).map(resolved::without_nothing);
        let only = |value: serde_yaml::Value| BTreeMap::from([("notifications", value["notifications"].clone())]);
        value.and_then(|value| serde_yaml::to_string(&only(value))).context("could not print the targets")
    }

    /// A configuration of nothing but targets, for telling and nothing else.
    ///
    /// # Errors
    /// If it is none of those that [`Self::targets_yaml`] writes.
    pub fn of_targets(text: &str, home: &Path) -> Result<Self> {
        let text = format!("accounts: [{{name: none, home: /nonexistent}}]\n{text}");
        parse(&text, None, &LoadInputs { home, strict: false }).context("could not use the targets that were kept")
    }
}

/// Reads a configuration file.
///
/// # Errors
/// If it cannot be read or is invalid; the exit code is then 6.
pub fn load(path: &Path, inputs: &LoadInputs<'_>) -> Result<Config> {
    read(path).and_then(|text| parse(&text, Some(path), inputs)).exit(Exit::Config)
}

fn read(path: &Path) -> Result<String> {
    let meta = path
        .metadata()
        .with_context(|| format!("could not read the configuration `{}`", path.display()))
        .hint("name the file with `--config`, or let `claude-failover init` write one")?;
    anyhow::ensure!(meta.is_file(), "the configuration is not a file: `{}`", path.display());
    anyhow::ensure!(meta.len() <= MAX_BYTES, "the configuration is larger than 1 MiB: `{}`", path.display());
    let bytes =
        std::fs::read(path).with_context(|| format!("could not read the configuration `{}`", path.display()))?;
    String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        anyhow!("{}:{line}: the configuration is not UTF-8", path.display())
    })
}

/// Reads a configuration from its text; looks only whether paths exist.
///
/// # Errors
/// If it is invalid.
pub fn parse(text: &str, source: Option<&Path>, inputs: &LoadInputs<'_>) -> Result<Config> {
    let name = source.map_or_else(|| "configuration".to_owned(), |p| p.display().to_string());
    if text.trim().is_empty() {
        return Err(anyhow!("{name}:1: the configuration is empty")).hint("start from `examples/minimal.yaml`");
    }
    let raw: schema::Raw = serde_yaml::from_str(text).map_err(|e| {
        let line = e.location().map_or(1, |l| l.line());
        let message = e.to_string();
        let hint = line::nearest_key(&message);
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        let error = anyhow!("{name}:{line}: {message}");
        match hint {
            Some(key) => hinted(error, format!("did you mean `{key}`?")),
            None => error,
        }
    })?;
    let (config, faults) = check::resolve(raw, source, inputs, text);
    let (absent, faults): (Vec<_>, Vec<_>) = faults.into_iter().partition(|f| f.absent && !inputs.strict);
    match (config, &faults[..]) {
        (Some(config), []) => {
            Ok(Config { absent: absent.iter().map(|f| f.line(text, &name)).collect(), ..config })
        }
        (_, []) => Err(anyhow!("{name}: the configuration is invalid")),
        (_, faults) => {
            let lines: Vec<String> = faults.iter().map(|f| f.line(text, &name)).collect();
            let error = Err(anyhow!("{}", lines.join("\n")));
            match faults.iter().find_map(|f| f.hint.clone()) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
    }
}

#[cfg(test)]
mod tests;
