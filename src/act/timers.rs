//! The units of a pool: what they come to on this machine, and where they lie.

pub mod steps;

use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};

use crate::config::{Listen, Project, TmuxSocket};
use crate::env::Env;
use crate::error::{Mark, hinted};
use crate::model::timers::plan::Before;
use crate::model::timers::{self, Filling, Flavour, Intervals, Place, START_SERVER, Unit};
use crate::sys::systemd::{self, Systemctl, SystemdError};
use crate::sys::{paths, queue};

/// Whether the socket of `control` is among the units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// It is.
    Wanted,
    /// It is not.
    Unwanted,
    /// If it is there.
    AsItIs,
}

/// The units of a flavour, as they should be.
#[derive(Debug)]
pub struct Units {
    /// What is filled into them.
    pub place: Place,
    /// Where their files lie.
    pub dir: PathBuf,
    /// The units themselves.
    pub units: Vec<Unit>,
}

impl Units {
    /// What the configuration comes to.
    ///
    /// # Errors
    /// If tmux is not installed, or a unit cannot name one of the paths.
    pub fn of(env: &Env, flavour: Flavour) -> Result<Self> {
        Self::with(env, flavour, Control::AsItIs)
    }

    /// … with or without the socket of `control`.
    ///
    /// # Errors
    /// If tmux is not installed, or a unit cannot name one of the paths.
    pub fn with(env: &Env, flavour: Flavour, control: Control) -> Result<Self> {
        let dir = dir(&flavour)?;
        let place = place(env, flavour)?;
        let filling = Filling::of(&place)
            .map_err(|e| hinted(anyhow!("{e}"), "choose a path without a line break or backslash"))?;
        let control = match control {
            Control::Wanted => true,
            Control::Unwanted => false,
            Control::AsItIs => dir.join(timers::CONTROL).exists(),
        };
        Ok(Self { units: timers::units(&filling, control), place, dir })
    }

    /// Their manager.
    ///
    /// # Errors
    /// If there is none, or it does not answer.
    pub fn systemctl(&self) -> Result<Systemctl> {
        manager(&self.place.flavour).map_err(told)
    }

    /// What there is of them: the files, and what the manager knows.
    ///
    /// # Errors
    /// If the directory cannot be listed, or the manager does not answer.
    pub fn before(&self, systemctl: &Systemctl) -> Result<Before> {
        let files =
            systemd::unit_files(&self.dir).with_context(|| format!("could not list `{}`", self.dir.display()))?;
        let names: Vec<&str> = self.units.iter().map(|unit| unit.name).collect();
        Ok(Before { files, loaded: systemctl.show(&names).map_err(told)? })
    }

    /// Inboxes that no path unit watches.
    #[must_use]
    pub fn unwatched(&self) -> usize {
        self.place.inboxes.len().saturating_sub(timers::MOST_INBOXES)
    }
}

/// The manager of a flavour, if it answers.
///
/// # Errors
/// If there is none, or it does not.
pub fn manager(flavour: &Flavour) -> Result<Systemctl, SystemdError> {
    let systemctl = Systemctl::find(flavour)?;
    systemctl.check()?;
    Ok(systemctl)
}

/// Where the unit files of a flavour lie.
///
/// # Errors
/// If `HOME` is not set.
pub fn dir(flavour: &Flavour) -> Result<PathBuf> {
    Ok(match flavour {
        Flavour::User => paths::Roots::from_env()?.config_home.join("systemd/user"),
        Flavour::System { .. } => PathBuf::from("/etc/systemd/system"),
    })
}

/// An error of systemd with what to do about it.
#[must_use]
pub fn told(error: SystemdError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => hinted(error, hint),
        None => error.into(),
    }
}

/// A path as a unit names it.
///
/// # Errors
/// If it is not UTF-8.
pub fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("not UTF-8: `{}`", path.display()))
}

/// What is filled into the units, from the configuration.
fn place(env: &Env, flavour: Flavour) -> Result<Place> {
    let config = &env.config;
    let here = paths::var("PATH").unwrap_or_default().to_string_lossy().into_owned();
    // As the client's, and with the directories where tmux is for whoever installs it.
    let mut path = config.client.path.clone();
    let tmux = paths::find_program(&config.tmux.program, &path)
        .or_else(|| paths::find_program(&config.tmux.program, &here))
        .ok_or_else(|| anyhow!("tmux is not installed: `{}`", config.tmux.program.display()))
        .hint("install tmux 3.2 or newer, or set `tmux.program`")?;
    for dir in tmux.parent().map(text).transpose()?.into_iter().chain(["/usr/bin".into(), "/bin".into()]) {
        if !path.split(':').any(|part| part == dir) {
            path.push(':');
            path.push_str(&dir);
        }
    }
    let mut words = env.tmux().words(&START_SERVER);
    words[0] = text(&tmux)?;
    let socket_dir = match &config.tmux.socket {
        TmuxSocket::Path(path) => path.parent().map(text).transpose()?,
        TmuxSocket::Name(_) => None,
    };
    let inbox = |project: Project| text(&queue::Paths::of(&project.path).inbox());
    Ok(Place {
        flavour,
        program: text(&env.program)?,
        config: text(&env.config_path)?,
        state: text(env.store.root())?,
        path,
        tmux_tmpdir: paths::var("TMUX_TMPDIR").map(|dir| text(dir.as_ref())).transpose()?,
        tmux: words,
        socket_dir,
        listen: match &config.control.listen {
            None => None,
            Some(Listen::Path(path)) => Some(text(path)?),
            Some(Listen::Tcp(address)) => Some(address.to_string()),
        },
        inboxes: queue::projects(config).into_iter().map(inbox).collect::<Result<_>>()?,
        intervals: Intervals {
            dispatch: config.dispatch.interval,
            watch: config.watch.interval,
            quota_check: config.quota.interval,
            checkpoint: config.checkpoint.interval,
            ..Intervals::default()
        },
    })
}
