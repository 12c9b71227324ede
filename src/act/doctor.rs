//! Gathers what `doctor` judges, area by area, and carries its fixes out.
//!
//! Nothing is written by a look, and it works with what is there: a configuration that cannot be read, or a
//! state directory that cannot be used, is what is found. Each area is looked at in a thread of its own and
//! under one deadline, so that a disk or a program that hangs is a finding too, and hides no other.

pub mod fix;
mod guard;
mod machine;
mod notify;
mod sessions;
mod timers;

use anyhow::Result;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::config::Account;
use crate::env::{Env, Global};
use crate::error::{hints_of, messages_of};
use crate::model::account::AccountKind;
use crate::model::doctor::{client, configuration, state, tmux};
use crate::model::finding::{Finding, Severity};
use crate::model::home::findings::findings as of_accounts;
use crate::model::timers::Flavour;
use crate::sys::home::{self, gather};
use crate::sys::paths::{self, Roots};
use crate::sys::store::Store;
use crate::sys::tmux::TmuxError;
use crate::sys::{claude, clock, machine as host, managed, queue};

/// How long everything together may take.
const LIMIT: Duration = Duration::from_secs(40);

/// What a look rests on.
#[derive(Debug)]
pub struct Around {
    /// When it began.
    pub now: Timestamp,
    /// The configuration and what hangs on it, if it can be read.
    pub env: Result<Env>,
    /// Where a configuration is looked for.
    pub config_path: PathBuf,
    /// The state directory; not made, not opened.
    pub store: Store,
}

impl Around {
    /// Reads what there is.
    ///
    /// # Errors
    /// If the environment has no `HOME`.
    pub fn of(global: &Global) -> Result<Self> {
        let roots = Roots::from_env()?;
        let env = Env::of_machine(global);
        let fallback = roots.config_home.join("claude-failover/config.yaml");
        let config_path = roots.config_file(global.config.as_deref()).unwrap_or(fallback);
        let store = match &env {
            Ok(env) => env.store.clone(),
            Err(_) => Store::at(&paths::absolute_path(&roots.state_dir(global.state_dir.as_deref(), None))?),
        };
        Ok(Self { now: clock::now(), env, config_path: paths::absolute_path(&config_path)?, store })
    }

    /// The accounts that log in by a login or token of their own.
    fn with_login(&self) -> impl Iterator<Item = &Account> {
        let accounts = self.env.iter().flat_map(|env| &env.config.accounts);
        accounts.filter(|a| !a.disabled && matches!(a.kind, AccountKind::Subscription | AccountKind::Token))
    }
}

/// One area: its name, and how it is looked at and judged.
pub type Area = (&'static str, fn(&Around) -> Vec<Finding>);

/// The areas that are looked at here, in the order in which their findings are told.
pub const AREAS: [Area; 9] = [
    ("configuration", configuration_),
    ("state", state_),
    ("machine", machine::look),
    ("client", client_),
    ("accounts", accounts),
    ("tmux", tmux_),
    ("timers", timers::look),
    ("guard", guard::look),
    ("notify", notify::look),
];

/// Looks at everything. What does not answer in time is a finding of its own.
#[must_use]
pub fn look(around: &Arc<Around>, areas: &[Area]) -> Vec<Finding> {
    let (send, receive) = mpsc::channel();
    for (n, (_, area)) in areas.iter().enumerate() {
        let (send, around, area) = (send.clone(), Arc::clone(around), *area);
        std::thread::spawn(move || send.send((n, area(&around))));
    }
    drop(send);
    let watch = clock::Stopwatch::start();
    let mut answers: Vec<Option<Vec<Finding>>> = vec![None; areas.len()];
    while answers.iter().any(Option::is_none) {
        match receive.recv_timeout(LIMIT.saturating_sub(watch.elapsed())) {
            Ok((n, found)) => answers[n] = Some(found),
            Err(_) => break,
        }
    }
    let silent = |area: &str| {
        let message = format!("what belongs to `{area}` could not be looked at within {} s", LIMIT.as_secs());
        let remedy = "look what hangs: a disk, a mount, tmux, the client";
        vec![Finding::fault(area, "no-answer", message, remedy)]
    };
    answers.into_iter().zip(areas).flat_map(|(found, (area, _))| found.unwrap_or_else(|| silent(area))).collect()
}

fn configuration_(around: &Around) -> Vec<Finding> {
    use std::os::unix::fs::MetadataExt;
    let facts = match &around.env {
        Err(_) if around.config_path.symlink_metadata().is_err() => {
            configuration::Facts::Missing { path: around.config_path.display().to_string() }
        }
        Err(e) => configuration::Facts::Broken {
            messages: messages_of(e).iter().flat_map(|m| m.lines()).map(str::to_owned).collect(),
            hint: hints_of(e).first().map(|h| (*h).to_owned()),
        },
        Ok(env) => {
            let meta = env.config_path.metadata().ok();
            let us = nix::unistd::geteuid().as_raw();
            let projects = queue::projects(&env.config);
            let queues = projects.iter().filter(|p| p.path.is_dir()).filter_map(|p| {
                let inbox = queue::Paths::of(&p.path).inbox();
                (!inbox.is_dir()).then(|| (p.name.to_string(), inbox))
            });
            configuration::Facts::Read {
                path: env.config_path.clone(),
                foreign: meta.as_ref().map(MetadataExt::uid).filter(|uid| *uid != us && *uid != 0),
                mode: meta.map_or(0, |m| m.mode() & 0o7777),
                absent: env.config.absent.clone(),
                without_effect: env.config.warnings.clone(),
                queues: queues.collect(),
                has_projects: !projects.is_empty() || env.config.projects_dir.is_some(),
            }
        }
    };
    configuration::findings(&facts)
}

fn state_(around: &Around) -> Vec<Finding> {
    let root = around.store.root();
    let seen = around.store.inspect(|session| sessions::is_idle(around, session));
    // What a configuration that cannot be read says of it is not known.
    let allowed = around.env.as_ref().map_or(true, |env| env.config.allow_volatile_state);
    let exclusion = match around.store.locks_exclude() {
        // It is told that it is missing.
        _ if !seen.missing_locks.is_empty() || seen.unreadable.is_some() => state::Exclusion::Holds,
        Ok(true) => state::Exclusion::Holds,
        Ok(false) => state::Exclusion::Fails,
        Err(why) => state::Exclusion::Unknown(why),
    };
    state::findings(&state::Facts {
        root: root.to_owned(),
        place: home::place(root),
        volatile: host::volatile(root).filter(|_| !allowed),
        network: host::network(root),
        seen,
        exclusion,
    })
}

fn client_(around: &Around) -> Vec<Finding> {
    let Ok(env) = &around.env else { return Vec::new() };
    let config = &env.config;
    let found = paths::find_program(&config.client.program, &config.client.path);
    let active = env.active();
    let home = config.accounts.iter().find(|a| a.name == active).map_or(&config.home, |a| &a.home);
    let ask = |program: &PathBuf| claude::said_version(program, &config.client.path, &config.home, home);
    let said = found.as_ref().map_or_else(|| Err(String::new()), ask);
    let goes_on = config
        .accounts
        .iter()
        .filter(|a| a.kind == AccountKind::Subscription && !a.disabled && a.home.is_dir())
        .map(|a| {
            let settings = a.home.join("settings.json");
            let set = home::object(&settings).ok().and_then(|s| s.get("autoContinueAtUsageLimit")?.as_bool());
            (a.name.to_string(), settings, set)
        });
    client::findings(&client::Facts {
        program: config.client.program.clone(),
        path: config.client.path.clone(),
        found,
        said,
        goes_on: goes_on.collect(),
        variables: variables(around, env),
    })
}

/// Where variables stand that are taken before the logins of accounts.
fn variables(around: &Around, env: &Env) -> Vec<client::Variables> {
    if around.with_login().next().is_none() {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut add = |of: String, names: Vec<String>, reach: Severity, remedy: String| {
        let names: Vec<String> = names.into_iter().filter(|n| client::is_in_the_way(n)).collect();
        all.push(client::Variables { of, names, reach, remedy });
    };
    let tmux = env.tmux();
    let command = attach(env);
    if let Ok(Some(_)) = tmux.server() {
        let remedy = format!("{command} set-environment -g -u NAME");
        add("tmux server".into(), tmux.global_variables().unwrap_or_default(), Severity::Warning, remedy);
    }
    if let Ok(variables) = timers::manager(&Flavour::User).and_then(|systemctl| systemctl.variables()) {
        let names = variables.into_keys().collect();
        let remedy = "systemctl --user unset-environment NAME".to_owned();
        add("user manager".into(), names, Severity::Warning, remedy);
    }
    let projects = queue::projects(&env.config);
    let files = projects.iter().flat_map(|p| {
        super::deploy::SETTINGS.map(|name| (format!("project {}", p.name), p.path.join(".claude").join(name)))
    });
    for (of, path) in files.chain(managed::files().into_iter().map(|path| ("machine".to_owned(), path))) {
        let Ok(root) = home::object(&path) else { continue };
        let set = root.get("env").and_then(|e| e.as_object());
        let names = set.map(|e| e.keys().cloned().collect()).unwrap_or_default();
        add(of, names, Severity::Fault, format!("take `NAME` out of `env` in `{}`", path.display()));
    }
    // Sessions inherit nothing of it.
    add("this shell".into(), paths::variable_names(), Severity::Info, "unset NAME".to_owned());
    all
}

fn accounts(around: &Around) -> Vec<Finding> {
    let Ok(env) = &around.env else { return Vec::new() };
    of_accounts(around.now, &gather::facts(&env.config, &env.store, around.now))
}

/// The words with which a person reaches the server, as one line.
fn attach(env: &Env) -> String {
    let words: Vec<String> = env.tmux().command_line().into_iter().filter(|w| w != "-u").collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| "tmux".to_owned())
}

fn tmux_(around: &Around) -> Vec<Finding> {
    let Ok(env) = &around.env else { return Vec::new() };
    let tmux = env.tmux();
    let said = |e: &TmuxError| (e.to_string(), e.hint());
    let unusable = tmux.check_version().err().map(|e| said(&e));
    let server = match tmux.server() {
        _ if unusable.is_some() => tmux::Server::None,
        Ok(None) => tmux::Server::None,
        Ok(Some(pid)) => {
            let (cgroup, locale, replaced) = host::process_of(pid);
            tmux::Server::Runs(Box::new(tmux::Running { pid, cgroup, locale, replaced }))
        }
        Err(e) => {
            let (why, hint) = said(&e);
            tmux::Server::Silent { why, hint }
        }
    };
    tmux::findings(&tmux::Facts {
        program: env.config.tmux.program.clone(),
        unusable,
        missing_config: tmux.missing_config(),
        server,
        command: attach(env),
    })
}
