//! `doctor`: each fault is found in a world that has it, and `--fix` mends just what is safe.

mod units;

use std::os::unix::fs::PermissionsExt;

use crate::common::{SOON, World, tree, until};

/// A world in which nothing is wrong: its state may lie in /var/tmp, its client does not go on by itself, and a
/// cron runs its commands.
pub fn sound() -> World {
    let w = World::new();
    w.config("allow_volatile_state: true\n");
    w.write("acct/settings.json", "{\"autoContinueAtUsageLimit\": false}");
    for dir in ["acct", "home"] {
        chmod(&w, dir, 0o700);
    }
    w.ok(&["account", "add", "main"]);
    w.ok(&["deploy-hook"]);
    for command in ["watch", "dispatch", "quota-check", "checkpoint", "janitor"] {
        w.ok(&[command]);
    }
    let config = w.read("config.yaml");
    // No dedicated session: it would have to be launched.
    let dedicated = config.lines().filter(|l| !l.contains("dedicated") && !l.contains("name: mine"));
    w.write("config.yaml", dedicated.collect::<Vec<_>>().join("\n") + "\n");
    w.ok(&["deploy-hook"]);
    w
}

fn chmod(w: &World, path: &str, mode: u32) {
    std::fs::set_permissions(w.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(w: &World, path: &str) -> u32 {
    w.path(path).metadata().unwrap().permissions().mode() & 0o777
}

/// The codes of a world's findings, without those that are only good to know and those of the machine.
fn codes(w: &World) -> Vec<String> {
    let said = w.json(&["doctor"]);
    let found = said["findings"].as_array().unwrap_or_else(|| panic!("{said}"));
    let of_machine = ["clock", "disk", "locale", "systemd"];
    found
        .iter()
        .filter(|f| f["severity"] != "info" && !of_machine.iter().any(|s| f["subject"] == *s))
        .map(|f| f["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn nothing_wrong_is_one_line_and_nothing_is_changed() {
    let w = sound();
    let before = tree(&w.path("state"));
    assert_eq!(codes(&w), Vec::<String>::new());
    let said = w.cf(&["doctor"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{said:?}");
    assert!(said.out.starts_with("nothing is wrong"), "{said:?}");
    assert_eq!(w.ok(&["-q", "doctor"]), "0\n");
    assert_eq!(tree(&w.path("state")), before, "a look changes nothing");
    let fixed = w.cf(&["doctor", "--fix"]);
    assert_eq!(fixed.code, 0, "{fixed:?}");
}

#[test]
fn it_works_without_a_configuration_with_a_broken_one_and_without_state() {
    let w = World::bare();
    let said = w.cf(&["doctor"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.out.contains("config-missing") && said.out.contains("hint: claude-failover init"), "{said:?}");
    assert!(!w.path("state").exists());
    w.write("config.yaml", "accounts: []\nwacther: {}\n");
    let said = w.cf(&["doctor"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.out.contains("config.yaml:2: unknown field `wacther`"), "{said:?}");
    assert!(said.out.contains("did you mean `watcher`?"), "{said:?}");
    // What can be mended without it is mended.
    w.write("state/x.json", "{\"version\":1}");
    chmod(&w, "state", 0o755);
    let said = w.cf(&["doctor", "--fix"]);
    assert!(said.err.contains("fix: chmod 700"), "{said:?}");
    assert_eq!(mode(&w, "state"), 0o700);
}

#[test]
fn each_fault_of_a_world_is_found() {
    let w = sound();
    let with = |what: &str, code: &str, make: &dyn Fn(), unmake: &dyn Fn()| {
        make();
        let found = codes(&w);
        assert!(found.iter().any(|c| c == code), "{what}: {found:?}, not {code}");
        unmake();
        assert_eq!(codes(&w), Vec::<String>::new(), "after {what}");
    };
    for dir in ["state/outbox", "state/outbox/targets"] {
        std::fs::create_dir_all(w.path(dir)).unwrap();
        chmod(&w, dir, 0o700);
    }
    let config = w.read("config.yaml");
    let put = |path: &'static str, text: &'static str| {
        let w = &w;
        move || w.write(path, text)
    };
    let take = |path: &'static str| {
        let w = &w;
        move || std::fs::remove_file(w.path(path)).unwrap()
    };
    let changed = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        let text = config.replace(from, to);
        let w = &w;
        move || w.write("config.yaml", text.clone())
    };
    let restored = || w.write("config.yaml", config.clone());
    let lines = |more: &'static str| {
        let text = format!("{config}{more}");
        let w = &w;
        move || w.write("config.yaml", text.clone())
    };
    with(
        "a damaged session",
        "file-damaged",
        &put("state/sessions/p-1.json", "{"),
        &take("state/sessions/p-1.json"),
    );
    with(
        "a file of a newer program",
        "file-newer",
        &put("state/accounts/spare.json", "{\"version\":99}"),
        &take("state/accounts/spare.json"),
    );
    with(
        "the shared hooks off",
        "hooks-off",
        &put("app/.claude/settings.local.json", "{\"disableAllHooks\":true}"),
        &|| {
            take("app/.claude/settings.local.json")();
        },
    );
    let settings = w.read("acct/settings.json");
    with(
        "a key in a project",
        "login-shadowed",
        &put("web/.claude/settings.local.json", "{\"env\":{\"ANTHROPIC_API_KEY\":\"x\"}}"),
        &take("web/.claude/settings.local.json"),
    );
    with("a client that goes on by itself", "auto-continue", &put("acct/settings.json", "{}"), &|| {
        w.write("acct/settings.json", &settings);
    });
    with("no client", "client-missing", &changed("stand-in-agent", "no-such-client"), &restored);
    with(
        "tmux is missing",
        "tmux-unusable",
        &changed("tmux: {", "tmux: {program: /nonexistent/tmux, "),
        &restored,
    );
    with("the guard is off", "guard-off", &lines("guard: {deploy: false}\n"), &restored);
    with(
        "a dedicated session",
        "session-missing",
        &changed("pool:", "pool:\n  dedicated: [{name: mine, project: /}]"),
        &restored,
    );
    with(
        "a task that cannot be used",
        "task-held",
        &|| {
            w.write("app/.agent-queue/inbox/bad.md", "---\npriority: [\n---\nx");
            // One that is still being written is not looked at.
            let file =
                std::fs::File::options().append(true).open(w.path("app/.agent-queue/inbox/bad.md")).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(9)).unwrap();
        },
        &take("app/.agent-queue/inbox/bad.md"),
    );
    let target = "notifications: {targets: [{name: x, kind: desktop}]}\n";
    with(
        "a target that refuses",
        "notify-target",
        &|| {
            lines(target)();
            w.write(
                "state/outbox/targets/x.json",
                "{\"version\":1,\"trouble\":{\"fault\":true,\"why\":\"refused\"}}",
            );
        },
        &|| {
            restored();
            take("state/outbox/targets/x.json")();
        },
    );
    with(
        "an old client",
        "client-old",
        &|| {
            w.write("old", "#!/bin/sh\necho '2.0.1 (Claude Code)'\n");
            chmod(&w, "old", 0o755);
            let agent = crate::common::bin("stand-in-agent").display().to_string();
            changed(&agent, &w.path("old").display().to_string())();
        },
        &restored,
    );
    with(
        "a message that was given up",
        "notify-parked",
        &put("state/outbox/targets/x.json", "{\"version\":1,\"parked\":{\"e\":{}}}"),
        &take("state/outbox/targets/x.json"),
    );
    with(
        "a task that nobody has",
        "task-lost",
        &put("app/.agent-queue/inbox/t.md.dispatched", "x"),
        &take("app/.agent-queue/inbox/t.md.dispatched"),
    );
    with(
        "a login",
        "login-missing",
        &|| std::fs::rename(w.path("acct/.credentials.json"), w.path("away")).unwrap(),
        &|| {
            std::fs::rename(w.path("away"), w.path("acct/.credentials.json")).unwrap();
        },
    );
    with("a configuration that others write", "config-open", &|| chmod(&w, "config.yaml", 0o666), &|| {
        chmod(&w, "config.yaml", 0o644);
    });
    with(
        "an old script of the guard",
        "hook-outdated",
        &|| {
            let path = "app/.claude/hooks/claude-failover-guard.sh";
            chmod(&w, path, 0o755);
        },
        &|| drop(w.ok(&["deploy-hook"])),
    );
    let old = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(3)).unwrap();
    let set = |time: jiff::Timestamp| {
        let file = std::fs::File::options().append(true).open(w.path("state/lock/dispatch.lock")).unwrap();
        file.set_modified(time.into()).unwrap();
    };
    with(
        "a queue that starves",
        "queue-starves",
        &|| {
            w.write("app/.agent-queue/inbox/s.md", "x");
            let file = std::fs::File::options().append(true).open(w.path("app/.agent-queue/inbox/s.md")).unwrap();
            file.set_modified(old.into()).unwrap();
            set(old);
        },
        &|| {
            std::fs::remove_file(w.path("app/.agent-queue/inbox/s.md")).unwrap();
            set(jiff::Timestamp::now());
        },
    );
}

/// One finding by its code.
fn finding(w: &World, code: &str) -> serde_json::Value {
    let said = w.json(&["doctor"]);
    let all = said["findings"].as_array().unwrap_or_else(|| panic!("{said}")).iter();
    all.clone().find(|f| f["code"] == code).unwrap_or_else(|| panic!("no {code}: {said}")).clone()
}

#[test]
fn sessions_and_the_configuration_are_compared_both_ways() {
    let w = sound();
    let config = w.read("config.yaml");
    let pool = config.replace("pool:", "pool:\n  dedicated: [{name: mine, project: ROOT/web}]");
    let pool = pool.replace("ROOT", w.path("").display().to_string().trim_end_matches('/'));
    w.write("config.yaml", &pool);
    w.ok(&["deploy-hook"]);
    w.ok(&["launch", "mine"]);
    until("it runs", SOON, || w.session("mine")["client"]["pid"].is_i64());
    assert_eq!(codes(&w), Vec::<String>::new());
    // Taken out of the configuration while it runs.
    w.write("config.yaml", &config);
    assert!(codes(&w).contains(&"session-unconfigured".to_owned()), "{:?}", codes(&w));
    // Its client dies: brought back, or not.
    w.write("config.yaml", &pool);
    w.tmux(&["kill-session", "-t", "=mine"]);
    until("it is gone", SOON, || codes(&w) == ["session-down"]);
    assert!(finding(&w, "session-down")["remedy"].as_str().unwrap().starts_with("claude-failover watch"));
    w.write("config.yaml", format!("{pool}watcher: {{dedicated_resume: false}}\n"));
    let found = finding(&w, "session-down");
    assert_eq!(found["remedy"], "claude-failover launch mine");
    assert!(found["message"].as_str().unwrap().contains("`watcher.dedicated_resume` is off"), "{found}");
}

#[test]
fn what_is_safe_is_fixed_each_shown_first_and_a_dry_run_only_shows() {
    let w = sound();
    std::fs::remove_dir(w.path("state/kick")).unwrap();
    std::fs::remove_file(w.path("state/lock/watch.lock")).unwrap();
    std::fs::remove_file(w.path("state/reserve")).unwrap();
    std::fs::remove_file(w.path("app/.claude/hooks/claude-failover-guard.sh")).unwrap();
    std::fs::remove_file(w.path("acct/todos")).unwrap();
    std::fs::remove_dir_all(w.path("web/.agent-queue")).unwrap();
    w.write("state/switch/memory.json", "{\"version\":1,");
    w.write("state/accounts/main.json", "");
    chmod(&w, "state/accounts", 0o755);
    chmod(&w, "acct", 0o755);
    let before = (tree(&w.path("state")), w.read("web/.agent-queue/inbox"));
    let dry = w.cf(&["doctor", "--fix", "--dry-run"]);
    assert_eq!(dry.code, 5, "{dry:?}");
    assert_eq!((tree(&w.path("state")), w.read("web/.agent-queue/inbox")), before);
    let planned: Vec<&str> = dry.out.lines().filter_map(|l| l.strip_prefix("would ")).collect();
    let real = w.cf(&["doctor", "--fix"]);
    assert_eq!(real.code, 0, "{real:?}");
    let carried: Vec<&str> = real.err.lines().filter_map(|l| l.strip_prefix("fix: ")).collect();
    assert_eq!(carried, planned, "the plan that was shown is the one that is carried out");
    assert!(planned.len() >= 10, "{planned:?}");
    // When it last ran stood in its lock file.
    w.ok(&["watch"]);
    assert_eq!(codes(&w), Vec::<String>::new());
    assert_eq!((mode(&w, "state/accounts"), mode(&w, "acct")), (0o700, 0o700));
    assert!(w.path("state/kick").is_dir() && w.path("state/lock/watch.lock").exists());
    assert_eq!(w.path("state/reserve").metadata().unwrap().len(), 64 << 10);
    assert!(w.path("acct/todos").canonicalize().is_ok() && w.path("web/.agent-queue/inbox").is_dir());
    assert_eq!(w.cf(&["deploy-hook", "--check"]).code, 0);
    let kept: Vec<Vec<u8>> = tree(&w.path("state/quarantine")).into_values().collect();
    assert!(kept.contains(&b"{\"version\":1,".to_vec()), "nothing is deleted: {kept:?}");
    // A second time there is nothing to do.
    let again = w.cf(&["doctor", "--fix"]);
    assert!(again.code == 0 && !again.err.contains("fix:"), "{again:?}");
}

#[test]
fn what_could_lose_something_is_left_to_a_person() {
    let w = sound();
    w.task("t", "[[sleep:60]]");
    w.ok(&["dispatch"]);
    until("it is at work", SOON, || w.session("p-0")["client"]["pid"].is_i64());
    let record = w.read("state/sessions/p-0.json");
    // The record of a session whose client lives, and the journal of a switch.
    w.write("state/sessions/p-0.json", "{");
    w.write("state/switch/current.json", "{");
    std::fs::remove_file(w.path("acct/todos")).unwrap();
    w.write("acct/todos/one", "x");
    let said = w.cf(&["doctor", "--fix"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert_eq!((w.read("state/sessions/p-0.json"), w.read("state/switch/current.json")), ("{".into(), "{".into()));
    assert_eq!(w.read("acct/todos/one"), "x");
    w.write("state/sessions/p-0.json", record);
    std::fs::remove_file(w.path("state/switch/current.json")).unwrap();
}

#[test]
fn a_tmux_that_hangs_is_a_finding_and_hides_no_other() {
    let w = sound();
    w.write(
        "hang",
        "#!/bin/sh\n[ \"$1\" = -u ] && shift\ncase \"$*\" in *-V*) echo tmux 3.3a;; *) sleep 600;; esac\n",
    );
    chmod(&w, "hang", 0o755);
    let config = w.read("config.yaml");
    let program = format!("tmux: {{program: {}, timeout: 300ms, ", w.path("hang").display());
    w.write("config.yaml", config.replace("tmux: {", &program));
    w.write("state/accounts/main.json", "{");
    let found = codes(&w);
    assert!(found.contains(&"tmux-silent".to_owned()) && found.contains(&"file-damaged".to_owned()), "{found:?}");
    w.write("config.yaml", config);
}

#[test]
fn login_variables_of_the_tmux_server_and_its_unit_are_seen() {
    let w = sound();
    w.tmux(&["new-session", "-d", "-s", "person", "sleep 60"]);
    w.tmux(&["set-environment", "-g", "ANTHROPIC_API_KEY", "made-up"]);
    let said = w.cf(&["doctor"]);
    assert!(
        said.out.contains("login-variable") && said.out.contains("set-environment -g -u ANTHROPIC_API_KEY"),
        "{said:?}"
    );
    assert!(!said.out.contains("made-up"), "a secret is never printed: {said:?}");
    assert_eq!(said.code, 0, "{said:?}");
}
