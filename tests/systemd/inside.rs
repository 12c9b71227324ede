//! What happens under a real user manager: each test runs alone in a harness of its own (`with-systemd.sh`), where it
//! is the only thing on the machine. Started from outside by `timers::under_a_real_systemd`.

use crate::common::{bin, tree, until};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[path = "machine.rs"]
mod machine;

use machine::{LONG, Machine, TMUX, cgroup, eventually, journal, property, run, server_pid, systemctl, tmux};

/// Long periods: whatever happens soon was started by a path unit.
const RARELY: &str = "watcher: {interval: 1h}\ndispatcher: {interval: 1h}\nquota: {poll_interval: 1h}";
/// Short ones: what a machine does in an hour, in half a minute.
const OFTEN: &str = "watcher: {interval: 300ms}\ndispatcher: {interval: 500ms}\nquota: {poll_interval: 500ms}";

/// The codes that `doctor` finds here of what belongs to systemd.
fn found(m: &Machine) -> Vec<String> {
    let said: serde_json::Value = serde_json::from_str(&m.cf(&["--json", "doctor"]).out).unwrap();
    let all = said["findings"].as_array().unwrap().iter();
    let here = all.filter(|f| ["systemd", "timers", "tmux"].iter().any(|s| f["subject"] == *s));
    here.filter(|f| f["severity"] != "info").map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

/// A machine where everything is right but lingering; then one thing after the other is wrong, as a real manager
/// shows it.
fn doctor_sees(m: &Machine) {
    assert_eq!(found(m), ["not-lingering"]);
    m.config(&RARELY.replace("1h", "2h"));
    assert_eq!(found(m), ["timers-outdated", "not-lingering"]);
    m.config(RARELY);
    systemctl(&["stop", "claude-failover-kick.path"]);
    assert_eq!(found(m), ["timer-off", "not-lingering"]);
    systemctl(&["start", "claude-failover-kick.path"]);
    // A server that was born in a service ends with it.
    let command = ["tmux", "-u", "-L", "claude-failover", "-f", "/dev/null", "new-session", "-d", "sleep 1000"];
    let born = run(Command::new("systemd-run")
        .args(["--user", "-q", "--unit=a-run", "-p", "Type=forking"])
        .args(command));
    assert_eq!(born.code, 0, "{born:?}");
    until("the server answers", LONG, || server_pid().is_some());
    assert_eq!(found(m), ["tmux-in-service", "not-lingering"]);
    let said = m.cf(&["doctor"]);
    assert!(said.code == 5 && said.out.contains("`a-run.service`"), "{said:?}");
    tmux(&["kill-server"]);
}

#[test]
#[ignore = "runs inside the harness"]
fn kicks_and_inboxes_lead_to_runs() {
    let m = Machine::new(RARELY);
    // A server that a person has started before, with a session of theirs in it.
    assert_eq!(tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "person", "sleep 1000"]).code, 0);
    let before = server_pid().unwrap();
    let plan = m.ok(&["timers", "install", "--dry-run"]);
    assert!(plan.contains("would write claude-failover-watch.timer: new"), "{plan}");
    assert!(!m.path(".config/systemd").exists(), "a dry run has changed something");
    let said = m.ok(&["timers", "install"]);
    assert_eq!(server_pid(), Some(before), "the server of a person was ended: {said}");
    assert_eq!(said.matches("wrote ").count(), plan.matches("would write ").count(), "{plan}\n{said}");
    assert!(said.contains("hint: loginctl enable-linger sdtest"), "{said}");
    assert!(said.contains("a server runs already that somebody else has started"), "{said}");
    // Every run pulls the unit in, and still nobody ends the person's.
    systemctl(&["start", "claude-failover-watch.service"]);
    assert_eq!(server_pid(), Some(before), "{}", journal(&[]));
    tmux(&["kill-server"]);
    doctor_sees(&m);
    eventually(&m, "the unit's own server", || {
        systemctl(&["start", "claude-failover-watch.service"]);
        server_pid().is_some_and(|pid| pid != before)
    });
    let server = server_pid().unwrap();
    assert!(cgroup(server).trim().ends_with(&format!("/{TMUX}")), "{}", cgroup(server));
    until("the first runs", LONG, || {
        systemctl(&["list-units", "--state=activating", "--no-legend", "claude-failover-*"]).is_empty()
    });

    // Once more, and nothing is to be done; no file is written again.
    let times = |m: &Machine| -> Vec<_> {
        m.unit_files()
            .iter()
            .map(|f| m.path(".config/systemd/user").join(f).metadata().unwrap().modified().unwrap())
            .collect()
    };
    let (files, written) = (m.unit_files(), times(&m));
    assert!(m.ok(&["timers", "install"]).contains("nothing to do"), "{}", m.ok(&["timers", "install"]));
    assert_eq!((m.unit_files(), times(&m)), (files, written));

    // A task that is moved into an inbox is worked off with no command of anybody's.
    let start = Instant::now();
    m.drop_task("t", "[[bash:echo x >> n.txt]] [[done]]");
    eventually(&m, "the task is done by path units alone", || m.is_done("t"));
    eprintln!("figure: a task moved into an inbox was done after {:?}", start.elapsed());
    assert_eq!(std::fs::read_to_string(m.path("app/n.txt")).unwrap(), "x\n");
    // Its client lives on in the server's unit, although the run that started it is over, and holds nothing back.
    eventually(&m, "the runs are over", || property("claude-failover-kick.service", "ActiveState") == "inactive");
    let pane: i32 = tmux(&["list-panes", "-a", "-F", "#{pane_pid}"]).out.trim().parse().unwrap();
    assert!(cgroup(pane).trim().ends_with(&format!("/{TMUX}")), "{}", cgroup(pane));
    let status = std::fs::read_to_string(format!("/proc/{pane}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t0"), "a run's hardening holds in the session");
    assert_eq!(server_pid(), Some(server), "the server was restarted");

    // From a kick to a run, ten times.
    let mut took = Vec::new();
    for _ in 0..10 {
        eventually(&m, "rest", || property("claude-failover-kick.service", "ActiveState") == "inactive");
        let kick = m.state("kick/dispatch");
        let start = Instant::now();
        std::fs::write(&kick, "").unwrap();
        while kick.exists() {
            assert!(start.elapsed() < LONG, "nobody took the kick");
            std::thread::sleep(Duration::from_millis(1));
        }
        took.push(start.elapsed());
    }
    took.sort();
    eprintln!("figure: kick to run: least {:?}, median {:?}, most {:?}", took[0], took[5], took[9]);
    assert!(took[5] < Duration::from_secs(2), "{took:?}");

    // What is to be told has a run of its own.
    std::fs::write(m.state("kick/notify"), "").unwrap();
    eventually(&m, "notify has taken its kick", || !m.state("kick/notify").exists());

    // Floods of both kinds do not kill the path units.
    for n in 0..300 {
        std::fs::write(m.path(&format!("web/.agent-queue/inbox/.note-{n}")), "").unwrap();
        std::fs::write(m.state(&format!("kick/flood-{}", n % 7)), "").unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    eventually(&m, "all kicks are taken", || std::fs::read_dir(m.state("kick")).unwrap().next().is_none());
    for unit in ["claude-failover-kick.path", "claude-failover-inbox.path", "claude-failover-notify.path"] {
        assert_eq!(property(unit, "ActiveState"), "active", "{unit}");
    }

    // A change of the configuration reaches the timers; the sessions do not notice.
    let row = |name: &str| -> serde_json::Value {
        let listed: serde_json::Value = serde_json::from_str(&m.ok(&["--json", "timers", "list"])).unwrap();
        listed["units"].as_array().unwrap().iter().find(|u| u["unit"] == name).unwrap().clone()
    };
    let hours = |row: &serde_json::Value| {
        let next = row["next"].as_str().map_or(jiff::Timestamp::UNIX_EPOCH, |at| at.parse().unwrap());
        next.duration_since(jiff::Timestamp::now()).as_secs_f64() / 3600.0
    };
    eventually(&m, "the first run of the timer itself", || hours(&row("claude-failover-watch.timer")) > 0.5);
    let watch = row("claude-failover-watch.timer");
    assert!(hours(&watch) < 1.2, "{watch}");
    assert_eq!(
        (&watch["state"], &watch["file"], &watch["result"], &watch["enabled"]),
        (&"waiting".into(), &"current".into(), &"success".into(), &true.into())
    );
    m.config(&RARELY.replace("watcher: {interval: 1h}", "watcher: {interval: 2h}"));
    assert!(m.ok(&["timers", "list"]).contains("not as it should be"));
    let said = m.ok(&["timers", "install"]);
    assert!(
        said.contains("wrote claude-failover-watch.timer: differs") && said.matches("wrote ").count() == 1,
        "{said}"
    );
    let watch = row("claude-failover-watch.timer");
    assert!((1.5..2.3).contains(&hours(&watch)), "the new period holds at once: {watch}");
    // A file of somebody else's is left alone, and said.
    m.write(".config/systemd/user/claude-failover-notify.timer", "# mine\n[Timer]\nOnCalendar=daily\n");
    let said = m.cf(&["timers", "install"]);
    assert!(said.code == 1 && said.out.contains("left alone claude-failover-notify.timer"), "{said:?}");

    // And everything of ours goes, but the server with its sessions.
    let said = m.ok(&["timers", "remove", "--dry-run"]);
    assert!(said.contains("would remove claude-failover-watch.timer") && m.unit_files().len() > 10, "{said}");
    let said = m.cf(&["timers", "remove"]);
    assert!(said.code == 0 && said.out.contains("the sessions live in it"), "{said:?}");
    assert_eq!(m.unit_files(), ["claude-failover-notify.timer"]);
    assert_eq!(server_pid(), Some(server), "the sessions were ended");
    assert!(Path::new(&format!("/proc/{pane}")).exists(), "the session was ended");
    let left = systemctl(&["list-timers", "--all", "--no-legend", "claude-failover-*"]);
    assert!(!left.contains("watch") && !left.contains("janitor"), "{left}");
    let stamps = tree(&m.path(".local/share/systemd/timers"));
    assert!(stamps.is_empty(), "{:?}", stamps.keys());
    let links: Vec<_> = tree_of_links(&m.path(".config/systemd/user"));
    assert!(links.iter().all(|l| l.ends_with("claude-failover-notify.timer")), "{links:?}");
    std::fs::remove_file(m.path(".config/systemd/user/claude-failover-notify.timer")).unwrap();
    assert!(m.ok(&["timers", "remove", "--end-sessions"]).contains("nothing to do"));
    // Installed again, and removed with the sessions.
    m.ok(&["timers", "install"]);
    m.ok(&["timers", "remove", "--end-sessions"]);
    eventually(&m, "the server is gone", || {
        server_pid().is_none() || cgroup(server_pid().unwrap_or(0)).contains("scope")
    });
    assert!(m.unit_files().is_empty());
}

fn tree_of_links(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(tree_of_links(&entry.path())),
            kind if kind.is_symlink() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

#[test]
#[ignore = "runs inside the harness"]
fn a_reboot_brings_everything_back() {
    let m = Machine::new(OFTEN);
    m.ok(&["timers", "install"]);
    // The operator's own session, and two tasks in the middle of their work.
    m.ok(&["launch", "mine", "--prompt", "hello"]);
    for id in ["t", "u"] {
        let wait = format!("[[bash:touch {id}.begun; while ! test -e go; do sleep 0.1; done]]");
        m.drop_task(id, &format!("{wait} [[bash:echo {id} >> {id}.txt]] [[done]]"));
    }
    eventually(&m, "at work", || ["t", "u"].iter().all(|id| m.path(&format!("app/{id}.begun")).exists()));
    let idle = |m: &Machine, name: &str| m.session(name)["note"]["state"] == "idle";
    eventually(&m, "the own session is up", || idle(&m, "mine"));
    let names = ["mine", "p-0", "p-1"];
    let of = |m: &Machine, key: &str| names.map(|n| m.session(n)[key].clone());
    let (conversations, tasks) = (of(&m, "conversation"), names.map(|n| m.session(n)["lease"]["task"].clone()));
    let clients: Vec<i64> = names.iter().map(|n| m.session(n)["client"]["pid"].as_i64().unwrap()).collect();
    let server = server_pid().unwrap();
    m.drop_task("later", "[[bash:echo later >> later.txt]] [[done]]");

    // The machine goes down and comes up.
    let runtime = PathBuf::from(std::env::var("XDG_RUNTIME_DIR").unwrap());
    std::fs::write(runtime.join("boot-again"), "").unwrap();
    run(Command::new("systemctl").args(["--user", "exit"]));
    until("it is down", LONG, || !Path::new(&format!("/proc/{server}")).exists());
    until("it is up", LONG, || !runtime.join("boot-again").exists() && runtime.join("systemd/private").exists());
    let booted = Instant::now();
    for pid in &clients {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "a client has lived through the reboot");
    }

    let is_back = |m: &Machine| {
        names.iter().zip(&clients).all(|(name, old)| {
            let pid = m.session(name)["client"]["pid"].as_i64();
            pid.is_some_and(|pid| pid != *old && Path::new(&format!("/proc/{pid}")).exists())
        })
    };
    eventually(&m, "all sessions are back", || is_back(&m));
    eprintln!("figure: after the manager had started, all sessions were back after {:?}", booted.elapsed());
    assert_eq!(of(&m, "conversation"), conversations, "with their conversations");
    assert_eq!(names.map(|n| m.session(n)["lease"]["task"].clone()), tasks, "with their tasks");
    let server = server_pid().unwrap();
    assert!(cgroup(server).trim().ends_with(&format!("/{TMUX}")), "{}", cgroup(server));
    m.write("app/go", "");
    eventually(&m, "all tasks are done", || ["t", "u", "later"].iter().all(|id| m.is_done(id)));
    for id in ["t", "u", "later"] {
        assert_eq!(std::fs::read_to_string(m.path(&format!("app/{id}.txt"))).unwrap(), format!("{id}\n"), "once");
    }

    // A server that is killed in the middle comes back by itself, and so does what was in it.
    let killed = names.map(|n| m.session(n)["client"]["pid"].as_i64().unwrap_or_default());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server), nix::sys::signal::Signal::SIGKILL).unwrap();
    eventually(&m, "the own session is back", || {
        let pid = m.session("mine")["client"]["pid"].as_i64();
        pid.is_some_and(|pid| pid != killed[0]) && idle(&m, "mine")
    });
    assert!(server_pid().is_some_and(|pid| pid != server && cgroup(pid).trim().ends_with(&format!("/{TMUX}"))));
}

#[test]
#[ignore = "runs inside the harness"]
fn a_run_that_fails_is_told() {
    let m = Machine::new(RARELY);
    m.ok(&["timers", "install"]);
    let installed =
        std::fs::read_to_string(m.path(".config/systemd/user/claude-failover-failed@.service")).unwrap();
    assert!(installed.contains(" notify --unit-failed %i\n"), "{installed}");
    // What it would be told: the unit, and what the manager says of it.
    m.edit(
        "claude-failover-failed@.service",
        "[Service]\nExecStart=\nExecStart=/bin/sh -c 'echo %i $$MONITOR_SERVICE_RESULT $$MONITOR_EXIT_STATUS >> %h/told'\n",
    );
    eventually(&m, "the first runs", || {
        systemctl(&["list-units", "--state=activating", "--no-legend", "claude-failover-*"]).is_empty()
    });
    let told = |m: &Machine| std::fs::read_to_string(m.path("told")).unwrap_or_default();
    let start = |unit: &str| run(Command::new("systemctl").args(["--user", "start", unit])).code;
    let config = std::fs::read_to_string(m.path(".config/claude-failover/config.yaml")).unwrap();
    m.write(".config/claude-failover/config.yaml", "accounts: []\n");
    assert_ne!(start("claude-failover-watch.service"), 0);
    eventually(&m, "the failure is told", || told(&m).contains("claude-failover-watch.service exit-code 6\n"));
    // Its reason stands in the journal, under the command's name, as an error.
    eventually(&m, "the journal has it", || journal(&["-t", "claude-failover-watch"]).contains("config.yaml"));
    // A kick that every run fails over does not kill the path unit, and is taken once it can be.
    m.edit("claude-failover-kick.service", "[Service]\nExecStopPost=\nExecStopPost=/bin/sleep 0.2\n");
    std::fs::write(m.state("kick/task"), "").unwrap();
    eventually(&m, "it fails several times", || told(&m).matches("kick.service exit-code 6").count() >= 2);
    assert_eq!(property("claude-failover-kick.path", "ActiveState"), "active");
    m.write(".config/claude-failover/config.yaml", &config);
    eventually(&m, "the kick is taken", || !m.state("kick/task").exists());
    // A run that hangs is ended by its limit.
    m.edit(
        "claude-failover-dispatch.service",
        "[Service]\nExecStart=\nExecStart=/bin/sleep 600\nTimeoutStartSec=300ms\n",
    );
    assert_ne!(start("claude-failover-dispatch.service"), 0);
    eventually(&m, "the timeout is told", || told(&m).contains("claude-failover-dispatch.service timeout TERM\n"));
    // An answer is no failure.
    m.edit("claude-failover-quota-check.service", "[Service]\nExecStart=\nExecStart=/bin/sh -c 'exit 5'\n");
    assert_eq!(start("claude-failover-quota-check.service"), 0);
    assert_eq!(property("claude-failover-quota-check.service", "Result"), "success");
    assert!(!told(&m).contains("quota-check"), "{}", told(&m));
    let listed = m.ok(&["timers", "list"]);
    assert!(listed.lines().any(|l| l.contains("dispatch.timer") && l.contains("timeout")), "{listed}");
    assert!(listed.lines().any(|l| l.contains("quota-check.timer") && l.contains("ok (5)")), "{listed}");
    // A person's own changes stay, whatever is installed or removed.
    m.ok(&["timers", "install"]);
    m.ok(&["timers", "remove"]);
    assert!(m.path(".config/systemd/user/claude-failover-dispatch.service.d/override.conf").exists());
}

/// One exchange on the socket of `control`: how long it took, and everything that came back.
fn request(socket: &Path, bytes: &str) -> (Duration, String) {
    use std::io::{Read, Write};
    let start = Instant::now();
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    (start.elapsed(), text)
}

const GET_STATUS: &str = "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
#[ignore = "runs inside the harness"]
fn requests_are_answered_and_hurt_no_run() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let m = Machine::new(&format!("{RARELY}\ncontrol: {{enable_trigger: true}}"));
    m.ok(&["timers", "install", "--control"]);
    let socket = PathBuf::from(std::env::var("XDG_RUNTIME_DIR").unwrap()).join("claude-failover/control.sock");
    let meta = socket.metadata().unwrap();
    assert!(meta.file_type().is_socket() && meta.permissions().mode() & 0o777 == 0o600, "{meta:?}");
    let curl = |args: &[&str]| run(Command::new("curl").args(["-sS", "--unix-socket"]).arg(&socket).args(args));
    let said = curl(&["-f", "http://localhost/status"]);
    let status: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    assert_eq!(status["active_account"], "main", "{said:?}");

    // Three tasks are handed out while everybody asks at once; nobody is turned away and no task is lost.
    let paths = ["claude-failover-kick.path", "claude-failover-inbox.path"];
    systemctl(&[&["stop"][..], &paths].concat());
    for id in ["t", "u", "v"] {
        m.ok(&["task", "add", "--project", "app", "--id", id, "-m", "[[bash:true]] [[done]]"]);
    }
    let dispatch = std::thread::spawn(|| {
        let start = Instant::now();
        let said = run(Command::new(bin("claude-failover")).arg("dispatch"));
        (start.elapsed(), said)
    });
    let all: Vec<_> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| request(&socket, GET_STATUS));
        let asked: Vec<_> = (0..64).map(|_| ask()).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (took, said) = dispatch.join().unwrap();
    assert!(said.code == 0 && said.out.contains("dispatched 3 of 3 tasks"), "{said:?}");
    let bad: Vec<_> = all.iter().filter(|(_, text)| !text.starts_with("HTTP/1.1 200 OK\r\n")).collect();
    assert!(bad.is_empty(), "{} of 64: {bad:?}\n{}", bad.len(), journal(&[]));
    let slowest = all.iter().map(|(took, _)| *took).max().unwrap();
    eprintln!(
        "figure: a dispatch of 3 tasks beside 64 requests at once took {took:?}, the slowest request {slowest:?}"
    );
    systemctl(&[&["start"][..], &paths].concat());
    eventually(&m, "all tasks are done", || ["t", "u", "v"].iter().all(|id| m.is_done(id)));

    // A page of requests, 16 at once: none fails, and none leaves a unit behind.
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| (0..13).map(|_| request(&socket, GET_STATUS)).collect::<Vec<_>>());
        let asked: Vec<_> = (0..16).map(|_| ask()).collect();
        let all: Vec<_> = asked.into_iter().flat_map(|one| one.join().unwrap()).collect();
        assert!(all.iter().all(|(_, text)| text.starts_with("HTTP/1.1 200 OK\r\n")), "{}", journal(&[]));
        all.into_iter().map(|(took, _)| took).collect()
    });
    took.sort();
    eprintln!("figure: {} requests, 16 at once: median {:?}, most {:?}", took.len(), took[104], took[207]);
    eventually(&m, "no instance is left", || {
        systemctl(&["list-units", "--all", "--no-legend", "claude-failover-control@*"]).is_empty()
    });
    assert_eq!(property("claude-failover-control.socket", "ActiveState"), "active");

    // What is set going that way lives in the server's unit, as ever; what it says goes to the journal alone.
    let headers = ["-H", "content-type: application/json"];
    let task = r#"{"project": "app", "id": "w", "text": "[[bash:touch w.txt]] [[done]]"}"#;
    let said = curl(&[&headers[..], &["-f", "-d", task, "http://localhost/tasks"]].concat());
    assert!(said.out.contains("\"task\": \"w\""), "{said:?}");
    eventually(&m, "the path unit saw it", || m.is_done("w"));
    let said = curl(&[&headers[..], &["-f", "-d", "{}", "http://localhost/trigger/watch"]].concat());
    assert!(said.out.contains("sessions looked at"), "{said:?}");
    let said = curl(&["-d", "x=1", "-w", "%{http_code}", "http://localhost/trigger/dispatch"]);
    assert!(said.out.contains("\"error\"") && said.out.ends_with("415"), "{said:?}");
    let said = curl(&["-H", "Origin: http://evil.example", "-w", "%{http_code}", "http://localhost/status"]);
    assert!(said.out.ends_with("403"), "{said:?}");

    // Somebody who says nothing is sent away, and keeps nobody else waiting.
    let silent = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    assert!(request(&socket, GET_STATUS).1.starts_with("HTTP/1.1 200"));
    eventually(&m, "the silent one is sent away", || {
        systemctl(&["list-units", "--all", "--no-legend", "claude-failover-control@*"]).is_empty()
    });
    drop(silent);
    m.ok(&["timers", "install", "--no-control"]);
    assert!(!socket.exists() && m.unit_files().iter().all(|name| !name.contains("control")));
}

/// Files, bytes and inodes of the state directory, and open files of the manager and the tmux server.
#[derive(Debug, PartialEq, Eq)]
struct Size {
    files: usize,
    directories: usize,
    bytes: usize,
    manager_fds: usize,
    server_fds: usize,
    panes: usize,
}

impl Size {
    fn of(m: &Machine) -> Self {
        let fds = |pid: &str| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let files = tree(&m.state(""));
        let mut directories: Vec<_> = files.keys().map(|path| path.parent().unwrap()).collect();
        directories.dedup();
        let manager = run(Command::new("pgrep").args(["-u", "sdtest", "-x", "-o", "systemd"])).out;
        Self {
            directories: directories.len(),
            bytes: files.values().map(Vec::len).sum(),
            files: files.len(),
            manager_fds: fds(manager.trim()),
            server_fds: fds(&server_pid().unwrap().to_string()),
            panes: tmux(&["list-panes", "-a"]).out.lines().count(),
        }
    }
}

#[test]
#[ignore = "runs inside the harness"]
fn days_of_ticks_leave_nothing_behind() {
    let m = Machine::new(RARELY);
    m.ok(&["timers", "install"]);
    m.ok(&["launch", "mine"]);
    for id in ["t", "u"] {
        m.drop_task(id, "[[bash:true]] [[done]]");
    }
    let state = |name: &str| m.session(name)["note"]["state"].clone();
    eventually(&m, "three sessions are idle", || ["t", "u"].iter().all(|id| m.is_done(id)));
    eventually(&m, "the own session too", || {
        systemctl(&["start", "claude-failover-watch.service"]);
        ["mine", "p-0", "p-1"].iter().all(|name| state(name) == "idle")
    });
    // What a person would write with `systemctl edit`: the same units, with hardly a pause, each run counted.
    let jobs = ["watch", "dispatch", "quota-check", "checkpoint"];
    for job in jobs {
        let timer = format!("claude-failover-{job}.timer");
        m.edit(
            &timer,
            "[Timer]\nOnUnitInactiveSec=\nOnActiveSec=0\nOnUnitInactiveSec=1ms\nAccuracySec=1us\nRandomizedDelaySec=0\n",
        );
        let count = format!("ExecStartPost=/bin/sh -c 'echo >> %h/ticks-{job}'");
        m.edit(
            &format!("claude-failover-{job}.service"),
            &format!("[Unit]\nStartLimitIntervalSec=0\n[Service]\n{count}\n"),
        );
        systemctl(&["restart", &timer]);
    }
    let ticks = |job: &str| m.path(&format!("ticks-{job}")).metadata().map_or(0, |meta| meta.len() as usize);
    // Two days at the default intervals are 5760 of `watch`; the short version proves the same on fewer.
    let wanted: usize = std::env::var("TICKS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let reach = |n: usize| {
        let start = Instant::now();
        while ticks("watch") < n {
            assert!(start.elapsed() < Duration::from_secs(3600), "{} ticks\n{}", ticks("watch"), journal(&[]));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let start = Instant::now();
    reach(wanted / 6);
    let before = Size::of(&m);
    reach(wanted);
    // At rest, as before: a run that is under way has locks and temp files.
    let after = Size::of(&m);
    let counts = jobs.map(|job| format!("{job} {}", ticks(job))).join(", ");
    eprintln!("figure: {counts} ticks in {:?}: {before:?} -> {after:?}", start.elapsed());
    for job in jobs {
        systemctl(&["stop", &format!("claude-failover-{job}.timer")]);
    }
    assert_eq!((before.files, before.directories, before.panes), (after.files, after.directories, after.panes));
    assert!(after.bytes <= before.bytes + 1000, "{before:?} {after:?}");
    assert!(
        after.manager_fds <= before.manager_fds + 8 && after.server_fds <= before.server_fds + 4,
        "{before:?} {after:?}"
    );
    let failed = systemctl(&[
        "list-units",
        "--failed",
        "--no-legend",
        "claude-failover-watch*",
        "claude-failover-dispatch*",
        "claude-failover-quota*",
        "claude-failover-checkpoint*",
    ]);
    assert!(failed.is_empty(), "{failed}");
}
