//! Whatever people, disks and clients come up with: a clear word, and nothing is lost.

use crate::common::{SOON, World, bin, tree, until};
use std::os::unix::fs::{PermissionsExt, symlink};

fn as_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn task_files_of_every_kind() {
    let w = World::new();
    let inbox = "app/.agent-queue/inbox";
    w.write(&format!("{inbox}/empty.md"), "");
    w.write(&format!("{inbox}/latin.md"), b"caf\xe9\n");
    w.write(&format!("{inbox}/huge.md"), vec![b'x'; 20 << 20]);
    w.write("outside.md", "secret");
    symlink(w.path("outside.md"), w.path(&format!("{inbox}/link.md"))).unwrap();
    nix::unistd::mkfifo(&w.path(&format!("{inbox}/fifo.md")), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for name in ["two words.md", "quo'te\".md", "new\nline.md", "$(touch pwned).md", "..md", "é.md"] {
        w.write(&format!("{inbox}/{name}"), "do it");
    }
    w.write(&format!("{inbox}/broken.md"), "---\ntitle: x\nbad: [\n---\ndo it");
    w.write(&format!("{inbox}/open.md"), "---\ntitle: x\ndo it");
    w.write(&format!("{inbox}/urgent.md"), "---\npriority: urgent\n---\ndo it");
    w.write(&format!("{inbox}/self.md"), "---\ndepends_on: self\n---\ndo it");
    w.write(&format!("{inbox}/a.md"), "---\ndepends_on: b\n---\ndo it");
    w.write(&format!("{inbox}/b.md"), "---\ndepends_on: a\n---\ndo it");
    w.write(&format!("{inbox}/climb.md"), "---\ndepends_on: ../../../etc/passwd\n---\ndo it");
    w.write(&format!("{inbox}/good.md"), "[[say:fine]]");
    let before = tree(&w.path("app"));
    until("the files are still", SOON, || w.ok(&["dispatch", "--dry-run"]).contains("would dispatch app:good"));
    let said = w.ok(&["dispatch", "--dry-run"]);
    for want in [
        "held app:empty: the file is empty",
        "held app:latin: line 1: it is not UTF-8",
        "held app:huge: it has 20971520 bytes, more than the 1048576 allowed",
        "held app:link: it is a symbolic link",
        "held app:fifo: it is not a regular file",
        "held two words.md: the name of the file cannot be used",
        "held quo'te\".md: the name",
        "held new\\nline.md: the name",
        "held $(touch pwned).md: the name",
        "held ..md: the name",
        "held app:broken: line 4: the front matter is not valid YAML",
        "held app:open: line 1: the front matter has no closing `---`",
        "held app:urgent: line 2: priority: unknown priority `urgent`",
        "held app:self: line 2: depends_on: the task depends on itself",
        "held app:a: its dependencies run in a circle: app:a → app:b → app:a",
        "held app:climb: line 2: depends_on: a task id must not start with `.` or `-`",
        "would dispatch app:good",
    ] {
        assert!(said.contains(want), "{want} is missing in:\n{said}");
    }
    w.drive("good is done", |w| w.place("good") == "done md");
    let after = tree(&w.path("app"));
    for (path, bytes) in &before {
        if !path.ends_with("good.md") {
            assert_eq!(after.get(path), Some(bytes), "{} was touched", path.display());
        }
    }
    assert!(!w.path("pwned").exists() && !w.path("app/pwned").exists());
    let count: u32 = w.ok(&["status", "-q"]).trim().parse().unwrap();
    assert!(count >= 14, "everything held needs a person: {count}");
}

#[test]
fn an_inbox_that_cannot_be_read_and_a_project_that_vanished() {
    let w = World::new();
    w.write("web/.agent-queue/inbox/x.md", "[[say:x]]");
    std::fs::remove_dir_all(w.path("app")).unwrap();
    let line = "config.yaml:4: projects.0.path: no such directory: `ROOT/app`";
    let said = w.cf(&["config", "check"]);
    assert_eq!(said.code, 6);
    assert!(w.redact(&said.err).contains(line), "{said:?}");
    // The other project goes on, and the one that is gone is told.
    let said = w.ok(&["dispatch", "--dry-run"]);
    assert!(w.redact(&said).contains("held app: the project is gone: `ROOT/app`"), "{said}");
    assert!(w.redact(&w.ok(&["status"])).contains(line));
    w.drive("x is done", |w| w.place("web:x") == "done md");
    std::fs::create_dir_all(w.path("app/.agent-queue")).unwrap();
    w.write("app/.agent-queue/inbox", "a file where the inbox should be");
    let said = w.ok(&["dispatch", "--dry-run"]);
    assert!(said.contains("held app: could not list the inbox: Not a directory"), "{said}");
}

#[test]
fn state_files_that_are_damaged_newer_or_somebody_elses() {
    let w = World::new();
    w.task("t", "[[say:x]]");
    w.ok(&["status"]);
    w.write("state/sessions/p-0.json", "{\"version\":1,\"name\":");
    w.write("state/sessions/p-1.json", "{\"version\":9}");
    let said = w.ok(&["status"]);
    assert!(said.contains("p-0 damaged state file") && said.contains("p-1 written by a newer version"), "{said}");
    w.drive("the third session does it", |w| w.place("t") == "done md");
    assert!(w.read("app/.agent-queue/done/t.md").contains("session: p-2"));
    assert_eq!(w.read("state/sessions/p-0.json"), "{\"version\":1,\"name\":", "never replaced");
    if as_root() {
        std::os::unix::fs::chown(w.path("state/sessions/p-2.json"), Some(1), None).unwrap();
        let said = w.ok(&["status"]);
        assert!(said.contains("p-2 belongs to user 1, not to us"), "{said}");
    }
    std::fs::set_permissions(w.path("state"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = w.cf(&["status"]);
    assert!(said.code == 1 && said.err.contains("hint: chmod 700"), "{said:?}");
}

#[test]
fn a_client_that_is_missing_exits_hangs_or_asks_to_log_in() {
    let agent = bin("stand-in-agent").display().to_string();
    for (program, env, wanted, hint) in [
        ("/nonexistent/claude", "", "the client is not installed: `/nonexistent/claude`", Some("client.program")),
        (agent.as_str(), ", STAND_IN_START: \"exit:3\"", "the client ended at once: stand-in: told to exit", None),
        (agent.as_str(), ", STAND_IN_START: login", "asks to log in", None),
        (agent.as_str(), ", STAND_IN_START: trust", "asks whether to trust the folder", None),
        (agent.as_str(), ", STAND_IN_START: hang", "the client never got ready", None),
    ] {
        let w = World::bare();
        w.config_with("", env, program);
        let short = w.read("config.yaml").replace("ready_timeout: 5s", "ready_timeout: 2s");
        w.write("config.yaml", short);
        w.task("t", "[[say:x]]");
        let said = w.cf(&["dispatch"]);
        if let Some(hint) = hint {
            assert!(said.out.contains(hint), "{said:?}");
        }
        until(wanted, SOON, || {
            w.cf(&["watch", "--no-dispatch"]);
            w.place("t") == "inbox md"
        });
        let status = w.ok(&["status"]);
        assert!(status.contains(wanted), "{wanted} is missing in:\n{status}");
        // The pause protects the queue: no second launch, no try counted.
        let said = w.ok(&["dispatch"]);
        assert!(said.contains("waits app:t: account `main`: ") && said.contains("next launch in"), "{said}");
        let why = w.ok(&["explain", "task", "t"]);
        assert!(why.contains("next launch in"), "{why}");
    }
}

#[test]
fn tmux_that_is_missing_too_old_or_hangs() {
    let w = World::new();
    w.task("t", "[[say:x]]");
    let plain = w.read("config.yaml");
    let with = |program: &str| {
        w.write("config.yaml", plain.replace("tmux: {", &format!("tmux: {{program: {program}, timeout: 1s, ")));
    };
    let script = |name: &str, text: &str| {
        w.write(name, format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(w.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        w.path(name).display().to_string()
    };
    let old =
        script("old", "case \"$*\" in *-V) echo 'tmux 2.6';; *) echo 'no server running on x' >&2; exit 1;; esac");
    let hang = script("hang", "sleep 60");
    for (program, want) in [
        ("/nonexistent/tmux", "tmux is not installed: `/nonexistent/tmux`"),
        (old.as_str(), "tmux is too old: tmux 2.6"),
        (hang.as_str(), "tmux did not end within 1 s"),
    ] {
        with(program);
        let said = w.cf(&["dispatch"]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.contains(want) && said.out.contains("hint: "), "{want} is missing: {said:?}");
        assert_eq!(w.place("t"), "inbox md", "nothing is lost");
    }
    w.write("config.yaml", plain.clone());
    w.drive("and then it works", |w| w.place("t") == "done md");
}

#[test]
fn hooks_take_any_input_and_never_fail() {
    let w = World::new();
    w.ok(&["status"]);
    let state = w.path("state").display().to_string();
    for (session, input) in [
        ("p-0", &b""[..]),
        ("p-0", b"not json"),
        ("p-0", b"[1,2]"),
        ("p-0", b"{\"hook_event_name\":7}"),
        ("../../x", b"{\"hook_event_name\":\"Stop\"}"),
        ("p-0", &[0xff; 4096]),
    ] {
        for command in ["event", "statusline"] {
            let mut child = w
                .command(&[command, "--state-dir", &state, "--session", session], &[])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            use std::io::Write;
            let _ = child.stdin.take().unwrap().write_all(input);
            assert!(child.wait().unwrap().success(), "{command} {input:?}");
        }
    }
    assert!(!w.path("x.jsonl").exists());
    w.ok(&["watch"]);
}

#[test]
fn a_full_disk_changes_nothing() {
    let w = World::new();
    w.task("t", "[[say:x]]");
    // A limit on the size of files fails every write with room for nothing, as a full disk does.
    let output = w
        .fenced("/bin/sh".as_ref())
        .args(["-c", "ulimit -f 0; exec \"$0\" dispatch"])
        .arg(bin("claude-failover"))
        .env_clear()
        .envs(&w.env)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    assert_ne!(output.status.code(), Some(101), "{output:?}");
    assert_eq!(w.place("t"), "inbox md");
    w.drive("and then it works", |w| w.place("t") == "done md");
}

#[test]
fn a_disk_that_is_really_full_changes_nothing() {
    let w = World::new();
    w.task("t", "[[say:x]]");
    w.ok(&["status"]);
    // A small file system of its own, in a mount namespace of its own, filled to the last block.
    // Without the reserve, which would be given up first.
    let script = r#"set -e
        cp -a "$1/state" "$1/kept"; rm "$1/kept/reserve"; mount -t tmpfs -o size=160k,mode=700 tmpfs "$1/state"; cp -a "$1/kept/." "$1/state/"
        head -c 1M /dev/zero >"$1/state/filler" 2>/dev/null || true
        if "$2" dispatch; then exit 50; else echo "code $?"; fi
        if "$2" launch mine; then exit 51; else echo "code $?"; fi
        rm "$1/state/filler"; "$2" task done t -p app; "$2" status"#; // the project's own disk has room
    let said = unshared(&w, script);
    assert!(said.contains("no room to work") && said.contains("hint: free some space"), "{said}");
    assert!(said.contains("No space left on device") && !said.contains("code 101"), "{said}");
    assert_eq!(said.matches("code 1\n").count(), 2, "{said}");
    assert_eq!(w.place("t"), "done md", "{said}");
}

#[test]
fn on_a_full_disk_the_reserve_brings_to_its_end_what_was_begun() {
    let w = World::new();
    w.task("t", "[[say:x]]");
    w.ok(&["status"]);
    let script = r#"set -e
        cp -a "$1/state" "$1/kept"; mount -t tmpfs -o size=300k,mode=700 tmpfs "$1/state"; cp -a "$1/kept/." "$1/state/"
        head -c 1M /dev/zero >"$1/state/filler" 2>/dev/null || true
        if "$2" dispatch; then exit 50; else echo "code $?"; fi
        test -e "$1/state/reserve" || exit 51
        "$2" deploy-hook app; if [ -e "$1/state/reserve" ]; then exit 52; fi
        rm "$1/state/filler"; "$2" doctor --fix || echo "code $?"
        test -s "$1/state/reserve" && echo "made again""#;
    let said = unshared(&w, script);
    assert!(said.contains("no room to work"), "nothing new is begun by it: {said}");
    assert!(said.contains("proved to block") && said.contains("made again"), "{said}");
}

/// Runs a script in a mount namespace of its own, as root of it.
fn unshared(w: &World, script: &str) -> String {
    let flags: &[&str] = if as_root() { &["-m"] } else { &["-r", "-m"] };
    let mut command = std::process::Command::new("unshare");
    command.args(flags).args(["--propagation", "private", "/bin/sh", "-c", script, "sh"]);
    command.arg(w.path("")).arg(bin("claude-failover")).env_clear().envs(&w.env);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {said}", output.status);
    said
}

#[test]
fn the_fence_around_the_tests_holds() {
    let (w, other) = (World::new(), World::new());
    if other.fenced("true".as_ref()).get_program() == "true" {
        return; // a kernel without Landlock, which was said
    }
    let text = w
        .read("config.yaml")
        .replace(&w.path("app").display().to_string(), &other.path("app").display().to_string());
    w.write("config.yaml", text);
    let said = w.cf(&["task", "add", "-p", "app", "-m", "do it"]);
    assert!(said.code == 1 && said.err.contains("Permission denied"), "{said:?}");
    assert!(std::fs::read_dir(other.path("app/.agent-queue/inbox")).unwrap().next().is_none());
}
