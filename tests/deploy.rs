//! `deploy-hook`: the guard put into projects and taken out, launches that are refused without it, and what
//! `watch` does when it is tampered with.

use crate::common::{SOON, Said, World, bin, tree, until};
use serde_json::Value;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

const SCRIPT: &str = "app/.claude/hooks/claude-failover-guard.sh";
const SETTINGS: &str = "app/.claude/settings.json";
const LOCAL: &str = "app/.claude/settings.local.json";

fn deploy(w: &World) -> String {
    w.ok(&["deploy-hook", "app"])
}

fn refused(w: &World, why: &str) -> Said {
    let before = tree(&w.path("app"));
    let said = w.cf(&["deploy-hook", "app"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains(why), "{why} is missing in: {said:?}");
    assert_eq!(tree(&w.path("app")), before, "something was changed");
    said
}

fn mode(w: &World, path: &str) -> u32 {
    w.path(path).symlink_metadata().unwrap().permissions().mode() & 0o7777
}

fn chmod(w: &World, path: &str, mode: u32) {
    std::fs::set_permissions(w.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Everything below a directory, with links, modes and empty directories.
fn picture(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().flatten() {
            let path = entry.path();
            let meta = path.symlink_metadata().unwrap();
            let text = match () {
                () if meta.is_symlink() => format!("-> {}", std::fs::read_link(&path).unwrap().display()),
                () if meta.is_dir() => {
                    // What git keeps for itself changes with every question.
                    if path.ends_with(".git") {
                        let exclude = std::fs::read_to_string(path.join("info/exclude"));
                        found.push(format!("exclude {exclude:?}"));
                        continue;
                    }
                    dirs.push(path.clone());
                    String::new()
                }
                () => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            };
            found.push(format!("{} {:o} {text}", path.display(), meta.mode()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_project_gets_script_and_entry_once_and_both_block() {
    let w = World::new();
    let before = picture(&w.path("app"));
    let said = w.ok(&["deploy-hook", "app", "--dry-run"]);
    assert!(said.contains("would deploy"), "{said}");
    assert_eq!(picture(&w.path("app")), before);
    let said = deploy(&w);
    assert!(said.contains("deployed app") && said.contains("proved to block"), "{said}");
    assert_eq!(mode(&w, SCRIPT), 0o555);
    let value: Value = serde_json::from_str(&w.read(SETTINGS)).unwrap();
    let group = &value["hooks"]["PreToolUse"][0];
    assert_eq!((&group["matcher"], &group["hooks"][0]["onFailure"]), (&"*".into(), &"block".into()));
    // Again, and nothing is written.
    let (script, settings) = (w.path(SCRIPT).metadata().unwrap(), w.path(SETTINGS).metadata().unwrap());
    assert!(deploy(&w).contains("up to date"));
    assert_eq!(w.path(SCRIPT).metadata().unwrap().ino(), script.ino());
    assert_eq!(w.path(SETTINGS).metadata().unwrap().ino(), settings.ino());
    assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0);
    assert!(!w.read_log().contains("fs.delete-home"), "a test of ours is nothing that an agent has asked for");
    // Taken out: as it was.
    assert!(w.ok(&["deploy-hook", "app", "--remove", "--dry-run"]).contains("would remove"));
    let said = w.ok(&["deploy-hook", "app", "--remove"]);
    assert!(said.contains("removed app"), "{said}");
    assert_eq!(picture(&w.path("app")), before);
    assert!(w.ok(&["deploy-hook", "app", "--remove"]).contains("not installed"));
    // All of the configuration.
    w.ok(&["deploy-hook"]);
    assert!(w.path("web/.claude/hooks/claude-failover-guard.sh").exists() && w.path(SCRIPT).exists());
    assert_eq!(w.json(&["deploy-hook", "--check"])["actions"][1]["verb"], "in order");
}

#[test]
fn what_stands_in_the_settings_already_stays_and_comes_back() {
    for text in [
        "",
        "{}\n",
        "{\n    \"model\": \"opus\",\n    \"future\": [1, {\"x\": null}]\n}\n",
        "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"/bin/true\"}]}],\"Stop\":[]}}",
        "\u{feff}{\r\n\t\"a\": 1\r\n}\r\n",
    ] {
        let w = World::new();
        w.write(SETTINGS, text);
        chmod(&w, SETTINGS, 0o640);
        let before = picture(&w.path("app"));
        deploy(&w);
        assert_eq!(mode(&w, SETTINGS), 0o640, "{text:?}");
        assert!(w.cf(&["deploy-hook", "app", "--check"]).code == 0, "{text:?}");
        w.ok(&["deploy-hook", "app", "--remove"]);
        assert_eq!(picture(&w.path("app")), before, "{text:?}");
        // … and with an edit of a person's between.
        deploy(&w);
        let edited = w.read(SETTINGS).replacen('{', "{\"mine\": \"é\", ", 1);
        w.write(SETTINGS, &edited);
        assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0, "{edited}");
        w.ok(&["deploy-hook", "app"]);
        w.ok(&["deploy-hook", "app", "--remove"]);
        let left = w.read(SETTINGS);
        assert!(left.contains("\"mine\": \"é\"") && !left.contains("claude-failover"), "{left}");
        assert!(!w.path(SCRIPT).exists());
    }
}

#[test]
fn an_older_one_is_replaced_and_not_doubled() {
    let w = World::new();
    let old = "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"timeout 3 /old/claude-failover guard || exit 2\"}]},\
        {\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"/x/.claude/hooks/claude-failover-guard.sh\"},{\"type\":\"command\",\"command\":\"/bin/true\"}]}]}}";
    w.write(SETTINGS, old);
    let said = w.cf(&["deploy-hook", "app", "--check"]);
    assert_eq!(said.code, 5);
    assert!(said.out.contains("outdated app") || said.out.contains("missing app"), "{said:?}");
    deploy(&w);
    let text = w.read(SETTINGS);
    assert!(!text.contains("/old/") && !text.contains("/x/") && text.contains("/bin/true"), "{text}");
    // A script of another program's place is brought up to date.
    chmod(&w, SCRIPT, 0o755);
    w.write(SCRIPT, "#!/bin/sh\nexit 0\n");
    let said = w.cf(&["deploy-hook", "app", "--check"]);
    assert!(said.code == 5 && said.out.contains("not what this program writes"), "{said:?}");
    assert!(deploy(&w).contains("deployed app"));
    assert!(w.read(SCRIPT).contains(&bin("claude-failover").display().to_string()));
}

#[test]
fn what_keeps_it_out_is_refused_and_nothing_is_changed() {
    let w = World::new();
    w.write(SETTINGS, "{\n  \"a\": 1,\n}\n");
    refused(&w, "app/.claude/settings.json:3");
    w.write(SETTINGS, "{\n// why\n\"a\": 1}\n");
    refused(&w, "app/.claude/settings.json:2");
    w.write(SETTINGS, "{\"hooks\": []}");
    refused(&w, "`hooks` is not an object");
    w.write(SETTINGS, [b'{', 0xff, b'}']);
    refused(&w, "could not read");
    w.write(SETTINGS, "{}");
    chmod(&w, SETTINGS, 0o444);
    refused(&w, "it is read-only");
    chmod(&w, SETTINGS, 0o644);
    for text in ["{\"disableAllHooks\": true}", "{\"env\": {\"CLAUDE_CODE_SIMPLE\": \"1\"}}"] {
        w.write(LOCAL, text);
        refused(&w, "hooks are switched off by");
        let said = w.cf(&["deploy-hook", "app", "--check"]);
        assert!(said.code == 5 && said.out.contains("disabled app"), "{said:?}");
    }
    std::fs::remove_dir_all(w.path("app/.claude")).unwrap();
    // A folder that several projects share.
    std::fs::create_dir(w.path("shared-claude")).unwrap();
    symlink(w.path("shared-claude"), w.path("app/.claude")).unwrap();
    refused(&w, "it leads out of the project");
    assert!(tree(&w.path("shared-claude")).is_empty());
    std::fs::remove_file(w.path("app/.claude")).unwrap();
    w.write("app/.claude", "a file");
    refused(&w, "not a directory");
    std::fs::remove_file(w.path("app/.claude")).unwrap();
    deploy(&w);
    assert_eq!(w.cf(&["deploy-hook", "nowhere"]).code, 1);
}

#[test]
fn a_link_is_written_through_inside_the_project_and_never_replaced() {
    let w = World::new();
    w.write("app/conf/claude.json", "{\n  \"a\": 1\n}\n");
    std::fs::create_dir_all(w.path("app/.claude")).unwrap();
    symlink("../conf/claude.json", w.path(SETTINGS)).unwrap();
    let before = picture(&w.path("app"));
    deploy(&w);
    assert!(w.path(SETTINGS).symlink_metadata().unwrap().is_symlink());
    assert!(w.read("app/conf/claude.json").contains("claude-failover-guard.sh"));
    assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0);
    w.ok(&["deploy-hook", "app", "--remove"]);
    assert_eq!(picture(&w.path("app")), before);
    // One that leads out is shared with others: the local file carries the entry.
    std::fs::remove_file(w.path(SETTINGS)).unwrap();
    w.write("dotfiles.json", "{}\n");
    symlink(w.path("dotfiles.json"), w.path(SETTINGS)).unwrap();
    let said = deploy(&w);
    assert!(said.contains("leads out of the project"), "{said}");
    assert_eq!(w.read("dotfiles.json"), "{}\n");
    assert!(w.read(LOCAL).contains("claude-failover-guard.sh"));
}

#[test]
fn git_status_stays_as_it_was() {
    let w = World::new();
    w.git(&["-C", "app", "init", "-q"]);
    w.write("app/a.txt", "a\n");
    w.git(&["-C", "app", "add", "a.txt"]);
    w.git(&["-C", "app", "commit", "-qm", "a"]);
    let before = (w.git(&["-C", "app", "status", "--porcelain", "-uall"]), picture(&w.path("app")));
    deploy(&w);
    assert_eq!(w.git(&["-C", "app", "status", "--porcelain", "-uall"]), before.0);
    assert!(w.path(SETTINGS).exists());
    w.ok(&["deploy-hook", "app", "--remove"]);
    assert_eq!(picture(&w.path("app")), before.1);
    // A settings file that git tracks is not touched.
    w.write(SETTINGS, "{\n  \"model\": \"opus\"\n}\n");
    w.git(&["-C", "app", "add", ".claude/settings.json"]);
    w.git(&["-C", "app", "commit", "-qm", "settings"]);
    let before = (w.git(&["-C", "app", "status", "--porcelain", "-uall"]), picture(&w.path("app")));
    let said = deploy(&w);
    assert!(said.contains("git tracks `settings.json`, so `settings.local.json` carries the entry"), "{said}");
    assert_eq!(w.git(&["-C", "app", "status", "--porcelain", "-uall"]), before.0);
    assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0);
    // A linked working tree shares the exclude file.
    w.git(&["-C", "app", "worktree", "add", "-q", "../tree"]);
    w.ok(&["deploy-hook", w.path("tree").to_str().unwrap()]);
    w.ok(&["deploy-hook", "app", "--remove"]);
    let tree_status = |w: &World| {
        let output = Command::new("git")
            .arg("-C")
            .arg(w.path("tree"))
            .args(["status", "--porcelain", "-uall"])
            .env_clear()
            .envs(&w.env)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(tree_status(&w), "");
    w.ok(&["deploy-hook", w.path("tree").to_str().unwrap(), "--remove"]);
    assert_eq!(tree_status(&w), "");
    w.git(&["-C", "app", "worktree", "remove", "--force", "../tree"]);
    w.git(&["-C", "app", "branch", "-qD", "tree"]);
    assert_eq!(picture(&w.path("app")), before.1);
}

/// The script around a guard of our own, run by a shell.
fn script_with(w: &World, guard: &str, shell: &str) -> (i32, String, String) {
    use claude_failover::model::deploy::entry::{Parts, script};
    w.write("a guard/claude-failover", guard);
    chmod(w, "a guard/claude-failover", 0o755);
    if guard.is_empty() {
        std::fs::remove_file(w.path("a guard/claude-failover")).unwrap();
    }
    let (program, state) = (w.path("a guard/claude-failover"), w.path("st'ate"));
    let parts = Parts { program: &program, timeout: Path::new("/usr/bin/timeout"), state: &state };
    w.write("script.sh", script(&parts, Some("app")).unwrap());
    let mut child = w
        .fenced(Path::new(shell))
        .arg(w.path("script.sh"))
        .env_clear()
        .envs(&w.env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"{\"the\":\"call\"}");
    let output = child.wait_with_output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_script_ends_in_0_or_2_in_every_shell() {
    let w = World::new();
    for shell in ["/bin/dash", "/bin/bash"] {
        let said = script_with(&w, "#!/bin/sh\ncat; echo \"$@\"; exit 0\n", shell);
        let args = format!("guard --state-dir {} --project app", w.path("st'ate").display());
        assert_eq!((said.0, said.1), (0, format!("{{\"the\":\"call\"}}{args}\n")), "{shell}");
        let said = script_with(&w, "#!/bin/sh\necho no >&2; exit 2\n", shell);
        assert_eq!((said.0, said.2.as_str()), (2, "no\n"), "{shell}");
        for (guard, why) in [
            ("", "cannot be run"),
            ("#!/no/such/interpreter\n", "cannot be run"),
            ("#!/bin/sh\nexit 1\n", "ended with status 1"),
            ("#!/bin/sh\nexit 3\n", "ended with status 3"),
            ("#!/bin/sh\nkill -SEGV $$\n", "ended with status 139"),
            ("#!/bin/sh\nkill -KILL $$\n", "did not answer in time"),
        ] {
            let said = script_with(&w, guard, shell);
            assert_eq!(said.0, 2, "{shell} {guard:?}: {said:?}");
            assert!(said.2.contains(why) && said.2.contains("deploy-hook"), "{shell} {guard:?}: {said:?}");
        }
    }
    let start = std::time::Instant::now();
    let said = script_with(&w, "#!/bin/sh\ntrap '' TERM\nsleep 60 & wait; sleep 60\n", "/bin/sh");
    assert_eq!(said.0, 2, "{said:?}");
    assert!(said.2.contains("did not answer in time") && start.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn a_guard_that_does_not_work_is_found_out_and_nothing_is_launched() {
    let w = World::new();
    deploy(&w);
    // A program in its place that lets everything pass, by another name of the same text.
    let fake = w.path("fake");
    std::fs::create_dir(&fake).unwrap();
    // By another process: what is open here for writing, a child of another test may have inherited for a moment,
    // and then the kernel does not run it.
    let copied = std::process::Command::new("cp").arg(bin("claude-failover")).arg(&fake).status().unwrap();
    assert!(copied.success());
    let run = |args: &[&str]| {
        let output = w.fenced(&fake.join("claude-failover")).args(args).env_clear().envs(&w.env).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let said = run(&["deploy-hook", "app", "--check"]);
    assert_eq!(said.0, Some(5), "{said:?}");
    assert!(said.1.contains("not what this program writes"), "{said:?}");
    // The entry calls what is not there any more: every call would be blocked, and it says so.
    run(&["deploy-hook", "app"]);
    std::fs::remove_file(fake.join("claude-failover")).unwrap();
    let said = w.cf(&["deploy-hook", "app", "--check"]);
    assert_eq!(said.code, 5, "{said:?}");
    w.task("t", "[[say:hi]]");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0, "a launch has put it right");
}

#[test]
fn a_launch_carries_the_guard_and_is_refused_without() {
    let w = World::new();
    w.task("t", "[[say:hi]]");
    w.drive("done", |w| w.place("t") == "done md");
    assert!(w.path(SCRIPT).exists(), "a launch deploys");
    let overlay: Value = serde_json::from_str(&w.read("state/overlay/p-0.json")).unwrap();
    let before = overlay["hooks"]["PreToolUse"].as_array().unwrap();
    assert_eq!(before.len(), 2);
    let command = before[1]["hooks"][0]["command"].as_str().unwrap();
    assert!(command.contains("--session p-0 --project app"), "{command}");
    assert!(w.session("p-0")["armed"]["files"].as_array().unwrap().len() >= 4);
    // A project that switches hooks off gets no session, and says why.
    w.write("web/.claude/settings.json", "{\"disableAllHooks\": true}");
    w.task("web:x", "[[say:hi]]");
    let said = w.cf(&["dispatch"]);
    let status = w.ok(&["status"]);
    assert!(said.out.contains("disableAllHooks") && status.contains("needs a person"), "{said:?}\n{status}");
    assert_eq!(w.place("web:x"), "inbox md");
    let said = w.cf(&["launch", "p-1", "--project", "web"]);
    assert!(said.code == 1 && said.err.contains("not launched without a guard"), "{said:?}");
    assert!(w.session("p-1")["client"].is_null());
    std::fs::remove_file(w.path("web/.claude/settings.json")).unwrap();
    w.drive("done", |w| w.place("web:x") == "done md");
    // So does an account's own home, for all of its sessions.
    w.write("acct/settings.json", "{\"disableAllHooks\": true}");
    let said = w.cf(&["launch", "p-2", "--project", "web"]);
    assert!(said.code == 1 && said.err.contains("acct/settings.json"), "{said:?}");
}

#[test]
fn the_operator_may_leave_it_out() {
    let w = World::new();
    w.config("guard: {deploy: false}\n");
    w.write("app/.claude/settings.json", "{\"disableAllHooks\": true}");
    w.task("t", "[[say:hi]]");
    w.drive("done", |w| w.place("t") == "done md");
    assert!(!w.path(SCRIPT).exists() && !w.read("state/overlay/p-0.json").contains(" guard "));
    assert!(w.session("p-0")["armed"].is_null());
    // … or only out of one directory: the session's overlay has it all the same.
    let w = World::new();
    let text = w.read("config.yaml").replace("max_sessions: 3}", "max_sessions: 3, guard: {deploy: false}}");
    w.write("config.yaml", text);
    w.task("t", "[[say:hi]]");
    w.drive("done", |w| w.place("t") == "done md");
    assert!(!w.path("app/.claude").exists() && w.read("state/overlay/p-0.json").contains(" guard "));
    assert!(w.ok(&["config", "check"]).contains("deploy: false"));
}

/// A session at work in `app` on task `t`, which does not end by itself.
fn at_work(w: &World) -> i64 {
    w.task("t", "[[bash:touch begun; sleep 300]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.path("app/begun").exists());
    w.ok(&["watch"]);
    w.session("p-0")["client"]["pid"].as_i64().unwrap()
}

#[test]
fn tampering_stops_the_session_within_a_tick() {
    let nothing: fn(&World) = |_| {};
    type Case = (&'static str, fn(&World), &'static str);
    let cases: [Case; 7] = [
        ("deleted", |w| std::fs::remove_file(w.path(SCRIPT)).unwrap(), "the script is missing"),
        ("unreadable", |w| chmod(w, SCRIPT, 0), "has not mode 0555"),
        (
            "replaced",
            |w| {
                std::fs::remove_file(w.path(SCRIPT)).unwrap();
                w.write(SCRIPT, "#!/bin/sh\nexit 0\n");
            },
            "not what this program writes",
        ),
        ("emptied", |w| w.write(SETTINGS, "{}"), "no settings file has the entry"),
        ("broken", |w| w.write(SETTINGS, "{"), "not JSON"),
        ("switched off", |w| w.write(LOCAL, "{\"disableAllHooks\":true}"), "hooks are switched off by"),
        ("overlay", |w| w.write("state/overlay/p-0.json", "{}"), "overlay was changed"),
    ];
    let _ = nothing;
    for (what, tamper, why) in cases {
        let w = World::new();
        let pid = at_work(&w);
        tamper(&w);
        let said = w.cf(&["watch", "--no-dispatch"]);
        assert!(said.out.contains("stopped p-0") && said.out.contains(why), "{what}: {said:?}");
        assert!(std::fs::read_link(format!("/proc/{pid}/exe")).is_err(), "{what}: it still runs");
        assert_eq!(w.place("t"), "inbox md", "{what}");
        assert!(w.read_log().contains("its guard does not hold any more"), "{what}");
        assert!(w.ok(&["explain", "task", "t"]).contains("its guard does not hold any more"), "{what}");
        // The next launch puts it right, except for what only a person may decide.
        w.ok(&["task", "cancel", "t"]);
        w.task("u", "[[say:hi]]");
        if what == "switched off" || what == "broken" {
            let said = w.cf(&["dispatch"]);
            assert_eq!(w.place("u"), "inbox md", "{what}: {said:?}");
            w.write(SETTINGS, "{}");
            let _ = std::fs::remove_file(w.path(LOCAL));
        }
        w.drive("put right", |w| {
            let later =
                jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(40)).unwrap().to_string();
            w.cf_env(&["dispatch"], &[("CLAUDE_FAILOVER_NOW", &later)]);
            w.place("u") == "done md"
        });
        assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0, "{what}");
    }
}

#[test]
fn an_edit_of_a_persons_stops_nothing() {
    let w = World::new();
    let pid = at_work(&w);
    let said = w.cf(&["deploy-hook", "app", "--remove"]);
    assert!(said.code == 1 && said.out.contains("session `p-0` runs in"), "{said:?}");
    let text = w.read(SETTINGS).replacen('{', "{\"model\": \"opus\",", 1);
    w.write(SETTINGS, text);
    w.write(LOCAL, "{\"permissions\": {}}");
    w.write("acct/settings.json", "{\"theme\": \"dark\"}");
    let said = w.ok(&["watch"]);
    assert!(said.contains("nothing to do"), "{said}");
    assert_eq!(w.session("p-0")["client"]["pid"], pid);
    // Looked at once: from then on it is what it is compared with.
    let record = w.read("state/sessions/p-0.json");
    w.ok(&["watch"]);
    assert_eq!(w.read("state/sessions/p-0.json"), record);
    // A newer program, or another one, that deploys anew is no tampering.
    std::fs::remove_file(w.path(SCRIPT)).unwrap();
    w.ok(&["deploy-hook", "app"]);
    assert!(w.ok(&["watch"]).contains("nothing to do"));
}

#[test]
fn a_dedicated_session_is_told_of_and_never_ended() {
    let w = World::new();
    w.ok(&["launch", "mine"]);
    until("idle", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    let pid = w.session("mine")["client"]["pid"].clone();
    w.write("web/.claude/settings.json", "{\"disableAllHooks\": true}");
    for _ in 0..2 {
        let said = w.ok(&["watch"]);
        assert!(said.contains("not guarded") && said.contains("disableAllHooks"), "{said}");
    }
    assert_eq!(w.session("mine")["client"]["pid"], pid);
    assert!(w.ok(&["status"]).contains("not guarded"));
    assert_eq!(w.read_log().matches("found a session without a guard").count(), 1);
    w.write("web/.claude/settings.json", "{}");
    // Mended by a person, the entry included.
    w.ok(&["deploy-hook", "web"]);
    assert!(!w.ok(&["watch"]).contains("not guarded"));
    assert!(w.read_log().contains("in order again"));
}

#[test]
fn the_machines_entry_comes_and_goes() {
    let w = World::new();
    let dir = w.path("etc/claude-code").display().to_string();
    let env = [("CLAUDE_FAILOVER_MANAGED_DIR", dir.as_str())];
    let run = |args: &[&str]| w.cf_env(args, &env);
    let said = run(&["deploy-hook", "--managed", "--check"]);
    assert!(said.code == 5 && said.out.contains("missing"), "{said:?}");
    std::fs::create_dir_all(w.path("etc/claude-code")).unwrap();
    w.write("etc/claude-code/managed-settings.json", "{\"theirs\":1}");
    let said = run(&["deploy-hook", "--managed"]);
    assert_eq!(said.code, 0, "{said:?}");
    let file = "etc/claude-code/managed-settings.d/50-claude-failover.json";
    let value: Value = serde_json::from_str(&w.read(file)).unwrap();
    assert_eq!(value["env"]["CLAUDE_CODE_SIMPLE"], "0");
    assert_eq!(mode(&w, file), 0o644);
    assert!(!value["hooks"]["PreToolUse"][0]["hooks"][0]["command"].as_str().unwrap().contains("--project"));
    assert!(run(&["deploy-hook", "--managed"]).out.contains("up to date"));
    assert_eq!(run(&["deploy-hook", "--managed", "--check"]).code, 0);
    // A session that was launched under it is stopped when it goes.
    w.task("t", "[[bash:touch begun; sleep 300]]");
    run(&["dispatch"]);
    until("at work", SOON, || w.path("app/begun").exists());
    run(&["watch"]);
    w.write(file, "{}");
    let said = run(&["watch", "--no-dispatch"]);
    assert!(said.out.contains("stopped p-0") && said.out.contains("the machine's entry"), "{said:?}");
    run(&["deploy-hook", "--managed"]);
    assert_eq!(run(&["deploy-hook", "--managed", "--remove"]).code, 0);
    let left: Vec<_> = tree(&w.path("etc")).into_keys().collect();
    assert_eq!(left, [w.path("etc/claude-code/managed-settings.json")]);
    assert!(!w.path("etc/claude-code/managed-settings.d").exists());
}
