//! A hermetic world for each test: its own root, home, state, projects, tmux server and client.
//!
//! Nothing of the machine is used but programs: the environment is cleared, whatever is started can
//! write only below the world's own root (`examples/fence.rs`).

pub mod real_client;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// One world.
pub struct World {
    root: tempfile::TempDir,
    pub env: BTreeMap<String, String>,
    home_before: Vec<(PathBuf, Option<SystemTime>)>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Where cargo puts the programs of this build.
pub fn bin(name: &str) -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let dir = deps.parent().unwrap().parent().unwrap();
    let path = if name == "claude-failover" { dir.join(name) } else { dir.join("examples").join(name) };
    assert!(path.exists(), "not built: {} (cargo build --all-targets)", path.display());
    path
}

/// Waits until a condition holds, and says what it waited for when it never does.
pub fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "waited {limit:?} for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub const SOON: Duration = Duration::from_secs(30);

/// Whether this kernel can hold what the tests start inside their roots. Where it cannot, that is
/// said, and the real home is compared before and after each test instead.
fn has_fence() -> bool {
    static FENCE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *FENCE.get_or_init(|| {
        let output = Command::new(bin("fence")).args(["/dev", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        eprint!("{said}");
        assert!(output.status.success(), "the fence does not work: {said}");
        said.is_empty()
    })
}

/// The places of the real home that the client or we could touch by mistake; empty behind a fence.
fn real_home() -> Vec<(PathBuf, Option<SystemTime>)> {
    if has_fence() {
        return Vec::new();
    }
    let home = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().dir;
    [
        ".claude",
        ".claude.json",
        ".claude/settings.json",
        ".claude/projects",
        ".local/state/claude-failover",
        ".config/claude-failover",
    ]
    .iter()
    .map(|p| home.join(p))
    .map(|p| {
        let time = p.metadata().and_then(|m| m.modified()).ok();
        (p, time)
    })
    .collect()
}

impl World {
    /// A world with projects `app` and `web` and a pool of three.
    pub fn new() -> Self {
        let world = Self::bare();
        world.config("");
        world
    }

    /// A world without a configuration.
    pub fn bare() -> Self {
        // A short path: a tmux socket has at most 107 bytes.
        let root = tempfile::Builder::new().prefix("cf-").tempdir_in("/var/tmp").unwrap();
        let path = root.path();
        for dir in
            ["home", "acct", "spare", "third", "shared", "tmp", "app/.agent-queue/inbox", "web/.agent-queue/inbox"]
        {
            std::fs::create_dir_all(path.join(dir)).unwrap();
        }
        let text = |p: &str| path.join(p).display().to_string();
        let env = BTreeMap::from([
            ("HOME".into(), text("home")),
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("TMPDIR".into(), text("tmp")),
            ("TZ".into(), "UTC".into()),
            ("LC_ALL".into(), "C.UTF-8".into()),
            ("SHELL".into(), "/bin/sh".into()),
            ("COLUMNS".into(), "100".into()),
            ("CLAUDE_FAILOVER_CONFIG".into(), text("config.yaml")),
            ("CLAUDE_FAILOVER_STATE_DIR".into(), text("state")),
        ]);
        let world = Self { root, env, home_before: real_home() };
        world.log_in("acct");
        world
    }

    /// A made-up login in an account's home, as the client leaves it.
    pub fn log_in(&self, home: &str) {
        let expires = jiff::Timestamp::now().as_millisecond() + 8 * 3_600_000;
        let login = serde_json::json!({ "claudeAiOauth": {
            "accessToken": format!("made-up-{home}"), "refreshToken": format!("made-up-{home}-r"),
            "expiresAt": expires, "refreshTokenExpiresAt": expires + 20 * 86_400_000,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max",
        }});
        self.write(&format!("{home}/.credentials.json"), login.to_string());
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.path(&format!("{home}/.credentials.json")), private).unwrap();
    }

    /// A world with the accounts `main`, `spare` and `third`, whose homes share one tree.
    pub fn with_accounts() -> Self {
        let world = Self::new();
        for home in ["acct", "spare", "third"] {
            world.log_in(home);
            std::os::unix::fs::symlink(world.path("shared"), world.path(&format!("{home}/projects"))).unwrap();
        }
        world.add_accounts();
        world
    }

    /// Names the accounts `spare` and `third` in the configuration.
    pub fn add_accounts(&self) {
        let root = self.root.path().display().to_string();
        let one = format!("accounts: [{{name: main, home: {root}/acct}}]");
        let all = format!(
            "accounts:\n- {{name: main, home: {root}/acct, priority: 1}}\n\
             - {{name: spare, home: {root}/spare, priority: 2}}\n- {{name: third, home: {root}/third, priority: 3}}\n\
             switch: {{drain_timeout: 3s, verify_timeout: 10s}}"
        );
        self.write("config.yaml", self.read("config.yaml").replace(&one, &all));
    }

    /// How the service treats an account: see `examples/stand-in-agent/account.rs`.
    pub fn service(&self, home: &str, answer: &serde_json::Value) {
        self.write(&format!("{home}/stand-in.json"), answer.to_string());
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Writes the configuration: the usual one with further top-level lines.
    pub fn config(&self, more: &str) {
        let agent = bin("stand-in-agent");
        self.config_with(more, "", &agent.display().to_string());
    }

    /// … with another client and further variables for it.
    pub fn config_with(&self, more: &str, env: &str, program: &str) {
        let root = self.root.path().display();
        let text = format!(
            "home: {root}/home\naccounts: [{{name: main, home: {root}/acct}}]\n\
             projects:\n- {{path: {root}/app, max_sessions: 3}}\n- {{path: {root}/web}}\n\
             pool:\n  autonomous: {{prefix: p-, max: 3}}\n  dedicated:\n  - {{name: mine, project: {root}/web}}\n\
             client:\n  program: {program}\n  env: {{TMPDIR: {root}/tmp, STAND_IN_LOG: {root}/agent.log{env}}}\n  ready_timeout: 5s\n\
             tmux: {{socket: {root}/t.sock, config: /dev/null}}\n{more}"
        );
        std::fs::write(self.path("config.yaml"), text).unwrap();
    }

    /// Makes the pool larger or smaller.
    pub fn pool(&self, max: u32) {
        self.write("config.yaml", self.read("config.yaml").replace("max: 3", &format!("max: {max}")));
    }

    /// Runs the program.
    pub fn cf(&self, args: &[&str]) -> Said {
        self.cf_env(args, &[])
    }

    /// Runs the program with further variables.
    pub fn cf_env(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let output = self.command(args, env).output().unwrap();
        let said = Said::of(&output);
        assert_ne!(said.code, 101, "a panic: {args:?}: {said:?}");
        said
    }

    /// A program that can write only below this world's root.
    pub fn fenced(&self, program: &Path) -> Command {
        if !has_fence() {
            return Command::new(program);
        }
        let mut command = Command::new(bin("fence"));
        command.arg(self.root.path()).arg(program);
        command
    }

    /// The program as a command that is not started yet.
    pub fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = self.fenced(&bin("claude-failover"));
        command.args(args).env_clear().envs(&self.env).envs(env.iter().copied()).stdin(Stdio::null());
        command.current_dir(self.root.path());
        command
    }

    /// Runs the program, which must succeed.
    pub fn ok(&self, args: &[&str]) -> String {
        let said = self.cf(args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said.out
    }

    /// Runs the program and reads its JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let said = self.cf(&all);
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {said:?}"))
    }

    /// Queues a task of project `app` (or `project:id`).
    pub fn task(&self, id: &str, text: &str) {
        let (project, id) = id.split_once(':').unwrap_or(("app", id));
        self.ok(&["task", "add", "--project", project, "--id", id, "-m", text]);
    }

    pub fn tmux(&self, args: &[&str]) -> Said {
        self.tmux_at("t.sock", args)
    }

    /// Another tmux server of this world.
    pub fn tmux_at(&self, socket: &str, args: &[&str]) -> Said {
        let output = self
            .fenced(Path::new("tmux"))
            .args(["-u", "-S"])
            .arg(self.path(socket))
            .args(["-f", "/dev/null"])
            .args(args)
            .env_clear()
            .envs(&self.env)
            .output()
            .unwrap();
        Said::of(&output)
    }

    /// Where the file of a task of project `app` lies, relative to the queue.
    pub fn place(&self, task: &str) -> String {
        let (project, id) = task.split_once(':').unwrap_or(("app", task));
        let queue = self.path(project).join(".agent-queue");
        for place in ["inbox", "done", "failed"] {
            for suffix in ["md", "md.dispatched"] {
                if queue.join(place).join(format!("{id}.{suffix}")).exists() {
                    return format!("{place} {suffix}");
                }
            }
        }
        "nowhere".to_owned()
    }

    /// Runs `watch` and `dispatch` again and again until a condition holds.
    pub fn drive(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            let watch = self.cf(&["watch"]);
            let dispatch = self.cf(&["dispatch"]);
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "waited for: {what}\n{watch:?}\n{dispatch:?}\n{}\n{}",
                self.cf(&["status"]).out + &self.cf(&["log", "switches", "last"]).out,
                self.agent_log().iter().map(|l| format!("{l}\n")).collect::<String>()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the stand-in agents noted.
    pub fn agent_log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.path("agent.log")).unwrap_or_default();
        text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }

    /// The prompts that the agents were given.
    pub fn prompts(&self) -> Vec<String> {
        self.agent_log().iter().filter_map(|l| l["prompt"].as_str().map(str::to_owned)).collect()
    }

    pub fn session(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read_to_string(self.path(&format!("state/sessions/{name}.json"))).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Everything that was noted in the log.
    pub fn read_log(&self) -> String {
        let logs = tree(&self.path("state/log"));
        logs.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// A text with the paths of this world made stable.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.root.path().display().to_string(), "ROOT")
    }

    /// What git says; it must succeed.
    pub fn git(&self, args: &[&str]) -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let mut git = self.fenced(Path::new("git"));
        git.args(identity).args(args).env_clear().envs(&self.env).current_dir(self.root.path());
        let output = git.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap_or_default()
    }

    pub fn write(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Said {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Every client of this world hangs off this one server.
        let pids = self.tmux(&["list-panes", "-a", "-F", "#{pane_pid}"]).out;
        let _ = self.tmux(&["kill-server"]);
        let _ = self.tmux_at("person.sock", &["kill-server"]);
        for pid in pids.lines().filter_map(|l| l.parse::<i32>().ok()) {
            let start = Instant::now();
            while Path::new(&format!("/proc/{pid}")).exists() && start.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if !std::thread::panicking() {
            assert_eq!(self.home_before, real_home(), "a test touched the real home");
        }
    }
}

/// Everything in a directory that holds files, with their content: to compare before and after.
pub fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() {
                found.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}
