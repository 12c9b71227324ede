//! The machine inside the harness: the home of its one user, its manager, its tmux server.

use crate::common::{Said, bin, until};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub const LONG: Duration = Duration::from_secs(90);
pub const TMUX: &str = "claude-failover-tmux.service";

/// The home of the test user, with a configuration, an account and two projects in the places of the defaults.
pub struct Machine {
    pub home: PathBuf,
}

impl Machine {
    pub fn new(intervals: &str) -> Self {
        assert_eq!(std::env::var("WITH_SYSTEMD").as_deref(), Ok("user"), "only from with-systemd.sh");
        let machine = Self { home: std::env::var("HOME").unwrap().into() };
        for dir in ["acct", "app/.agent-queue/inbox", "web/.agent-queue/inbox", ".config/claude-failover"] {
            std::fs::create_dir_all(machine.path(dir)).unwrap();
        }
        let expires = jiff::Timestamp::now().as_millisecond() + 8 * 3_600_000;
        let login = serde_json::json!({ "claudeAiOauth": {
            "accessToken": "made-up", "refreshToken": "made-up-r", "expiresAt": expires,
            "refreshTokenExpiresAt": expires + 20 * 86_400_000, "scopes": ["user:inference"],
        }});
        machine.write("acct/.credentials.json", &login.to_string());
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(machine.path("acct/.credentials.json"), private).unwrap();
        machine.config(intervals);
        machine
    }

    pub fn config(&self, intervals: &str) {
        let (home, agent) = (self.home.display(), bin("stand-in-agent"));
        let text = format!(
            "accounts: [{{name: main, home: {home}/acct}}]\n\
             projects:\n- {{path: {home}/app, max_sessions: 3}}\n- {{path: {home}/web}}\n\
             pool:\n  autonomous: {{prefix: p-, max: 3}}\n  dedicated:\n  - {{name: mine, project: {home}/web}}\n\
             client: {{program: {}, ready_timeout: 10s, env: {{STAND_IN_LOG: {home}/agent.log}}}}\n{intervals}\n",
            agent.display()
        );
        self.write(".config/claude-failover/config.yaml", &text);
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.home.join(relative)
    }

    pub fn state(&self, relative: &str) -> PathBuf {
        self.path(".local/state/claude-failover").join(relative)
    }

    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A file that appears at once, as a person moves it in.
    pub fn drop_task(&self, id: &str, text: &str) {
        let hidden = self.path(&format!("app/.agent-queue/.{id}"));
        std::fs::write(&hidden, format!("{text}\n")).unwrap();
        std::fs::rename(hidden, self.path(&format!("app/.agent-queue/inbox/{id}.md"))).unwrap();
    }

    pub fn is_done(&self, id: &str) -> bool {
        self.path(&format!("app/.agent-queue/done/{id}.md")).exists()
    }

    pub fn cf(&self, args: &[&str]) -> Said {
        run(Command::new(bin("claude-failover")).args(args))
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let said = self.cf(args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said.out + &said.err
    }

    pub fn session(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read_to_string(self.state(&format!("sessions/{name}.json"))).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// A drop-in of a person's, as `systemctl edit` makes it.
    pub fn edit(&self, unit: &str, text: &str) {
        self.write(&format!(".config/systemd/user/{unit}.d/override.conf"), text);
        systemctl(&["daemon-reload"]);
    }

    pub fn unit_files(&self) -> Vec<String> {
        let dir = std::fs::read_dir(self.path(".config/systemd/user")).into_iter().flatten().flatten();
        let mut names: Vec<String> = dir.map(|e| e.file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("claude-failover-"));
        names.sort();
        names
    }
}

pub fn run(command: &mut Command) -> Said {
    Said::of(&command.output().unwrap())
}

pub fn systemctl(args: &[&str]) -> String {
    let said = run(Command::new("systemctl").arg("--user").args(args));
    assert_eq!(said.code, 0, "systemctl {args:?}: {said:?}\n{}", journal(&[]));
    said.out.trim().to_owned()
}

pub fn property(unit: &str, name: &str) -> String {
    systemctl(&["show", unit, "--property", name, "--value"])
}

pub fn tmux(args: &[&str]) -> Said {
    run(Command::new("tmux").args(["-u", "-L", "claude-failover"]).args(args))
}

pub fn journal(args: &[&str]) -> String {
    run(Command::new("journalctl")
        .args(["--user", "--no-pager", "-q", "-o", "short-precise", "-n", "2000"])
        .args(args))
    .out
}

pub fn server_pid() -> Option<i32> {
    tmux(&["display-message", "-p", "#{pid}"]).out.trim().parse().ok()
}

pub fn cgroup(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

/// Waits; when it never comes, says what the journal has.
pub fn eventually(m: &Machine, what: &str, holds: impl FnMut() -> bool) {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until(what, LONG, holds)));
    if let Err(panic) = done {
        let units = run(Command::new("systemctl").args([
            "--user",
            "--no-pager",
            "list-units",
            "--all",
            "claude-failover-*",
        ]));
        eprintln!("{}\n{}\n{}", journal(&[]), units.out, m.cf(&["status"]).out);
        std::panic::resume_unwind(panic);
    }
}
