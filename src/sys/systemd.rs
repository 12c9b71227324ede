//! systemd, through `systemctl`: one method a verb, typed answers, typed refusals.
//!
//! Read with `show` (properties, one block a unit) and `list-timers -o json`, both stable from version 252 on.

mod answers;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{self, ProcessError, Said};
use super::{atomic, paths, user};
use crate::model::timers::plan::Loaded;
use crate::model::timers::{Flavour, is_our_name};
pub use answers::{Handed, Times};

/// How long one call may take: `enable --now` waits for what it starts.
const LIMIT: Duration = Duration::from_secs(90);

/// The largest unit file that is read, in bytes: of a larger one of our name nothing is known but that it is not ours.
const MAX_BYTES: u64 = 1 << 20;

/// One manager: the machine's or the user's.
#[derive(Clone, Debug)]
pub struct Systemctl {
    program: PathBuf,
    is_user: bool,
    env: Vec<(&'static str, OsString)>,
    limit: Duration,
}

/// Why systemd did not do it.
#[derive(Debug)]
pub enum SystemdError {
    /// There is no `systemctl` on the `PATH`.
    Missing,
    /// The machine was not started by systemd.
    NotBooted,
    /// The manager does not answer: of a user that is not logged in there is none.
    Unreachable {
        /// Whose.
        flavour: &'static str,
        /// What was said.
        message: String,
    },
    /// It answered with an error.
    Refused {
        /// The verb.
        verb: String,
        /// What it said.
        message: String,
    },
    /// `systemctl` could not be run to its end.
    Process(ProcessError),
}

impl SystemdError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing | Self::NotBooted => {
                Some("without systemd use cron: `claude-failover timers print --cron` prints the lines".into())
            }
            Self::Unreachable { flavour: "user", .. } => Some(format!(
                "run `loginctl enable-linger {}` as root and log in again, or use `--system`",
                user::name()
            )),
            _ => None,
        }
    }
}

impl fmt::Display for SystemdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no systemd here: there is no `systemctl`"),
            Self::NotBooted => f.write_str("no systemd here: this machine was not started by it"),
            Self::Unreachable { flavour, message } => {
                write!(f, "the {flavour} manager of systemd does not answer: {message}")
            }
            Self::Refused { verb, message } => write!(f, "systemctl {verb} failed: {message}"),
            Self::Process(e) => write!(f, "systemctl {e}"),
        }
    }
}

impl std::error::Error for SystemdError {}

impl Systemctl {
    /// The manager of a flavour; whether it answers is not asked yet.
    ///
    /// # Errors
    /// If `systemctl` is not installed.
    pub fn find(flavour: &Flavour) -> Result<Self, SystemdError> {
        let path = paths::var("PATH").unwrap_or_default();
        let program =
            paths::find_program(Path::new("systemctl"), &path.to_string_lossy()).ok_or(SystemdError::Missing)?;
        let mut env: Vec<(&'static str, OsString)> =
            vec![("PATH", path), ("LC_ALL", "C".into()), ("SYSTEMD_COLORS", "0".into()), ("TZ", "UTC".into())];
        for name in ["HOME", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"] {
            env.extend(paths::var(name).map(|value| (name, value)));
        }
        // `su` and `sudo` take it away; where the manager runs it is this one.
        let runtime = paths::var("XDG_RUNTIME_DIR").or_else(|| {
            let dir = PathBuf::from(format!("/run/user/{}", nix::unistd::geteuid()));
            dir.is_dir().then(|| dir.into_os_string())
        });
        env.extend(runtime.map(|dir| ("XDG_RUNTIME_DIR", dir)));
        Ok(Self { program, is_user: *flavour == Flavour::User, env, limit: LIMIT })
    }

    /// … of which no call may take longer than this.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    fn run(&self, args: &[&str]) -> Result<Said, SystemdError> {
        let mut words = vec![if self.is_user { "--user" } else { "--system" }, "--no-pager", "--no-ask-password"];
        words.extend(args);
        let env: Vec<(&str, &OsStr)> = self.env.iter().map(|(k, v)| (*k, v.as_os_str())).collect();
        process::feed(&self.program, &words, &env, Path::new("/"), "", self.limit).map_err(|e| match e {
            ProcessError::NotFound(_) => SystemdError::Missing,
            other => SystemdError::Process(other),
        })
    }

    fn ask(&self, args: &[&str]) -> Result<Said, SystemdError> {
        let said = self.run(args)?;
        if said.status == 0 {
            return Ok(said);
        }
        let message = last_line(&said.stderr);
        let verb = (*args.first().unwrap_or(&"")).to_owned();
        Err(SystemdError::Refused { verb, message })
    }

    /// A call that changes something: a step of the crash sweep before it and one after it.
    fn tell(&self, verb: &str, args: &[&str], units: &[String]) -> Result<(), SystemdError> {
        let mut words = vec![verb];
        words.extend(args);
        words.extend(units.iter().map(String::as_str));
        atomic::step("before systemctl");
        self.ask(&words)?;
        atomic::step("after systemctl");
        Ok(())
    }

    /// Whether the manager is there and answers.
    ///
    /// # Errors
    /// If it is not, with what is missing.
    pub fn check(&self) -> Result<(), SystemdError> {
        let said = self.run(&["is-system-running"])?;
        match said.stdout.trim() {
            "offline" => Err(SystemdError::NotBooted),
            "initializing" | "starting" | "running" | "degraded" | "maintenance" | "stopping" => Ok(()),
            _ => {
                let flavour = if self.is_user { "user" } else { "system" };
                Err(SystemdError::Unreachable { flavour, message: last_line(&said.stderr) })
            }
        }
    }

    /// What the manager knows of these units, and of all others whose names are ours.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn show(&self, names: &[&str]) -> Result<BTreeMap<String, Loaded>, SystemdError> {
        let properties = "--property=Id,LoadState,UnitFileState,ActiveState,SubState,NeedDaemonReload,Result,\
                          ExecMainStatus,ExecMainStartTimestamp,MainPID";
        let mut words = vec!["show", "--timestamp=us+utc", properties, "claude-failover-*"];
        // A template is no unit.
        words.extend(names.iter().filter(|name| !name.contains("@.")));
        Ok(answers::shown(&self.ask(&words)?.stdout))
    }

    /// When the timers run, by name.
    ///
    /// # Errors
    /// If the manager does not answer, or not in JSON: it is older than 252.
    pub fn timers(&self) -> Result<BTreeMap<String, Times>, SystemdError> {
        let said = self.ask(&["list-timers", "--all", "-o", "json", "claude-failover-*"])?;
        answers::timers(&said.stdout).ok_or_else(|| SystemdError::Refused {
            verb: "list-timers".to_owned(),
            message: "no JSON: systemd 252 or newer is needed".to_owned(),
        })
    }

    /// The environment of the manager, which every unit gets.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn variables(&self) -> Result<BTreeMap<String, String>, SystemdError> {
        Ok(answers::variables(&self.ask(&["show-environment"])?.stdout))
    }

    /// What a unit hands to its program, by its file and whatever was added to that; `None` if there is no such unit.
    ///
    /// # Errors
    /// If `systemctl` cannot be run.
    pub fn handed(&self, unit: &str) -> Result<Option<Handed>, SystemdError> {
        match self.ask(&["cat", unit]) {
            Ok(said) => Ok(Some(answers::handed(&said.stdout))),
            Err(SystemdError::Refused { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Reads all files again; what runs goes on.
    ///
    /// # Errors
    /// If the manager refuses.
    pub fn reload(&self) -> Result<(), SystemdError> {
        self.tell("daemon-reload", &[], &[])
    }

    /// Starts these now and at each start of the manager. What is active already is not touched.
    ///
    /// # Errors
    /// If one cannot be.
    pub fn enable_now(&self, units: &[String]) -> Result<(), SystemdError> {
        self.tell("enable", &["--now", "--quiet"], units)
    }

    /// No longer starts these by themselves; with `now` also stops them.
    ///
    /// # Errors
    /// If one cannot be.
    pub fn disable(&self, units: &[String], now: bool) -> Result<(), SystemdError> {
        self.tell("disable", if now { &["--now", "--quiet"] } else { &["--quiet"] }, units)
    }

    /// Stops a unit.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn stop(&self, unit: &str) -> Result<(), SystemdError> {
        self.tell("stop", &[], &[unit.to_owned()])
    }

    /// Forgets that units have failed.
    ///
    /// # Errors
    /// If the manager refuses.
    pub fn reset_failed(&self, units: &[String]) -> Result<(), SystemdError> {
        self.tell("reset-failed", &[], units)
    }

    /// Forgets when a timer has last run.
    ///
    /// # Errors
    /// If the manager refuses: the timer is still active.
    pub fn forget_stamp(&self, timer: &str) -> Result<(), SystemdError> {
        self.tell("clean", &["--what=state"], &[timer.to_owned()])
    }
}

fn last_line(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it did not say why").to_owned()
}

/// The files of a directory of units whose names are ours, with their texts. What cannot be read is there, and not ours.
///
/// # Errors
/// If the directory is there and cannot be listed.
pub fn unit_files(dir: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => other?,
    };
    let text = |path: &Path| -> Option<String> {
        // A link leads to a file of somebody's, or is a mask.
        path.symlink_metadata().ok().filter(|meta| meta.is_file() && meta.len() <= MAX_BYTES)?;
        std::fs::read_to_string(path).ok()
    };
    let ours = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|name| is_our_name(name))?;
        Some((name, text(&entry.path()).unwrap_or_default()))
    };
    Ok(entries.flatten().filter_map(ours).collect())
}

/// Whether the manager of a user lives on when the user logs out.
#[must_use]
pub fn lingers(user: &str) -> bool {
    Path::new("/var/lib/systemd/linger").join(user).exists()
}
