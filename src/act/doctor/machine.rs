//! Gathers for [`crate::model::doctor::machine`].

use super::Around;
use crate::act::deploy;
use crate::model::doctor::machine::{Facts, LOCALE, Room, findings};
use crate::model::finding::Finding;
use crate::sys::{clock, machine, paths, queue};

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let mut rooms: Vec<Room> = Vec::new();
    let mut seen = Vec::new();
    let mut add = |what: &str, path: &std::path::Path| {
        let device = machine::device(path);
        if device.is_none() || seen.contains(&device) {
            return;
        }
        seen.push(device);
        rooms.extend(machine::room(what, path));
    };
    add("state", around.store.root());
    if let Ok(env) = &around.env {
        for project in queue::projects(&env.config).iter().filter(|p| p.path.is_dir()) {
            add(&format!("project {}", project.name), &project.path);
        }
        for account in &env.config.accounts {
            add(&format!("account {}", account.name), &account.home);
        }
    }
    let program = paths::this_program().ok();
    let given = around.env.as_ref().ok().and_then(|env| {
        let set = &env.config.client.env;
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| set.get(name)).map(String::as_str)
    });
    findings(&Facts {
        now: around.now,
        latest: around.store.latest(),
        synchronised: clock::is_synchronised(),
        rooms,
        locale: given.unwrap_or(LOCALE).to_owned(),
        locales: machine::locales(),
        missing_programs: match &around.env {
            Ok(env) if deploy::programs(env).is_err() => vec!["timeout"],
            _ => Vec::new(),
        },
        program_gone: program.filter(|path| !path.exists()),
    })
}
