//! The folder of one measurement, and the measuring.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let examples = here.parent().unwrap();
    if name == "claude-failover" { examples.parent().unwrap().join(name) } else { examples.join(name) }
}

pub struct World {
    pub dir: PathBuf,
}

impl World {
    pub fn new(name: &str, projects: usize, tasks: usize, pool: usize) -> Self {
        let dir = std::env::temp_dir().join(format!("cf-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(dir.join("home")).unwrap();
        std::fs::create_dir_all(dir.join("acct/sessions")).unwrap();
        log_in(&dir.join("acct"));
        let mut list = String::new();
        for p in 0..projects {
            let inbox = dir.join(format!("p{p}/.agent-queue/inbox"));
            std::fs::create_dir_all(&inbox).unwrap();
            list.push_str(&format!("- {{path: {}/p{p}}}\n", dir.display()));
            for t in (p..tasks).step_by(projects) {
                let text =
                    format!("---\ntitle: task {t}\npriority: {}\n---\ndo it\n", ["high", "low", "default"][t % 3]);
                std::fs::write(inbox.join(format!("t{t:05}.md")), text).unwrap();
            }
        }
        let config = format!(
            "accounts: [{{name: main, home: {0}/acct}}]\nprojects:\n{list}pool: {{autonomous: {{prefix: p-, max: {pool}}}}}\n\
             client: {{program: {1}}}\ntmux: {{socket: {0}/t.sock, config: /dev/null}}\n",
            dir.display(),
            program("stand-in-agent").display()
        );
        std::fs::write(dir.join("config.yaml"), config).unwrap();
        Self { dir }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("claude-failover"));
        command.args(args).env_clear().env("HOME", self.dir.join("home")).env("PATH", "/usr/bin:/bin");
        command.env("CLAUDE_FAILOVER_CONFIG", self.dir.join("config.yaml"));
        command.env("CLAUDE_FAILOVER_STATE_DIR", self.dir.join("state"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Every session of the pool holds a task of its own that is not in any inbox listing.
    pub fn make_busy(&self, pool: usize) {
        assert!(self.command(&["status"]).status().unwrap().success());
        for n in 0..pool {
            let record = format!(
                "{{\"version\":1,\"name\":\"p-{n}\",\"kind\":\"pool\",\"lease\":{{\"task\":{{\"project\":\"p0\",\"id\":\"x{n}\"}},\
                 \"project_path\":\"{0}/p0\",\"attempt\":1,\"phase\":\"confirmed\",\"since\":\"2026-01-01T00:00:00Z\",\
                 \"claimed\":\"2026-01-01T00:00:00Z\",\"max_attempts\":3}}}}",
                self.dir.display()
            );
            let path = self.dir.join(format!("state/sessions/p-{n}.json"));
            std::fs::write(path, record).unwrap();
        }
    }

    /// A tmux session that looks like one of ours, with a client that only waits.
    pub fn sleeper(&self, n: usize) {
        let tmux = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.dir.join("t.sock"))
            .args(["new-session", "-d", "-s", &format!("p-{n}"), "env", &format!("CLAUDE_FAILOVER_SESSION=p-{n}")])
            .arg(format!("CLAUDE_FAILOVER_STATE_DIR={}", self.dir.join("state").display()))
            .args(["sleep", "600"])
            .env("HOME", self.dir.join("home"))
            .status();
        assert!(tmux.unwrap().success());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let tmux = Command::new("tmux")
            .arg("-S")
            .arg(self.dir.join("t.sock"))
            .arg("kill-server")
            .stderr(Stdio::null())
            .status();
        drop(tmux);
        std::thread::sleep(Duration::from_millis(300));
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub fn timed(runs: usize, mut run: impl FnMut()) -> Duration {
    run();
    median(
        (0..runs)
            .map(|_| {
                let start = Instant::now();
                run();
                start.elapsed()
            })
            .collect(),
    )
}

pub fn floor(runs: usize) -> Duration {
    timed(runs, || {
        Command::new("/bin/true").env_clear().status().unwrap();
    })
}

/// CPU time of all children that have ended, in seconds: fields 16 and 17 of `/proc/self/stat`.
pub fn children_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text[text.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: f64 = fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap();
    ticks / 100.0
}

pub fn row(what: &str, runs: usize, run: impl FnMut()) {
    let before = children_cpu();
    let time = timed(runs, run);
    let cpu = (children_cpu() - before) * 1000.0 / (runs + 1) as f64;
    let floor = floor(runs);
    let ms = |d: Duration| d.as_secs_f64() * 1000.0;
    println!(
        "{what:56} {:7.2} ms   cpu {cpu:6.2} ms   /bin/true {:.2} ms   ratio {:.1}",
        ms(time),
        ms(floor),
        ms(time) / ms(floor)
    );
}

pub fn plain(command: &mut Command) {
    assert!(command.status().unwrap().success());
}

/// A made-up login, as the client leaves it.
pub fn log_in(home: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let soon = jiff::Timestamp::now().as_millisecond() + 8 * 3_600_000;
    let login = format!(
        "{{\"claudeAiOauth\":{{\"accessToken\":\"made-up\",\"refreshToken\":\"made-up-r\",\"expiresAt\":{soon},\
         \"scopes\":[\"user:inference\",\"user:profile\"],\"subscriptionType\":\"max\"}}}}"
    );
    std::fs::create_dir_all(home).unwrap();
    let path = home.join(".credentials.json");
    std::fs::write(&path, login).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
