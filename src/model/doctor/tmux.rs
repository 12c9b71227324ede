//! tmux: the program, and where its server lives.

use std::path::PathBuf;

use crate::model::finding::Finding;

/// The server, by what it answered.
#[derive(Clone, Debug)]
pub enum Server {
    /// None runs: the first launch starts it.
    None,
    /// It answered.
    Runs(Box<Running>),
    /// It did not answer, or with an error.
    Silent {
        /// What came instead.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

/// A server that answered.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Its process.
    pub pid: i32,
    /// Its control group, as in `/proc/PID/cgroup`; `None` if it cannot be read.
    pub cgroup: Option<String>,
    /// Its locale, from its own environment: the first that is set of LC_ALL, LC_CTYPE, LANG.
    pub locale: Option<String>,
    /// Whether its program was replaced since it was started.
    pub replaced: bool,
}

/// What was seen of tmux.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The program as configured.
    pub program: PathBuf,
    /// Why it cannot be used, and what to do about it.
    pub unusable: Option<(String, Option<String>)>,
    /// A configuration file that is named and not there.
    pub missing_config: Option<PathBuf>,
    /// The server.
    pub server: Server,
    /// The words with which a person reaches it.
    pub command: String,
}

/// The unit in whose control group a process is: the innermost service or scope; `None` outside of systemd.
#[must_use]
pub fn unit_of(cgroup: &str) -> Option<&str> {
    let path = cgroup
        .lines()
        .find_map(|l| l.strip_prefix("0::"))
        .or_else(|| cgroup.lines().find_map(|l| l.split_once(":name=systemd:").map(|(_, path)| path)))?;
    path.rsplit('/').find(|part| part.ends_with(".service") || part.ends_with(".scope"))
}

/// The unit that is made for the server.
const OWN: &str = "claude-failover-tmux.service";

/// What is wrong with it.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some((why, hint)) = &facts.unusable {
        let remedy = hint.clone().unwrap_or_else(|| format!("look what `{} -V` says", facts.program.display()));
        found.push(Finding::fault("tmux", "tmux-unusable", why, remedy));
        return found;
    }
    if let Some(path) = &facts.missing_config {
        let message = format!("its configuration file is missing: `{}`", path.display());
        found.push(Finding::fault(
            "tmux",
            "tmux-config-missing",
            message,
            "bring it back, or take out `tmux.config`",
        ));
    }
    match &facts.server {
        Server::None => {}
        Server::Silent { why, hint } => {
            let remedy =
                hint.clone().unwrap_or_else(|| format!("look what `{} list-sessions` says", facts.command));
            found.push(Finding::fault(
                "tmux",
                "tmux-silent",
                format!("its server does not answer: {why}"),
                remedy,
            ));
        }
        Server::Runs(server) => running(facts, server, &mut found),
    }
    found
}

fn running(facts: &Facts, server: &Running, found: &mut Vec<Finding>) {
    let group = server.cgroup.as_deref().unwrap_or_default();
    let evidence = format!("process {}, control group {}", server.pid, group.trim());
    let restart =
        format!("when nothing is at work: `{} kill-server`, then `claude-failover watch`", facts.command);
    match unit_of(group) {
        // A login's own manager, and scopes of their own, do not end with a run.
        Some(unit) if unit.ends_with(".service") && unit != OWN && !unit.starts_with("user@") => {
            let message = format!("its server belongs to the unit `{unit}`: all sessions end when that does");
            found.push(Finding::fault("tmux", "tmux-in-service", message, restart).seen([evidence]));
        }
        Some(unit) if unit.starts_with("session-") => {
            let message = format!(
                "its server belongs to a login (`{unit}`): with KillUserProcesses= all sessions end at logout"
            );
            let remedy =
                "claude-failover timers install gives it a unit of its own, for the next start of the server";
            found.push(Finding::info("tmux", "tmux-in-login", message, remedy).seen([evidence]));
        }
        _ => {}
    }
    let plain = server.locale.as_deref().map(|l| l.to_ascii_lowercase().replace('-', ""));
    if plain.is_some_and(|l| !l.contains("utf8")) {
        let shown = server.locale.clone().unwrap_or_default();
        let message = format!("its server was started with the locale `{shown}`; our own calls ask for UTF-8");
        let remedy = format!("attach with `{} -u attach`", facts.command);
        found.push(Finding::info("locale", "tmux-locale", message, remedy));
    }
    if server.replaced {
        let message = "its program was replaced since the server was started: a newer client may be refused";
        found.push(Finding::info("tmux", "tmux-replaced", message, restart_later(facts)));
    }
}

fn restart_later(facts: &Facts) -> String {
    format!("nothing as long as it works; else `{} kill-server` when nothing is at work", facts.command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{self, Fault, Info};

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
        let mut facts = Facts {
            program: "tmux".into(),
            unusable: None,
            missing_config: None,
            server: Server::None,
            command: "tmux -L x".into(),
        };
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity)).collect()
    }

    fn in_group(cgroup: &str) -> Server {
        Server::Runs(Box::new(Running { pid: 7, cgroup: Some(cgroup.into()), ..Running::default() }))
    }

    #[test]
    fn a_server_that_ends_with_a_run_is_found() {
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice";
        let cases: [(String, &[(&str, Severity)]); 7] = [
            (format!("{user}/claude-failover-dispatch.service\n"), &[("tmux-in-service", Fault)]),
            ("0::/system.slice/cron.service\n".into(), &[("tmux-in-service", Fault)]),
            (format!("{user}/{OWN}\n"), &[]),
            (format!("{user}/run-r7.scope\n"), &[]),
            ("0::/user.slice/user-0.slice/session-1.scope\n".into(), &[("tmux-in-login", Info)]),
            ("12:pids:/x\n1:name=systemd:/system.slice/x.service\n".into(), &[("tmux-in-service", Fault)]),
            ("0::/\n".into(), &[]),
        ];
        for (group, want) in cases {
            assert_eq!(found(|f| f.server = in_group(&group)), want, "{group}");
        }
    }

    #[test]
    fn each_other_fault_is_found() {
        assert_eq!(found(|_| {}), []);
        let silent = Server::Silent { why: "hangs".into(), hint: None };
        assert_eq!(found(|f| f.server = silent), [("tmux-silent", Fault)]);
        assert_eq!(found(|f| f.unusable = Some(("old".into(), None))), [("tmux-unusable", Fault)]);
        assert_eq!(found(|f| f.missing_config = Some("/x".into())), [("tmux-config-missing", Fault)]);
        let server = |locale: &str, replaced| {
            let running = Running { locale: Some(locale.into()), replaced, ..Running::default() };
            Server::Runs(Box::new(running))
        };
        assert_eq!(found(|f| f.server = server("C", true)), [("tmux-locale", Info), ("tmux-replaced", Info)]);
        assert_eq!(found(|f| f.server = server("en_GB.UTF-8", false)), []);
    }
}
