//! Figures for `make bench`: medians of whole processes, each beside `/bin/true` in the same run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program of the developers"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let examples = here.parent().unwrap();
    if name == "claude-failover" { examples.parent().unwrap().join(name) } else { examples.join(name) }
}

struct World {
    dir: PathBuf,
}

impl World {
    fn new(name: &str, projects: usize, tasks: usize, pool: usize) -> Self {
        let dir = std::env::temp_dir().join(format!("cf-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(dir.join("home")).unwrap();
        std::fs::create_dir_all(dir.join("acct/sessions")).unwrap();
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

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("claude-failover"));
        command.args(args).env_clear().env("HOME", self.dir.join("home")).env("PATH", "/usr/bin:/bin");
        command.env("CLAUDE_FAILOVER_CONFIG", self.dir.join("config.yaml"));
        command.env("CLAUDE_FAILOVER_STATE_DIR", self.dir.join("state"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Every session of the pool holds a task of its own that is not in any inbox listing.
    fn make_busy(&self, pool: usize) {
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

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(runs: usize, mut run: impl FnMut()) -> Duration {
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

fn floor(runs: usize) -> Duration {
    timed(runs, || {
        Command::new("/bin/true").env_clear().status().unwrap();
    })
}

/// CPU time of all children that have ended, in seconds: fields 16 and 17 of `/proc/self/stat`.
fn children_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text[text.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: f64 = fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap();
    ticks / 100.0
}

fn row(what: &str, runs: usize, run: impl FnMut()) {
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

fn plain(command: &mut Command) {
    assert!(command.status().unwrap().success());
}

fn event(w: &World) {
    use std::io::Write;
    let state = w.dir.join("state");
    let mut command = w.command(&["event", "--session", "p-0", "--state-dir"]);
    let mut child = command.arg(state).stdin(Stdio::piped()).spawn().unwrap();
    let input = b"{\"hook_event_name\":\"PostToolUse\",\"session_id\":\"x\",\"tool_name\":\"Bash\"}";
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait().unwrap();
}

/// From a `Stop` that the client reported to the next task confirmed in the same session.
fn turn_around(w: &World) -> Option<Duration> {
    let done = |t: &str| w.dir.join(format!("p0/.agent-queue/done/{t}.md")).exists();
    let wait = |holds: &mut dyn FnMut() -> bool| {
        let start = Instant::now();
        while !holds() {
            if start.elapsed() > Duration::from_secs(30) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    };
    plain(&mut w.command(&["dispatch"]));
    let mut times = Vec::new();
    let events = w.dir.join("state/events/p-0.jsonl");
    for n in 0..5 {
        let stops = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().matches("\"Stop\"").count();
        if !wait(&mut || stops(&events) > n) {
            return None;
        }
        let start = Instant::now();
        let next = format!("t{n:05}");
        let handed = wait(&mut || {
            plain(&mut w.command(&["watch"]));
            done(&next)
        });
        if !handed {
            return None;
        }
        times.push(start.elapsed());
    }
    Some(median(times))
}

fn main() {
    let w = World::new("busy", 20, 1000, 10);
    w.make_busy(10);
    row("dispatch, 1,000 tasks wait, no session is idle", 101, || plain(&mut w.command(&["dispatch"])));
    row("event, a tool has run", 101, || event(&w));
    drop(w);
    let w = World::new("empty", 20, 0, 10);
    row("dispatch, nothing waits in 20 projects", 101, || plain(&mut w.command(&["dispatch"])));
    row("watch, nothing runs", 101, || plain(&mut w.command(&["watch"])));
    drop(w);
    for tasks in [1000, 10_000] {
        let w = World::new("plan", 200, tasks, 20);
        row(&format!("dispatch --dry-run, {tasks} tasks in 200 projects, 20 free"), 11, || {
            plain(&mut w.command(&["dispatch", "--dry-run"]));
        });
    }
    let sessions = 200;
    let w = World::new("watch", 1, 0, sessions);
    plain(&mut w.command(&["status"]));
    for n in 0..sessions {
        let tmux = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(w.dir.join("t.sock"))
            .args(["new-session", "-d", "-s", &format!("p-{n}"), "env", &format!("CLAUDE_FAILOVER_SESSION=p-{n}")])
            .arg(format!("CLAUDE_FAILOVER_STATE_DIR={}", w.dir.join("state").display()))
            .args(["sleep", "600"])
            .env("HOME", w.dir.join("home"))
            .status();
        assert!(tmux.unwrap().success());
        let record = format!(
            "{{\"version\":1,\"name\":\"p-{n}\",\"kind\":\"pool\",\"account\":\"main\",\"note\":{{\"state\":\"starting\"}}}}"
        );
        std::fs::write(w.dir.join(format!("state/sessions/p-{n}.json")), record).unwrap();
    }
    plain(&mut w.command(&["watch", "--no-dispatch"]));
    let output = w.command(&["watch", "--no-dispatch", "-v"]).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let children = said.lines().find(|l| l.contains("child processes")).unwrap_or("?").to_owned();
    row("watch over 200 sessions", 11, || plain(&mut w.command(&["watch", "--no-dispatch"])));
    println!("  {children}");
    drop(w);
    let w = World::new("turn", 1, 6, 1);
    for n in 0..6 {
        std::fs::write(w.dir.join(format!("p0/.agent-queue/inbox/t{n:05}.md")), "[[say:ok]]\n").unwrap();
    }
    std::thread::sleep(Duration::from_millis(1100));
    match turn_around(&w) {
        Some(time) => println!(
            "{:58} {:9.2} ms   (800 ms of it: settling and the pause before Enter)",
            "Stop reported to next task confirmed",
            time.as_secs_f64() * 1000.0
        ),
        None => println!("Stop to next task: did not come"),
    }
}
