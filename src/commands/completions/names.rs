//! The names that there are: from the configuration if it can be read, and from the state directory and the
//! queues by the names of the files alone.

use clap::CommandFactory;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::values::{ALL, Kind};
use crate::commands::task;
use crate::config::Project;
use crate::env::{Env, Global};
use crate::model::front_matter::Priority;
use crate::model::guard::rules;
use crate::model::name::TaskId;
use crate::model::queue::Place;
use crate::sys::paths::{self, Roots};
use crate::sys::queue;
use crate::sys::store::Store;

/// Tells a shell's script that files belong here: it completes them as that shell does.
const FILES: &str = "<files>";

/// Looks names up, for a line that has come so far.
pub(super) struct Names {
    global: Global,
    before: Vec<String>,
    env: OnceLock<Option<Env>>,
}

/// A value, and a word about it.
type Value = (String, String);

impl Names {
    pub(super) fn new(global: &Global, before: &[OsString]) -> Self {
        let before: Vec<String> = before.iter().map(|word| plain(&word.to_string_lossy())).collect();
        let path = |flag| value_of(&before, flag, None).map(|text| PathBuf::from(at_home(text)));
        let mut global = global.clone();
        global.config = path("--config").or(global.config);
        global.state_dir = path("--state-dir").or(global.state_dir);
        Self { global, before, env: OnceLock::new() }
    }

    /// Everything that a value of this kind can be; `qualified` tasks are written with their project.
    pub(super) fn values(&self, kind: Kind, qualified: bool) -> Vec<Value> {
        let plain = |values: Vec<&str>| values.into_iter().map(|v| (v.to_owned(), String::new())).collect();
        match kind {
            Kind::Session => [self.dedicated(), self.pool()].concat(),
            Kind::PoolSession => self.pool(),
            Kind::Account => self.accounts(),
            Kind::Project => {
                self.projects().into_iter().map(|p| (p.name.to_string(), "project".to_owned())).collect()
            }
            Kind::Task(places) => self.tasks(places, qualified, false),
            Kind::Dependency => self.tasks(ALL, qualified, true),
            Kind::Name => [Kind::Session, Kind::Account, Kind::Project, Kind::Task(ALL)]
                .into_iter()
                .flat_map(|kind| self.values(kind, qualified))
                .collect(),
            Kind::Target => {
                let targets = self.env().map(|env| env.config.notify.targets.as_slice()).unwrap_or_default();
                plain(targets.iter().map(|t| t.name.as_str()).collect())
            }
            Kind::Rule => rules::all().map(|rule| (rule.id.to_owned(), rule.title.to_owned())).collect(),
            Kind::Priority => {
                use Priority::{Critical, Default, High, Low};
                plain([Critical, High, Default, Low].map(Priority::as_str).to_vec())
            }
            Kind::Command => {
                let line = crate::cli::Cli::command();
                plain(line.get_subcommands().filter(|c| !c.is_hide_set()).map(clap::Command::get_name).collect())
            }
            Kind::Path => plain(vec![FILES]),
        }
    }

    /// The configuration as it is; nothing is made or written, nobody is asked.
    fn env(&self) -> Option<&Env> {
        self.env.get_or_init(|| Env::of_machine(&self.global).ok()).as_ref()
    }

    /// The state directory, even under a configuration that cannot be read.
    fn store(&self) -> Option<Store> {
        self.env().map(|env| env.store.clone()).or_else(|| {
            let roots = Roots::from_env().ok()?;
            Some(Store::at(&roots.state_dir(self.global.state_dir.as_deref(), None)))
        })
    }

    fn dedicated(&self) -> Vec<Value> {
        let dedicated = self.env().map(|env| env.config.dedicated.as_slice()).unwrap_or_default();
        dedicated.iter().map(|d| (d.name.to_string(), "dedicated".to_owned())).collect()
    }

    fn pool(&self) -> Vec<Value> {
        let mut names = self.store().map(|store| store.session_names()).unwrap_or_default();
        names.retain(|name| self.env().is_none_or(|env| env.config.dedicated(name).is_none()));
        names.into_iter().map(|name| (name.to_string(), "pool".to_owned())).collect()
    }

    fn accounts(&self) -> Vec<Value> {
        let names = match self.env() {
            Some(env) => env.config.accounts.iter().map(|a| a.name.clone()).collect(),
            None => self.store().map(|store| store.account_names()).unwrap_or_default(),
        };
        names.into_iter().map(|name| (name.to_string(), "account".to_owned())).collect()
    }

    fn projects(&self) -> Vec<Project> {
        self.env().map(|env| queue::projects(&env.config)).unwrap_or_default()
    }

    /// An id alone where it is enough, else `project:id`.
    fn tasks(&self, places: &[Place], qualified: bool, dependency: bool) -> Vec<Value> {
        let projects = self.projects();
        let named = value_of(&self.before, "--project", Some("-p"));
        let home = match named {
            Some(text) => {
                projects.iter().find(|p| p.name.as_str() == text || *p.path == *Path::new(&at_home(text)))
            }
            None => task::around(&projects).ok().flatten(),
        };
        let mut all: Vec<(&Project, TaskId, Place)> = Vec::new();
        for project in &projects {
            if named.is_some() && !dependency && home.is_none_or(|home| home.name != project.name) {
                continue;
            }
            let of_places = queue::ids(&project.path).into_iter().filter(|(_, place)| places.contains(place));
            all.extend(of_places.map(|(id, place)| (project, id, place)));
        }
        let mut times = std::collections::HashMap::new();
        for (_, id, _) in &all {
            *times.entry(id).or_insert(0) += 1;
        }
        let written = |(project, id, place): &(&Project, TaskId, Place)| {
            let is_home = home.is_some_and(|home| home.name == project.name);
            let is_clear = home.is_none() && !dependency && times.get(id) == Some(&1);
            let value = match !qualified && (is_home || is_clear) {
                true => id.to_string(),
                false => format!("{}:{id}", project.name),
            };
            (value, place.as_str().to_owned())
        };
        all.iter().map(written).collect()
    }
}

/// A word without the quotes with which it was typed.
fn plain(word: &str) -> String {
    match shlex::split(word).as_deref() {
        Some([one]) => one.clone(),
        _ => word.to_owned(),
    }
}

/// A path of which the shell has not made the home yet.
fn at_home(text: &str) -> String {
    let home = || Some(paths::var("HOME")?.to_string_lossy().into_owned());
    ["~/", "$HOME/", "${HOME}/"]
        .iter()
        .find_map(|start| Some(format!("{}/{}", home()?, text.strip_prefix(start)?)))
        .unwrap_or_else(|| text.to_owned())
}

/// The value that an option was given last.
fn value_of<'w>(words: &'w [String], long: &str, short: Option<&str>) -> Option<&'w str> {
    let glued = |word: &'w String| word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
    let apart = |word: &String| word == long || short.is_some_and(|short| word == short);
    (0..words.len())
        .rev()
        .find_map(|i| {
            glued(&words[i]).or_else(|| apart(&words[i]).then(|| words.get(i + 1)).flatten().map(String::as_str))
        })
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_an_option_counts() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |text, long, short| value_of(&words(text), long, short).map(str::to_owned);
        assert_eq!(of("cf --config a task -p app done", "--project", Some("-p")).as_deref(), Some("app"));
        assert_eq!(of("cf --config a --config=b", "--config", None).as_deref(), Some("b"));
        assert_eq!(of("cf --config", "--config", None), None);
        assert_eq!(of("cf --config=", "--config", None), None);
        assert_eq!(plain("'a b'"), "a b");
        assert_eq!(plain("'a"), "'a");
    }
}
