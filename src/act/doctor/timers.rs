//! Gathers for [`crate::model::doctor::systemd`].

use super::Around;
use crate::env::Env;
use crate::model::doctor::systemd::{Facts, Manager, Run, findings};
use crate::model::finding::Finding;
use crate::sys::{machine, paths, queue, user_manager};

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let user = machine::user();
    findings(&Facts {
        now: around.now,
        manager: manager(around),
        lingers: user_manager::is_booted().then(|| user_manager::lingers(&user)),
        user,
        runs: around.env.as_ref().map(runs).unwrap_or_default(),
    })
}

fn manager(around: &Around) -> Manager {
    if !user_manager::is_booted() {
        return Manager::None;
    }
    let asked = user_manager::variables().and_then(|variables| Ok((variables, user_manager::units()?)));
    let (variables, units) = match asked {
        Ok(asked) => asked,
        Err(why) => return Manager::Silent(why),
    };
    let path = variables.into_iter().find(|(name, _)| name == "PATH").map(|(_, value)| value).unwrap_or_default();
    let called = around.env.as_ref().map(|env| env.config.tmux.program.clone()).ok();
    // Our units name a PATH of their own; cron and what is started by hand do not.
    let not_in_path = called.into_iter().filter(|p| paths::find_program(p, &path).is_none()).collect();
    Manager::Answers { not_in_path, path, units }
}

fn runs(env: &Env) -> Vec<Run> {
    let sessions = env.store.sessions().unwrap_or_default();
    let busy = sessions.records.iter().any(|r| r.client.is_some());
    let waiting = queue::projects(&env.config).iter().any(|p| queue::has_waiting(&p.path));
    let run = |command, interval, wanted| Run { command, interval, last: env.store.last_run(command), wanted };
    vec![
        run("dispatch", env.config.dispatch.interval, waiting),
        run("watch", env.config.watch.interval, busy),
        run("quota-check", env.config.quota.interval, busy),
    ]
}
