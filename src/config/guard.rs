//! What is changed of the guard's built-in rules: `guard`, `projects[].guard`.

use std::path::{Path, PathBuf};

use super::Account;
use super::check::Faults;
use super::line::distance;
use super::schema::RawGuard;
use crate::model::guard::policy::{Effect, Policy};
use crate::model::guard::rules;
use crate::model::name::shown;

/// Rules by which the guard fails closed: they cannot be weakened.
const FIXED: [&str; 3] = ["input.unreadable", "input.limit", "shell.unparsed"];

pub(super) fn policy(at: &str, raw: &RawGuard, home: &Path, f: &mut Faults) -> Policy {
    for (id, effect) in &raw.rules {
        rule(&format!("{at}.rules.{id}"), id, *effect, f);
    }
    for (n, branch) in raw.branches.iter().enumerate() {
        let at = format!("{at}.branches.{n}");
        let bad = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
        if branch.is_empty() || branch.contains(bad) {
            f.add(at, format!("not the name of a branch: `{}`", shown(branch)));
        } else if branch.starts_with("refs/") {
            f.hinted(at, "a reference, not a branch", "write the name that `git branch` shows");
        }
    }
    for (n, program) in raw.sudo.iter().enumerate() {
        let bad = |c: char| c.is_whitespace() || c.is_control();
        if program.is_empty() || program.contains(bad) || (program.contains('/') && !program.starts_with('/')) {
            let at = format!("{at}.sudo.{n}");
            f.hinted(at, format!("not a program: `{}`", shown(program)), "write its name, or its absolute path");
        }
    }
    let mut paths = |key: &str, list: &[String]| -> Vec<PathBuf> {
        let path = |(n, text): (usize, &String)| f.path(&format!("{at}.{key}.{n}"), text, home);
        list.iter().enumerate().filter_map(path).collect()
    };
    Policy {
        paths: paths("paths", &raw.paths),
        exceptions: paths("exceptions", &raw.exceptions),
        rules: raw.rules.clone(),
        branches: raw.branches.clone(),
        sudo: raw.sudo.clone(),
        ..Policy::default()
    }
}

fn rule(at: &str, id: &str, effect: Effect, f: &mut Faults) {
    if FIXED.contains(&id) {
        if effect != Effect::Block {
            f.add(at, "cannot be weakened: by this rule the guard blocks what it cannot read");
        }
        return;
    }
    if rules::rule(id).is_some() {
        return;
    }
    let nearest = rules::all().map(|rule| (distance(id, rule.id), rule.id)).min();
    let what = format!("no rule of this name: `{}`", shown(id));
    match nearest {
        Some((away, known)) if away <= known.len() / 3 + 1 => {
            f.hinted(at, what, &format!("did you mean `{known}`?"));
        }
        _ => f.hinted(at, what, "`claude-failover guard rules` lists them"),
    }
}

/// What no exception may touch: configuration, state, the accounts' homes; each with what it is.
pub(super) fn closed(
    source: Option<&Path>,
    state_dir: Option<&Path>,
    own_home: &Path,
    accounts: &[Account],
) -> Vec<(PathBuf, &'static str)> {
    let default_state = own_home.join(".local/state/claude-failover");
    let mut all: Vec<(PathBuf, &'static str)> =
        vec![(state_dir.map_or(default_state, Path::to_owned), "the state directory")];
    all.extend(source.map(|path| (path.to_owned(), "this configuration")));
    all.extend(accounts.iter().map(|a| (a.home.clone(), "the home of an account")));
    all.extend(accounts.iter().filter_map(|a| Some((a.token_file.clone()?, "the token of an account"))));
    let real: Vec<_> = all.iter().filter_map(|(path, what)| Some((path.canonicalize().ok()?, *what))).collect();
    all.extend(real);
    all
}

pub(super) fn exceptions(at: &str, policy: &Policy, closed: &[(PathBuf, &'static str)], f: &mut Faults) {
    for (n, named) in policy.exceptions.iter().enumerate() {
        if named.components().any(|c| c == std::path::Component::ParentDir) {
            f.add(format!("{at}.exceptions.{n}"), "write it without `..`");
        }
        let real = named.canonicalize().unwrap_or_else(|_| named.clone());
        let touches = |path: &Path| [named, &real].iter().any(|e| path.starts_with(e) || e.starts_with(path));
        if let Some((_, what)) = closed.iter().find(|(path, _)| touches(path)) {
            f.add(format!("{at}.exceptions.{n}"), format!("no exception may hold {what}, or lie in it"));
        }
    }
}
