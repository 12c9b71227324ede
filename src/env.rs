//! What a command runs in: the time, the configuration, the state, the output. Built once.

use anyhow::{Result, anyhow};
use jiff::{Timestamp, tz::TimeZone};
use std::path::{Path, PathBuf};

use crate::config::{self, Config, LoadInputs};
use crate::error::Mark;
use crate::model::name::{AccountName, SessionName};
use crate::model::notify::Event;
use crate::model::notify::record::TargetRecord;
use crate::model::session::{PoolSession, SessionRecord};
use crate::output::Output;
use crate::sys::guard_policy;
use crate::sys::journald;
use crate::sys::paths::{self, Roots};
use crate::sys::store::{Locked, LogEntry, Store};
use crate::sys::{clock, tmux::Tmux};

/// Flags that every command takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Global {
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", env = "CLAUDE_FAILOVER_CONFIG")]
    pub config: Option<PathBuf>,
    /// State directory
    #[arg(long, global = true, value_name = "DIR", env = "CLAUDE_FAILOVER_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Print one JSON object, errors included
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more on stderr: -v what changed, -vv why
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say less; `status -q` prints the number of things that need a person
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What a command runs in.
#[derive(Debug)]
pub struct Env {
    /// When the command began.
    pub now: Timestamp,
    /// The zone in which people read times.
    pub zone: TimeZone,
    /// The resolved configuration.
    pub config: Config,
    /// Where it was read from.
    pub config_path: PathBuf,
    /// The state directory.
    pub store: Store,
    /// How to write.
    pub out: Output,
    /// Whether only the plan is asked for.
    pub dry_run: bool,
    /// Through what the run was asked for, where that was no command line: stands in the log and in tasks.
    pub origin: Option<&'static str>,
    /// This program, for the hooks and prompts of the sessions that it launches.
    pub program: PathBuf,
}

impl Env {
    /// Reads configuration and environment, opens the state directory.
    ///
    /// # Errors
    /// If the configuration is invalid or the state directory cannot be used.
    pub fn new(global: &Global) -> Result<Self> {
        let roots = Roots::from_env()?;
        // Looked at before it is read, so that what is read is no older.
        let path = config_path(&roots, global)?;
        let source = guard_policy::Source::of(&path, &roots.home);
        let (config, config_path) = load(&roots, global, false)?;
        for warning in config.warnings.iter().chain(&config.absent) {
            log::info!("{warning}");
        }
        let dir = roots.state_dir(global.state_dir.as_deref(), config.state_dir.as_deref());
        let dir = paths::absolute_path(&dir)?;
        let store = Store::open(&dir)?;
        let env = Self::around(config, config_path, store, global)?;
        if let Some(source) = source
            && let Err(e) = guard_policy::refresh(&dir, &env.config, &source, &env.program)
        {
            log::warn!("{e:#}");
        }
        Ok(env)
    }

    /// With a configuration that was read already, and a state directory that need not be there.
    ///
    /// # Errors
    /// If it cannot be told which program this is.
    pub fn around(config: Config, config_path: PathBuf, store: Store, global: &Global) -> Result<Self> {
        Ok(Self {
            now: clock::now(),
            zone: TimeZone::system(),
            config,
            config_path,
            store,
            out: Output { json: global.json, quiet: global.quiet },
            dry_run: false,
            origin: None,
            program: paths::this_program()?,
        })
    }

    /// With nothing but the targets of the last configuration that was valid, to tell that this one is not; `None`
    /// where none were kept.
    ///
    /// # Errors
    /// If the state directory or what was kept cannot be used.
    pub fn of_last_targets(global: &Global) -> Result<Option<Self>> {
        let roots = Roots::from_env()?;
        // What the configuration says of it cannot be known.
        let dir = paths::absolute_path(&roots.state_dir(global.state_dir.as_deref(), None))?;
        if !Store::at(&dir).is_laid_out() {
            return Ok(None);
        }
        let store = Store::open(&dir)?;
        let Some(text) = store.last_targets()? else { return Ok(None) };
        let config = Config::of_targets(&text, &roots.home)?;
        Ok(Some(Self {
            now: clock::now(),
            zone: TimeZone::system(),
            config,
            config_path: PathBuf::new(),
            store,
            out: Output { json: global.json, quiet: global.quiet },
            dry_run: false,
            origin: None,
            program: paths::this_program()?,
        }))
    }

    /// Like [`Self::new`], for what root does to the machine on behalf of the user whose state directory it is:
    /// nothing is written into that.
    ///
    /// # Errors
    /// If the configuration is invalid.
    pub fn of_machine(global: &Global) -> Result<Self> {
        Self::of_user(global, &Roots::from_env()?)
    }

    /// … with the places of that user instead of the environment's.
    ///
    /// # Errors
    /// If the configuration is invalid.
    pub fn of_user(global: &Global, roots: &Roots) -> Result<Self> {
        let (config, config_path) = load(roots, global, false)?;
        let dir = roots.state_dir(global.state_dir.as_deref(), config.state_dir.as_deref());
        Self::around(config, config_path, Store::at(&paths::absolute_path(&dir)?), global)
    }

    /// The wrapper of the configured tmux.
    #[must_use]
    pub fn tmux(&self) -> Tmux {
        let t = &self.config.tmux;
        let socket = match &t.socket {
            config::TmuxSocket::Name(name) => crate::sys::tmux::Socket::Name(name.clone()),
            config::TmuxSocket::Path(path) => crate::sys::tmux::Socket::Path(path.clone()),
        };
        let timeout = t.timeout.try_into().unwrap_or(std::time::Duration::from_secs(10));
        Tmux::new(t.program.clone(), socket, t.config.clone(), t.columns, t.rows, timeout)
    }

    /// The session as one that may be typed into and ended; `None` for the operator's own.
    #[must_use]
    pub fn pool(&self, record: &SessionRecord) -> Option<PoolSession> {
        PoolSession::of(record, self.config.dedicated(&record.name).is_some())
    }

    /// Nobody starts or ends the client of a session that a switch holds.
    ///
    /// # Errors
    /// If one does.
    pub fn not_being_moved(&self, session: &SessionName) -> Result<()> {
        match self.store.journal() {
            Ok(Some(journal)) if journal.holds(session) => {
                Err(anyhow!("session `{session}` is being moved to account `{}`", journal.to))
                    .hint("`claude-failover watch` carries an interrupted switch on")
            }
            _ => Ok(()),
        }
    }

    /// The account on which new sessions start: where the last switch went, unless the configuration
    /// was changed since, or does not have that account any more.
    #[must_use]
    pub fn active(&self) -> AccountName {
        let configured = &self.config.active_account;
        match self.store.active() {
            Ok(Some(active))
                if active.configured == *configured && self.config.account(&active.account).is_some() =>
            {
                active.account
            }
            Ok(_) => configured.clone(),
            Err(e) => {
                log::warn!("{e:#}; new sessions start on `{configured}`");
                configured.clone()
            }
        }
    }

    /// Why something is done that was asked for.
    #[must_use]
    pub fn asked(&self) -> String {
        match self.origin {
            None => "a person asked for it".to_owned(),
            Some(origin) => format!("asked for through `{origin}`"),
        }
    }

    /// Notes a change in the log, at the time it was made, and tells people of it if it is an event.
    pub fn note(&self, entry: &LogEntry<'_>) {
        self.tell(entry);
        // The journal is told by the store, with fields; not by a plain line as well.
        if !journald::is_on() {
            log::info!(
                "{}: {}{} ({})",
                entry.command,
                entry.what,
                entry.session.map(|s| format!(" `{s}`")).unwrap_or_default(),
                entry.why
            );
        }
        let origin = entry.origin.or(self.origin);
        self.store.note(clock::now(), &LogEntry { origin, ..entry.clone() });
    }

    /// Tells people of an event without a line in the log: of what was seen, where nothing was changed.
    pub fn tell(&self, entry: &LogEntry<'_>) {
        let Some(event) = entry.event(clock::now()) else { return };
        // It lasts: that it was told counts from now on, however long ago that was.
        let renews = |r: &TargetRecord| r.clone().renews(&event.id, event.at);
        let targets = self.config.notify.targets.iter().map(|t| t.name.as_str());
        let old: Vec<&str> = targets.filter(|name| self.store.target(name).is_ok_and(|r| renews(&r))).collect();
        if old.is_empty() && self.wanted(entry).is_none() {
            return;
        }
        match self.store.lock() {
            Ok(mut locked) => {
                self.post(&mut locked, entry);
                for name in old {
                    if let Err(e) = locked.update_target(name, |r| r.renews(&event.id, event.at)) {
                        log::warn!("target `{name}` may be told of it again: {e:#}");
                    }
                }
            }
            Err(e) => log::warn!("nobody is told of it: {e:#}"),
        }
    }

    /// Puts an event into the outbox, for `notify` to send: nothing is sent here. Called before the step of a
    /// change behind which a run that is killed is not repeated; [`Self::note`] behind that finds it there already.
    /// What cannot be put there is told, and keeps nobody from his work.
    pub fn post(&self, locked: &mut Locked<'_>, entry: &LogEntry<'_>) {
        let Some(event) = self.wanted(entry) else { return };
        match locked.post(&event) {
            Ok(true) => self.store.kick("notify"),
            Ok(false) => {}
            Err(e) => log::warn!("nobody is told of it: {e:#}"),
        }
    }

    /// The event of a line of the log, if there is one, for the targets that are to be told of it and were not yet.
    fn wanted(&self, entry: &LogEntry<'_>) -> Option<Event> {
        let mut event = entry.event(clock::now())?;
        // What cannot be read was told nothing, as far as we know.
        let is_open = |name: &str| self.store.target(name).map_or(true, |r| !r.is_through_with(&event.id));
        let concerned = self.config.notify.targets.iter().filter(|t| t.policy.concerns(&event));
        event.targets = concerned.map(|t| t.name.clone()).filter(|name| is_open(name)).collect();
        (!event.targets.is_empty()).then_some(event)
    }
}

/// Finds and reads the configuration; `strict` also asks for every directory that it names.
///
/// # Errors
/// If there is none, or it is invalid.
pub fn load(roots: &Roots, global: &Global, strict: bool) -> Result<(Config, PathBuf)> {
    let path = config_path(roots, global)?;
    let config = config::load(&path, &LoadInputs { home: &roots.home, strict })?;
    Ok((config, path))
}

/// Where the configuration is, or should be.
///
/// # Errors
/// If there is none.
pub fn config_path(roots: &Roots, global: &Global) -> Result<PathBuf> {
    paths::absolute_path(&roots.config_file(global.config.as_deref())?)
}

/// Time in the zone of the person who reads it.
#[must_use]
pub fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A path with the home shortened to `~`, for tables.
#[must_use]
pub fn short(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}
