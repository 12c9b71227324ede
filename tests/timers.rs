//! Units: what is rendered, what systemd itself says of it, and what happens under a real manager.

#[path = "systemd/inside.rs"]
mod inside;

use crate::common::{World, bin, tree};
use std::io::Write;
use std::process::Command;

/// Runs one of the tests of [`inside`] in a harness of its own.
fn under_a_real_systemd(name: &str, env: &[(&str, String)]) {
    let harness = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd/with-systemd.sh");
    let this = std::env::current_exe().unwrap();
    let programs = bin("claude-failover").parent().unwrap().to_owned();
    let here = std::path::Path::new("/opt/cf").join(this.strip_prefix(&programs).unwrap());
    let output = Command::new("bash")
        .arg(harness)
        .args(["--ro", &format!("{}:/opt/cf", programs.display()), "--", "/usr/bin/env"])
        .args(env.iter().map(|(name, value)| format!("{name}={value}")))
        .arg(here)
        .args(["--exact", &format!("timers::inside::{name}"), "--ignored", "--nocapture"])
        .env("TMPDIR", "/var/tmp")
        .output()
        .unwrap();
    let said = crate::common::Said::of(&output);
    assert_eq!(said.code, 0, "{}\n{}\n(98: see `make tools`; it needs root)", said.out, said.err);
    assert!(said.out.contains("1 passed"), "{said:?}");
    // Past the runner's capture: a figure is for whoever reads the log of a run that was green.
    for line in said.err.lines().filter(|line| line.starts_with("figure: ")) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

#[test]
fn under_systemd_kicks_and_inboxes_lead_to_runs() {
    under_a_real_systemd("kicks_and_inboxes_lead_to_runs", &[]);
}

#[test]
fn under_systemd_a_reboot_brings_everything_back() {
    under_a_real_systemd("a_reboot_brings_everything_back", &[]);
}

#[test]
fn under_systemd_a_run_that_fails_is_told() {
    under_a_real_systemd("a_run_that_fails_is_told", &[]);
}

#[test]
fn under_systemd_requests_are_answered_and_hurt_no_run() {
    under_a_real_systemd("requests_are_answered_and_hurt_no_run", &[]);
}

#[test]
fn under_systemd_days_of_ticks_leave_nothing_behind() {
    let ticks: Vec<_> = std::env::var("TICKS").map(|n| ("TICKS", n)).into_iter().collect();
    under_a_real_systemd("days_of_ticks_leave_nothing_behind", &ticks);
}

/// Puts a recorder of `systemctl` first in the PATH of what `args` starts.
pub fn recorded(w: &World, args: &[&str], env: &[(&str, &str)]) -> crate::common::Said {
    let program = w.path("bin/systemctl");
    if program.symlink_metadata().is_err() {
        std::fs::create_dir_all(w.path("bin")).unwrap();
        // A link: a program that was just written cannot be run while another thread's fork still has it open.
        let recorder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd/systemctl-recorder.sh");
        std::os::unix::fs::symlink(recorder, program).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", w.path("bin").display());
    let env: Vec<(&str, &str)> = env.iter().copied().chain([("PATH", path.as_str())]).collect();
    w.cf_env(args, &env)
}

/// The units of a world as they should lie in its home.
fn rendered(w: &World) -> Vec<(String, String)> {
    let all = w.json(&["timers", "print"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all["units"].as_array().unwrap().iter().map(|u| (text(&u["name"]), text(&u["text"]))).collect()
}

const UNITS: &str = "home/.config/systemd/user";

/// Every unit lies there as rendered, the manager has read it, and no killed run has left anything.
pub fn is_installed(w: &World, what: &str) {
    let all = rendered(w);
    for (name, text) in &all {
        assert_eq!(w.read(&format!("{UNITS}/{name}")), *text, "{what}: {name}");
        assert_eq!(w.read(&format!("manager/known/{name}")), *text, "{what}: {name} was not read");
        let enabled = w.read(&format!("manager/enabled/{name}")) == "yes\n";
        assert_eq!(enabled, text.contains("\n[Install]\n"), "{what}: {name}");
    }
    let files = tree(&w.path(UNITS));
    assert_eq!(files.len(), all.len(), "{what}: litter: {:?}", files.keys());
    let said = recorded(w, &["timers", "install"], &[]);
    assert!(said.code == 0 && said.out.contains("nothing to do"), "{what}: {said:?}");
}

/// Nothing of ours is left, and nothing of it starts any more.
pub fn is_removed(w: &World, what: &str) {
    let files = tree(&w.path(UNITS));
    assert!(files.is_empty(), "{what}: left: {:?}", files.keys());
    for (path, text) in tree(&w.path("manager/enabled")) {
        assert_eq!(text, b"no\n", "{what}: {}", path.display());
    }
    assert!(!w.read("manager/log").contains("stop claude-failover-tmux"), "{what}");
    assert!(!w.read("manager/log").contains("restart"), "{what}");
}

#[test]
fn install_and_remove_call_systemctl_as_it_wants_to_be_called() {
    let w = World::new();
    let said = recorded(&w, &["timers", "install", "--dry-run"], &[]);
    assert!(said.code == 0 && said.out.contains("would enable claude-failover-tmux.service"), "{said:?}");
    assert!(
        !w.path("home/.config").exists() && !w.path("manager/log").exists(),
        "a dry run has changed something"
    );
    let said = recorded(&w, &["timers", "install"], &[]);
    assert_eq!(said.code, 0, "{said:?}");
    is_installed(&w, "installed");
    assert!(!w.path(&format!("{UNITS}/claude-failover-control.socket")).exists(), "only where it is asked for");
    let names = "claude-failover-tmux.service claude-failover-watch.timer claude-failover-quota-check.timer \
                 claude-failover-dispatch.timer claude-failover-notify.timer claude-failover-notify.path claude-failover-checkpoint.timer \
                 claude-failover-janitor.timer claude-failover-kick.path claude-failover-inbox.path";
    assert_eq!(w.read("manager/log"), format!("daemon-reload\nenable --now --quiet {names}\n"));
    let listed: serde_json::Value =
        serde_json::from_str(&recorded(&w, &["--json", "timers", "list"], &[]).out).unwrap();
    assert_eq!(listed["units"].as_array().unwrap().len(), 10);
    assert!(listed["units"].as_array().unwrap().iter().all(|u| u["file"] == "current"), "{listed}");

    w.write("manager/log", "");
    w.write(&format!("{UNITS}/other.service"), "[Service]\n");
    let said = recorded(&w, &["--json", "timers", "remove"], &[]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(said.code == 0 && report["waiting"][0]["hint"].as_str().unwrap().contains("stop"), "{report}");
    std::fs::remove_file(w.path(&format!("{UNITS}/other.service"))).unwrap();
    is_removed(&w, "removed");
    let log = w.read("manager/log");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("disable --now --quiet ") && !lines[0].contains("tmux"), "{log}");
    assert_eq!(
        lines[1..],
        [
            "disable --quiet claude-failover-tmux.service",
            "clean --what=state claude-failover-janitor.timer",
            "daemon-reload"
        ]
    );
    let said = recorded(&w, &["timers", "remove"], &[]);
    assert!(said.code == 0 && said.out.contains("nothing to do"), "{said:?}");
}

#[test]
fn the_socket_comes_and_goes_when_it_is_told_to() {
    let w = World::new();
    recorded(&w, &["timers", "install"], &[]);
    let said = recorded(&w, &["timers", "install", "--control"], &[]);
    assert!(said.code == 0 && said.out.contains("wrote claude-failover-control.socket: new"), "{said:?}");
    is_installed(&w, "with the socket");
    w.write("manager/log", "");
    // Once there it stays, and follows the configuration.
    let listen = w.path("c.sock").display().to_string();
    w.write("config.yaml", w.read("config.yaml") + &format!("\ncontrol: {{listen: {listen}}}\n"));
    let said = recorded(&w, &["timers", "install"], &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        w.read("manager/log"),
        "stop claude-failover-control.socket\ndaemon-reload\nenable --now --quiet claude-failover-control.socket\n"
    );
    is_installed(&w, "moved");
    w.write("manager/log", "");
    let said = recorded(&w, &["timers", "install", "--no-control"], &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let log = w.read("manager/log");
    assert_eq!(log, "disable --now --quiet claude-failover-control.socket\ndaemon-reload\n");
    is_installed(&w, "without");
    let said = recorded(&w, &["timers", "install", "--control", "--no-control"], &[]);
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn where_there_is_no_systemd_that_is_said_and_what_to_do() {
    let w = World::new();
    w.write("manager/is", "offline\n");
    for args in [
        &["timers", "install"][..],
        &["timers", "remove"],
        &["timers", "list"],
        &["timers", "install", "--system"],
    ] {
        let said = recorded(&w, args, &[]);
        assert_eq!(said.code, 1, "{args:?}: {said:?}");
        assert!(said.err.contains("no systemd here") && said.err.contains("timers print --cron"), "{said:?}");
    }
    // A user that is not logged in has no manager.
    w.write("manager/is", "");
    let said = recorded(&w, &["timers", "install"], &[]);
    assert!(said.code == 1 && said.err.contains("hint: run `loginctl enable-linger"), "{said:?}");
    // No systemctl at all.
    let empty = w.path("tmp").display().to_string();
    let said = w.cf_env(&["timers", "install"], &[("PATH", &empty)]);
    assert!(said.code == 1 && said.err.contains("timers print --cron"), "{said:?}");
    assert!(!w.path("home/.config").exists());
    let said = recorded(&w, &["timers", "install", "--system", "--run-as", "nobody-of-this-name"], &[]);
    assert!(said.code == 1 && said.err.contains("no such user"), "{said:?}");
}

/// A world whose paths hold what means something to systemd.
fn odd_world() -> World {
    let w = World::new();
    std::fs::create_dir_all(w.path("a b %h $x 'q'/.agent-queue/inbox")).unwrap();
    let root = w.path("").display().to_string();
    let config = w
        .read("config.yaml")
        .replace("projects:\n", &format!("projects:\n- {{path: \"{root}a b %h $x 'q'\", name: odd}}\n"));
    w.write("config.yaml", config);
    w
}

#[test]
fn systemd_finds_nothing_to_say_of_the_units() {
    let port = World::new();
    let control = "control: {listen: '[::1]:8765', token: {credential: t}}\n";
    port.write("config.yaml", port.read("config.yaml") + "\n" + control);
    for w in [World::new(), odd_world(), port] {
        for args in [&["--generic"][..], &["--control"], &["--system", "--control"]] {
            let dir = w.path(&format!("units-{}", args.len() + args.concat().len()));
            let to = dir.display().to_string();
            w.ok(&[&["timers", "print", "--to", &to][..], args].concat());
            let files: Vec<_> = tree(&dir).into_keys().collect();
            assert!(files.len() >= 16, "{files:?}");
            let scope = if args.contains(&"--system") { "--system" } else { "--user" };
            let output = Command::new("systemd-analyze")
                .args([scope, "verify", "--recursive-errors=no"])
                .args(&files)
                .env("XDG_RUNTIME_DIR", w.path("tmp"))
                .output()
                .expect("systemd-analyze: `make tools`");
            let said = crate::common::Said::of(&output);
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        }
    }
}

#[test]
fn what_the_units_and_cron_start_is_a_command_of_ours() {
    let mut seen = 0;
    let w = World::new();
    let mut lines: Vec<String> = w.ok(&["timers", "print", "--cron"]).lines().map(str::to_owned).collect();
    for (name, text) in rendered(&w) {
        assert_eq!(text.lines().next(), Some(claude_failover::model::timers::HEADER), "{name}");
        lines.extend(text.lines().filter_map(|line| line.strip_prefix("ExecStart=")).map(str::to_owned));
    }
    let program = bin("claude-failover").display().to_string();
    for line in lines {
        let words = shlex::split(&line).unwrap();
        let Some(at) = words.iter().position(|word| *word == program) else { continue };
        let parsed = claude_failover::cli::command().try_get_matches_from(&words[at..]);
        if let Err(e) = parsed {
            panic!("{line}: {e}");
        }
        seen += 1;
    }
    assert_eq!(seen, 7 + 8, "seven lines for cron, eight services");
}

#[test]
fn a_line_for_cron_runs_as_cron_runs_it() {
    let w = World::new();
    w.task("t", "[[sleep:60]]");
    let lines = w.ok(&["timers", "print", "--cron"]);
    let line = lines.lines().find(|line| line.ends_with("-q dispatch")).unwrap();
    let command = line.splitn(6, ' ').nth(5).unwrap().replace("\\%", "%");
    let path = lines.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap();
    let run = || {
        let mut sh = w.fenced("/bin/sh".as_ref());
        let home = w.path("home");
        sh.args(["-c", &command]).env_clear().env("PATH", path).env("HOME", home).env("LC_ALL", "C.UTF-8");
        crate::common::Said::of(&sh.output().unwrap())
    };
    let said = run();
    assert_eq!(said.code, 0, "{said:?}");
    // Under load the agent may have been faster than this look.
    assert!(["inbox md.dispatched", "done md"].contains(&w.place("t").as_str()), "{}", w.place("t"));
    // While another holds the lock it does nothing, and says nothing: cron would send a mail.
    let lock = std::fs::File::open(w.path("state/lock/cron-dispatch.lock")).unwrap();
    lock.lock().unwrap();
    let said = run();
    assert_eq!((said.code, said.out + &said.err), (0, String::new()));
}
