//! Where configuration and state lie, and the only reading of the environment.
#![expect(clippy::disallowed_methods, reason = "this is the module the lint points to")]

use anyhow::{Result, anyhow};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Exit, Mark};

/// The roots that the environment names.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `$HOME`.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: PathBuf,
    /// `$XDG_STATE_HOME`, else `~/.local/state`.
    pub state_home: PathBuf,
    /// `$STATE_DIRECTORY`, as systemd sets it for a unit.
    pub state_directory: Option<PathBuf>,
}

fn absolute(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(var(name)?);
    path.is_absolute().then_some(path)
}

/// A variable of the environment, if it is set and not empty.
#[must_use]
pub fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|v| !v.is_empty())
}

/// The names of all variables of the environment that are set to something.
#[must_use]
pub fn variable_names() -> Vec<String> {
    std::env::vars_os().filter(|(_, v)| !v.is_empty()).filter_map(|(name, _)| name.into_string().ok()).collect()
}

impl Roots {
    /// Reads the environment.
    ///
    /// # Errors
    /// If `HOME` is not an absolute path.
    pub fn from_env() -> Result<Self> {
        let home = absolute("HOME")
            .ok_or_else(|| anyhow!("HOME is not set to an absolute path"))
            .hint("set HOME, as a login or `User=` in a unit does")
            .exit(Exit::Config)?;
        Ok(Self {
            config_home: absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            state_home: absolute("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state")),
            // systemd gives a colon-separated list when a unit names several.
            state_directory: var("STATE_DIRECTORY")
                .and_then(|v| v.to_str().and_then(|s| s.split(':').next()).map(PathBuf::from))
                .filter(|p| p.is_absolute()),
            home,
        })
    }

    /// The places of another user, of whose environment nothing is known but the home.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            config_home: home.join(".config"),
            state_home: home.join(".local/state"),
            state_directory: None,
        }
    }

    /// The configuration file: the one asked for, else the first that exists.
    ///
    /// # Errors
    /// If there is none.
    pub fn config_file(&self, asked: Option<&Path>) -> Result<PathBuf> {
        if let Some(path) = asked {
            return Ok(path.to_owned());
        }
        let user = self.config_home.join("claude-failover/config.yaml");
        let system = PathBuf::from("/etc/claude-failover/config.yaml");
        if user.exists() {
            return Ok(user);
        }
        if system.exists() {
            return Ok(system);
        }
        Err(anyhow!("no configuration file: `{}`", user.display()))
            .hint("`claude-failover init` writes one; or name another with `--config`")
            .exit(Exit::Config)
    }

    /// The state directory, in the documented order.
    #[must_use]
    pub fn state_dir(&self, asked: Option<&Path>, configured: Option<&Path>) -> PathBuf {
        asked
            .map(Path::to_owned)
            .or_else(|| self.state_directory.clone())
            .or_else(|| configured.map(Path::to_owned))
            .unwrap_or_else(|| self.state_home.join("claude-failover"))
    }
}

/// The name of this machine; `unknown` if it has none that can be told.
#[must_use]
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// This program, by its absolute path.
///
/// # Errors
/// If the system does not tell.
pub fn this_program() -> Result<PathBuf> {
    let path = std::env::current_exe().map_err(|e| anyhow!("could not find this program: {e}"))?;
    // After an upgrade in place the old file is gone and the kernel says so in the name.
    match path.to_str().and_then(|s| s.strip_suffix(" (deleted)")) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Ok(path),
    }
}

/// A relative path of the command line, made absolute.
///
/// # Errors
/// If the working directory is gone.
pub fn absolute_path(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| anyhow!("could not make `{}` absolute: {e}", path.display()))
}

/// The program that a name of the configuration means, looked up in a `PATH`.
#[must_use]
pub fn find_program(program: &Path, path: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |p: &Path| p.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.is_absolute() {
        return runs(program).then(|| program.to_owned());
    }
    path.split(':').map(|dir| Path::new(dir).join(program)).find(|p| p.is_absolute() && runs(p))
}
