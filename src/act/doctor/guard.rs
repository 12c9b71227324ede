//! Gathers for [`crate::model::doctor::guard`].

use std::path::Path;

use super::Around;
use crate::act::self_test::{self, Entry};
use crate::act::{arm, deploy};
use crate::config::Project;
use crate::env::Env;
use crate::error::messages_of;
use crate::model::deploy::entry::{self, Parts};
use crate::model::doctor::guard::{self, Facts, findings};
use crate::model::finding::Finding;
use crate::sys::{guard_policy, managed, queue};

/// So many projects are tried at once.
const AT_ONCE: usize = 4;

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let Ok(env) = &around.env else { return Vec::new() };
    if !env.config.guard_deploy {
        return findings(&Facts::default());
    }
    let all: Vec<Project> = queue::projects(&env.config).into_iter().filter(|p| p.path.is_dir()).collect();
    let compiled = guard_policy::compiled_from(env.store.root());
    findings(&Facts {
        on: true,
        obstacles: obstacles(env, &all),
        overlay: overlay(env),
        projects: projects(env, &all),
        managed: installed(env),
        other_policy: compiled.filter(|path| *path != env.config_path && path.exists()),
        policy: guard_policy::path(env.store.root()),
        tampered: tampered(env),
    })
}

/// What keeps every hook from running, for any account in any project. What stands in a project's own files is
/// told with the project.
fn obstacles(env: &Env, projects: &[Project]) -> Vec<String> {
    let mut found = Vec::new();
    let elsewhere = Path::new("/nonexistent");
    let places = projects.iter().map(|p| p.path.as_path()).chain([elsewhere]);
    for place in places {
        for account in env.config.accounts.iter().filter(|a| !a.disabled) {
            for why in arm::obstacles(env, account, place) {
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
    }
    found
}

fn said(e: &anyhow::Error) -> String {
    messages_of(e).join(": ")
}

/// The entry that every session carries.
fn overlay(env: &Env) -> Option<String> {
    let entry = |command| Entry { what: "the entry of a session's overlay".into(), command, script: None };
    let tried = arm::session_command(env, "doctor", None)
        .and_then(|command| self_test::run(env, &entry(command), Path::new("/")));
    tried.err().map(|e| said(&e))
}

fn projects(env: &Env, all: &[Project]) -> Vec<guard::Project> {
    let wanted: Vec<&Project> = all.iter().filter(|p| p.guard_deploy).collect();
    let mut found = Vec::new();
    for some in wanted.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|project| scope.spawn(|| one(env, project))).collect();
            found.extend(running.into_iter().filter_map(|r| r.join().ok()));
        });
    }
    found
}

fn one(env: &Env, project: &Project) -> guard::Project {
    let checked = deploy::check(env, &project.path, true);
    let real = project.path.canonicalize().unwrap_or_else(|_| project.path.clone());
    let (faults, unproved) = match checked {
        Ok(checked) => (Ok(checked.faults), checked.proof.err().map(|e| said(&e))),
        Err(e) => (Err(said(&e)), None),
    };
    guard::Project {
        name: project.name.to_string(),
        path: project.path.clone(),
        // A record that cannot be read is one of something that was put there.
        deployed: !matches!(env.store.deployed(&real), Ok(None)),
        faults,
        unproved,
    }
}

fn installed(env: &Env) -> Option<Result<(), String>> {
    let command = managed::installed()?;
    let wanted = deploy::programs(env).ok().and_then(|(program, timeout)| {
        entry::managed_command(&Parts { program: &program, timeout: &timeout, state: env.store.root() })
    });
    if wanted.as_ref() != Some(&command) {
        return Some(Err(format!("it is not what this program writes: `{}`", managed::ours().display())));
    }
    let entry = Entry { what: "the machine's entry".into(), command, script: None };
    Some(self_test::run(env, &entry, Path::new("/")).map_err(|e| said(&e)))
}

/// Sessions whose guard was found broken, by `watch` or now.
fn tampered(env: &Env) -> Vec<(String, String)> {
    let sessions = env.store.sessions().unwrap_or_default();
    let live = sessions.records.iter().filter(|r| r.client.is_some());
    live.filter_map(|record| {
        let known = record.armed.as_ref().and_then(|armed| armed.broken.clone());
        let why = known.or_else(|| match arm::look(env, record) {
            arm::Look::Broken(why) => Some(why),
            _ => None,
        })?;
        Some((record.name.to_string(), why))
    })
    .collect()
}
