//! The guard through the real program: what the client hands it, and what it answers. No command of these
//! tests runs: the program only reads them.

use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Said, World, bin};

/// The words of an entry.
fn entry(w: &World) -> Vec<String> {
    let state = w.path("state").display().to_string();
    ["guard", "--state-dir", &state, "--session", "p-0"].map(str::to_owned).to_vec()
}

fn hook(w: &World, args: &[&str], input: &[u8], env: &[(&str, &str)]) -> Said {
    let mut command = w.command(args, env);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A guard that has heard enough closes its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    Said::of(&child.wait_with_output().unwrap())
}

fn payload(w: &World, tool: &str, input: &Value) -> Vec<u8> {
    let cwd = w.path("app");
    json!({
        "session_id": "s", "transcript_path": "/t", "cwd": cwd, "permission_mode": "bypassPermissions",
        "hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": input, "tool_use_id": "toolu_1",
    })
    .to_string()
    .into_bytes()
}

fn call(w: &World, tool: &str, input: &Value, more: &[&str]) -> Said {
    let entry = entry(w);
    let args: Vec<&str> = entry.iter().map(String::as_str).chain(more.iter().copied()).collect();
    hook(w, &args, &payload(w, tool, input), &[])
}

fn bash(w: &World, command: &str) -> Said {
    call(w, "Bash", &json!({ "command": command }), &[])
}

fn passes(said: &Said) {
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""), "{said:?}");
}

fn blocks(said: &Said, rule: &str) {
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.starts_with(&format!("claude-failover guard blocked this call: {rule}")), "{said:?}");
    assert!(said.err.contains("you may go on"), "{said:?}");
}

fn guard_lines(w: &World) -> Vec<Value> {
    let log = w.read_log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["command"] == "guard").collect()
}

/// A world whose policy was compiled, as it is before any session is launched.
fn ready() -> World {
    let w = World::new();
    w.ok(&["status"]);
    w
}

#[test]
fn what_destroys_is_blocked_with_a_reason_and_the_rest_runs() {
    let w = ready();
    passes(&bash(&w, "ls -la"));
    let said = bash(&w, "rm -rf ~");
    blocks(&said, "fs.delete-home");
    assert!(said.err.contains("Read as: ") && said.err.contains("Instead: "), "{said:?}");
    let home = w.path("home").display().to_string();
    passes(&call(&w, "Write", &json!({"file_path": "src/a.rs", "content": "rm -rf ~"}), &[]));
    for tool in ["Write", "Edit", "MultiEdit"] {
        let input = json!({"file_path": format!("{home}/.bashrc"), "content": "x", "edits": []});
        blocks(&call(&w, tool, &input, &[]), "file.protected-write");
    }
    passes(&call(&w, "Read", &json!({"file_path": format!("{home}/.bashrc")}), &[]));
    blocks(&call(&w, "Monitor", &json!({"command": "rm -rf ~"}), &[]), "fs.delete-home");
    passes(&call(&w, "Monitor", &json!({"ws": {"url": "wss://example.com"}}), &[]));
    blocks(&call(&w, "mcp__shell__run", &json!({"cmd": "rm", "args": ["-rf", &home]}), &[]), "fs.delete-home");
    passes(&call(&w, "WebFetch", &json!({"url": "https://example.com", "prompt": "rm -rf ~"}), &[]));
}

#[test]
fn what_is_ours_is_protected_with_and_without_a_policy() {
    let w = ready();
    let ours = |w: &World, name: &str| {
        let input = json!({"file_path": w.path(name), "content": "x"});
        call(w, "Write", &input, &[])
    };
    for name in ["config.yaml", "state/guard/policy.json", "state/overlay/p-0.json", "acct/settings.json"] {
        blocks(&ours(&w, name), "file.protected-write");
    }
    let program = json!({"file_path": bin("claude-failover"), "content": "x"});
    blocks(&call(&w, "Write", &program, &[]), "file.protected-write");
    passes(&ours(&w, "app/config.yaml"));
    // Without a policy what the entry itself names is known, and the client's own home.
    std::fs::remove_file(w.path("state/guard/policy.json")).unwrap();
    blocks(&ours(&w, "state/guard/policy.json"), "file.protected-write");
    blocks(&call(&w, "Write", &program, &[]), "file.protected-write");
    let entry = entry(&w);
    let args: Vec<&str> = entry.iter().map(String::as_str).collect();
    let home = w.path("spare").display().to_string();
    let settings = payload(&w, "Write", &json!({"file_path": format!("{home}/settings.json")}));
    blocks(&hook(&w, &args, &settings, &[("CLAUDE_CONFIG_DIR", &home)]), "file.protected-write");
}

#[test]
fn input_that_is_not_a_hooks_blocks() {
    let w = ready();
    let entry = entry(&w);
    let args: Vec<&str> = entry.iter().map(String::as_str).collect();
    let good = payload(&w, "Bash", &json!({"command": "ls"}));
    for input in [
        &b""[..],
        b"\n",
        b"null",
        b"[]",
        b"{}",
        b"{\"tool_name\":\"Bash\"}",
        b"{\"cwd\":\"/\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":7}}",
        b"{\"cwd\":\"/\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"\\ud800\"}}",
        b"{\"cwd\":\"/\",\"tool_name\":\"Write\",\"tool_input\":{\"file_path\":\"/a\\u0000\"}}",
        b"{\"cwd\":\"x\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"ls\"}}",
        b"{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"ls\"}}",
        b"{\"cwd\":\"/\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"\xff\"}}",
        &good[..good.len() / 2],
        &[&good[..], b"}"].concat(),
        &vec![b'['; 1 << 20],
        &b"{\"a\":".repeat(100_000),
    ] {
        blocks(&hook(&w, &args, input, &[]), "input.unreadable");
    }
    passes(&hook(&w, &args, &good, &[]));
    let large = payload(&w, "Write", &json!({"file_path": "a", "content": "x\n".repeat(10 << 20)}));
    passes(&hook(&w, &args, &large, &[]));
    blocks(&hook(&w, &args, &vec![b' '; 70 << 20], &[]), "input.limit");
    blocks(&bash(&w, &"x ".repeat(40_000)), "input.limit");
    assert!(guard_lines(&w).iter().any(|line| line["guard"]["rules"] == json!(["input.unreadable"])));
}

#[test]
fn a_guard_that_fails_blocks() {
    let w = ready();
    let entry = entry(&w);
    let args: Vec<&str> = entry.iter().map(String::as_str).collect();
    let input = payload(&w, "Bash", &json!({"command": "ls"}));
    for fault in ["panic", "abort", "stack"] {
        let said = hook(&w, &args, &input, &[("CLAUDE_FAILOVER_GUARD_FAULT", fault)]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{fault}: {said:?}");
        assert!(said.err.contains("blocked this call"), "{fault}: {said:?}");
    }
    let start = Instant::now();
    let said = hook(&w, &args, &input, &[("CLAUDE_FAILOVER_GUARD_FAULT", "hang")]);
    blocks(&said, "input.limit");
    let took = start.elapsed();
    assert!((Duration::from_millis(1500)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[test]
fn a_client_that_never_ends_its_input_is_not_waited_for() {
    let w = ready();
    let mut command = w.command(&["guard"], &[]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"cwd\":\"/\",").unwrap();
    let start = Instant::now();
    let said = Said::of(&child.wait_with_output().unwrap());
    drop(stdin);
    assert!(start.elapsed() < Duration::from_secs(10));
    blocks(&said, "input.limit");
}

#[test]
fn a_small_stack_and_signals_held_back_change_nothing() {
    let w = ready();
    for (command, code) in [("ls", 0), ("rm -rf ~", 2)] {
        let program = bin("claude-failover").display().to_string();
        let line = format!("trap '' ALRM SEGV ABRT; ulimit -s 1024; exec {program} guard --state-dir \"$1\"");
        let mut shell = w.fenced("/bin/bash".as_ref());
        shell.args(["-c", &line, "sh"]).arg(w.path("state")).env_clear().envs(&w.env);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let input = payload(&w, "Bash", &json!({ "command": command }));
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let said = Said::of(&child.wait_with_output().unwrap());
        assert_eq!(said.code, code, "{command}: {said:?}");
    }
}

#[test]
fn closed_outputs_and_missing_state_change_no_answer() {
    let w = ready();
    let state = w.path("state");
    let code = |redirects: &str, state: &std::path::Path, command: &str| {
        let line = format!("exec {} guard --state-dir \"$1\" {redirects}", bin("claude-failover").display());
        let mut shell = w.fenced("/bin/sh".as_ref());
        shell.args(["-c", &line, "sh"]).arg(state).env_clear().envs(&w.env);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(&payload(&w, "Bash", &json!({ "command": command })));
        child.wait_with_output().unwrap().status.code()
    };
    for redirects in ["", ">&-", "2>&-", ">&- 2>&-", ">/dev/full 2>/dev/full"] {
        assert_eq!(code(redirects, &state, "ls"), Some(0), "{redirects}");
        assert_eq!(code(redirects, &state, "kubectl delete pod x"), Some(0), "{redirects}");
        assert_eq!(code(redirects, &state, "rm -rf ~"), Some(2), "{redirects}");
    }
    assert_eq!(code("<&-", &state, "ls"), Some(2));
    for state in ["missing", "config.yaml", "state/guard/policy.json"] {
        assert_eq!(code("", &w.path(state), "ls"), Some(0), "{state}");
        assert_eq!(code("", &w.path(state), "rm -rf ~"), Some(2), "{state}");
    }
    // A log that cannot be written, or that would wait for a reader.
    let log = w.path("state/log");
    std::fs::remove_dir_all(&log).unwrap();
    assert_eq!(code("", &state, "rm -rf ~"), Some(2));
    std::fs::create_dir(&log).unwrap();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(code("", &state, "rm -rf ~"), Some(2));
    assert_eq!(code("", &state, "kubectl delete pod x"), Some(0));
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o700)).unwrap();
    // No room, as far as a process can have none.
    let line = format!("ulimit -f 0; exec {} guard --state-dir \"$1\"", bin("claude-failover").display());
    for (command, want) in [("rm -rf ~", 2), ("kubectl delete pod x", 0), ("ls", 0)] {
        let mut shell = w.fenced("/bin/sh".as_ref());
        shell.args(["-c", &line, "sh"]).arg(&state).env_clear().envs(&w.env);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&payload(&w, "Bash", &json!({ "command": command }))).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(want), "{command}");
    }
}

#[test]
fn an_entry_that_is_written_wrong_blocks_and_says_how_to_mend_it() {
    let w = ready();
    let input = payload(&w, "Bash", &json!({"command": "ls"}));
    for args in [
        &["guard", "--sate-dir", "/x"][..],
        &["guard", "--state-dir"],
        &["guard", "now"],
        &["guard", "--session", "", "x"],
        &["-q", "guard"],
        &["guard", "--json"],
    ] {
        let said = hook(&w, args, &input, &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {said:?}");
        assert!(said.err.contains("deploy-hook"), "{args:?}: {said:?}");
    }
}

#[test]
fn policy_is_global_and_per_project_and_the_agent_does_not_choose_it() {
    let w = World::new();
    let config = w
        .read("config.yaml")
        .replace("max_sessions: 3}", "max_sessions: 3, guard: {rules: {git.push-force: warn}}}");
    w.write("config.yaml", format!("{config}guard:\n  rules: {{fs.delete-home: 'off'}}\n  branches: [release]\n"));
    w.ok(&["status"]);
    let push = json!({"command": "git push --force origin topic"});
    passes(&bash(&w, "rm -rf ~/Documents"));
    blocks(&call(&w, "Bash", &push, &[]), "git.push-force");
    blocks(&call(&w, "Bash", &push, &["--project", "web"]), "git.push-force");
    blocks(&call(&w, "Bash", &push, &["--project", "nobody"]), "git.push-force");
    blocks(&call(&w, "Bash", &push, &["--project", "../app"]), "git.push-force");
    // A warning: it runs, and the model is told.
    let said = call(&w, "Bash", &push, &["--project", "app"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["hookSpecificOutput"]["hookEventName"], "PreToolUse");
    assert!(told["hookSpecificOutput"]["additionalContext"].as_str().unwrap().contains("git.push-force"));
    assert!(told["hookSpecificOutput"]["permissionDecision"].is_null());
    // What an agent can set: another configuration, another state directory, the working directory.
    w.write("app/evil.yaml", w.read("config.yaml").replace("'off'", "'off', git.push-force: 'off'"));
    let evil = w.path("app/evil.yaml").display().to_string();
    let entry = entry(&w);
    let args: Vec<&str> = entry.iter().map(String::as_str).collect();
    let env = [("CLAUDE_FAILOVER_CONFIG", evil.as_str()), ("CLAUDE_FAILOVER_STATE_DIR", "/nowhere")];
    blocks(&hook(&w, &args, &payload(&w, "Bash", &push), &env), "git.push-force");
    let said = w.cf(&["--config", &evil, "status"]);
    assert!(said.err.contains("the guard's policy is compiled from"), "{said:?}");
    blocks(&call(&w, "Bash", &push, &[]), "git.push-force");
}

#[test]
fn a_changed_configuration_holds_at_the_next_call_and_a_broken_one_relaxes_nothing() {
    let w = ready();
    let relaxed = "guard: {rules: {fs.delete-home: 'off'}}\n";
    blocks(&bash(&w, "rm -rf ~/Documents"), "fs.delete-home");
    w.config(relaxed);
    passes(&bash(&w, "rm -rf ~/Documents"));
    passes(&bash(&w, "rm -rf ~/Documents"));
    // Invalid: built-in rules, said once in the log, what is ours stays protected.
    w.write("config.yaml", format!("{}nonsense: 1\n", w.read("config.yaml")));
    for _ in 0..3 {
        blocks(&bash(&w, "rm -rf ~/Documents"), "fs.delete-home");
        passes(&bash(&w, "ls"));
    }
    let told = |w: &World| guard_lines(w).iter().filter(|l| l["what"] == "took the built-in rules").count();
    assert_eq!(told(&w), 1, "{}", w.read_log());
    let settings = json!({"file_path": w.path("acct/settings.json")});
    blocks(&call(&w, "Write", &settings, &[]), "file.protected-write");
    // Gone, and back again.
    std::fs::remove_file(w.path("config.yaml")).unwrap();
    blocks(&bash(&w, "rm -rf ~/Documents"), "fs.delete-home");
    w.config(relaxed);
    passes(&bash(&w, "rm -rf ~/Documents"));
    assert_eq!(told(&w), 2, "{}", w.read_log());
    // Damaged, of a newer program, a link: the built-in rules; the next run mends what it may.
    let policy = w.path("state/guard/policy.json");
    let good = std::fs::read(&policy).unwrap();
    for bad in [&b""[..], b"{", &good[..good.len() / 2], b"{\"version\":9}", b"[]"] {
        std::fs::write(&policy, bad).unwrap();
        blocks(&bash(&w, "rm -rf ~/Documents"), "fs.delete-home");
        w.ok(&["status"]);
        assert_eq!(
            w.read("state/guard/policy.json").as_bytes(),
            good,
            "{}\n{}",
            w.read("state/guard/policy.json"),
            String::from_utf8_lossy(&good)
        );
        passes(&bash(&w, "rm -rf ~/Documents"));
    }
    w.write("other.json", &good);
    std::fs::remove_file(&policy).unwrap();
    std::os::unix::fs::symlink(w.path("other.json"), &policy).unwrap();
    blocks(&bash(&w, "rm -rf ~/Documents"), "fs.delete-home");
    std::fs::remove_file(&policy).unwrap();
    nix::unistd::mkfifo(&policy, nix::sys::stat::Mode::S_IRWXU).unwrap();
    blocks(&bash(&w, "rm -rf ~/Documents"), "fs.delete-home");
}

#[test]
fn an_idle_run_writes_no_policy() {
    let w = ready();
    let at = |w: &World| w.path("state/guard/policy.json").metadata().unwrap().modified().unwrap();
    let before = at(&w);
    w.ok(&["status"]);
    w.ok(&["watch"]);
    passes(&bash(&w, "ls"));
    assert_eq!(at(&w), before);
    assert_eq!(w.path("state/guard/policy.json").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_configuration_is_checked() {
    let w = World::new();
    let said = |more: &str| {
        w.config(more);
        let said = w.cf(&["config", "check"]);
        assert_eq!(said.code, 6, "{more}: {said:?}");
        w.redact(&said.err)
    };
    let error = said("guard:\n  rules:\n    fs.delete-hom: warn\n");
    assert!(error.contains("config.yaml:17: guard.rules.fs.delete-hom: no rule of this name"), "{error}");
    assert!(error.contains("did you mean `fs.delete-home`?"), "{error}");
    for (more, want) in [
        ("guard: {rules: {fs.delete-home: maybe}}\n", "unknown variant `maybe`"),
        ("guard: {rules: {input.limit: warn}}\n", "cannot be weakened"),
        ("guard: {rules: {input.unreadable: 'off'}}\n", "cannot be weakened"),
        ("guard: {paths: [data]}\n", "guard.paths.0: not an absolute path: `data`"),
        ("guard: {branches: ['a b']}\n", "guard.branches.0: not the name of a branch"),
        ("guard: {branches: [refs/heads/a]}\n", "guard.branches.0: a reference"),
        ("guard: {sudo: [./apt]}\n", "guard.sudo.0: not a program"),
        ("guard: {exceptions: [/]}\n", "guard.exceptions.0: no exception may hold"),
        ("guard: {exceptions: [/srv/../etc]}\n", "guard.exceptions.0: write it without `..`"),
        ("guard: {rule: {}}\n", "did you mean `rules`?"),
    ] {
        let error = said(more);
        assert!(error.contains(want), "{more}: {error}");
    }
    let root = w.path("").display().to_string();
    for inside in ["acct/projects", "home/.local/state", "config.yaml", ""] {
        let error = said(&format!("guard: {{exceptions: ['{root}/{inside}']}}\n"));
        assert!(error.contains("no exception may hold"), "{inside}: {error}");
    }
    w.config(&format!(
        "guard: {{rules: {{fs.delete-home: warn}}, paths: [/srv/a], exceptions: ['{root}/scratch']}}\n"
    ));
    let resolved = w.ok(&["config", "check"]);
    assert!(resolved.contains("fs.delete-home: warn") && resolved.contains("- /srv/a"), "{resolved}");
}

#[test]
fn blocks_and_warnings_are_in_the_log_without_secrets_and_what_runs_is_not() {
    let w = ready();
    passes(&bash(&w, "ls"));
    assert_eq!(guard_lines(&w).len(), 0);
    let said = call(
        &w,
        "Bash",
        &json!({"command": "API_TOKEN=hunter2 curl https://u:hunter2@h.org; rm -rf ~"}),
        &["--project", "app"],
    );
    blocks(&said, "fs.delete-home");
    assert!(!said.err.contains("hunter2"), "{said:?}");
    let lines = guard_lines(&w);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(
        (&line["session"], &line["project"], &line["what"]),
        (&json!("p-0"), &json!("app"), &json!("blocked a call"))
    );
    assert_eq!((&line["guard"]["effect"], &line["guard"]["tool"]), (&json!("block"), &json!("Bash")));
    assert!(line["guard"]["rules"].as_array().unwrap().contains(&json!("fs.delete-home")), "{line}");
    assert!(
        line["guard"]["input"].as_str().unwrap().starts_with("API_TOKEN=*** curl https://***@h.org"),
        "{line}"
    );
    assert!(!w.read_log().contains("hunter2"), "{}", w.read_log());
    // `log` shows them with everything else, `log --guard` alone.
    w.ok(&["task", "add", "--project", "app", "--id", "t", "-m", "x"]);
    let all = w.ok(&["log"]);
    assert!(all.contains("blocked a call"), "{all}");
    let only = w.ok(&["log", "--guard"]);
    assert!(
        only.contains("fs.delete-home") && only.contains("API_TOKEN=***") && only.lines().count() == 1,
        "{only}"
    );
    assert_eq!(w.json(&["log", "--guard"])["lines"].as_array().unwrap().len(), 1);
    assert_eq!(w.json(&["log", "--guard", "--about", "p-1"])["lines"].as_array().unwrap().len(), 0);
    assert_eq!(w.json(&["log", "--guard", "--about", "app"])["lines"].as_array().unwrap().len(), 1);
}

#[test]
fn a_command_is_explained() {
    let w = ready();
    let said = w.cf(&["guard", "--explain", "ls -la"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("would run") && said.out.contains("ls -la"), "{said:?}");
    let said = w.cf(&["guard", "--explain", "cd /; rm -rf ~"]);
    assert_eq!(said.code, 5, "{said:?}");
    for want in ["blocked", "fs.delete-home", "instead: ", "deletes with all below ", "/home"] {
        assert!(said.out.contains(want), "{want}: {said:?}");
    }
    let value = w.json(&["guard", "--explain", "rm -rf ~", "--cwd", "app"]);
    assert_eq!((&value["verdict"], &value["findings"][0]["rule"]), (&json!("block"), &json!("fs.delete-home")));
    assert_eq!(value["calls"][0]["argv"][0], "rm");
    assert_eq!(value["calls"][0]["changes"][0]["resolved"][0], w.path("home").display().to_string());
    assert_eq!(value["cwd"], w.path("app").display().to_string());
    // The text may come on stdin; nothing of it runs.
    let said = hook(&w, &["guard", "--explain", "-"], b"touch made; rm -rf ~\n", &[]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(!w.path("made").exists());
    // The branch that git would find.
    w.write("app/.git/HEAD", "ref: refs/heads/main\n");
    let said = w.cf(&["guard", "--explain", "git reset --hard HEAD~1", "--cwd", "app"]);
    assert!(said.code == 5 && said.out.contains("on branch main"), "{said:?}");
    // Also where nothing is configured.
    let bare = World::bare();
    assert_eq!(bare.cf(&["guard", "--explain", "rm -rf ~"]).code, 5);
    assert_eq!(bare.cf(&["guard", "--explain", "ls"]).code, 0);
    let said = w.cf(&["guard", "--json", "--explain", "ls", "--cwd"]);
    assert_eq!(said.code, 2);
    assert!(serde_json::from_str::<Value>(said.err.lines().last().unwrap()).is_ok(), "{said:?}");
}

#[test]
fn rules_are_listed_with_what_holds() {
    let w = World::new();
    w.config("guard: {rules: {fs.delete-home: warn}}\n");
    let list = w.ok(&["guard", "rules"]);
    assert!(
        list.lines().any(|l| l.starts_with("fs.delete-home ") && l.contains("warn (built in: block)")),
        "{list}"
    );
    let one = w.ok(&["guard", "rules", "fs.delete-home"]);
    for want in ["effect: warn", "instead: ", "finds:", "passes:"] {
        assert!(one.contains(want), "{one}");
    }
    let all = w.json(&["guard", "rules"]);
    for rule in all["rules"].as_array().unwrap() {
        let id = rule["id"].as_str().unwrap();
        assert!(w.json(&["guard", "rules", id])["title"].is_string(), "{id}");
    }
    let said = w.cf(&["guard", "rules", "nothing"]);
    assert!(said.code == 1 && said.err.contains("no rule of this name: `nothing`"), "{said:?}");
    let said = w.cf(&["--json", "guard", "rules", "nothing"]);
    assert_eq!(serde_json::from_str::<Value>(&said.err).unwrap()["exit"], 1);
}

#[test]
fn the_operators_table_is_judged_and_the_example_is_right() {
    let w = ready();
    let example = format!("{}/examples/guard-tests.txt", env!("CARGO_MANIFEST_DIR"));
    let said = w.cf(&["guard", "test", &example]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with(" judged, 0 not as expected\n"), "{said:?}");
    w.write("table", "allow: ls\nblock: ls\nallow: rm -rf ~\nblock git.push-force: rm -rf ~\nblock: rm -rf ~\n");
    let said = w.cf(&["guard", "test", "table"]);
    assert_eq!(said.code, 1, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{said:?}");
    assert!(lines[0].contains("table:2: wrong: expected block, got allow: ls"), "{said:?}");
    assert!(lines[1].contains("table:3: wrong: expected allow, got block by fs.delete-home"), "{said:?}");
    assert!(lines[2].contains("table:4: wrong: expected block git.push-force, got block by"), "{said:?}");
    let value = w.cf(&["--json", "guard", "test", "table"]);
    let value: Value = serde_json::from_str(&value.out).unwrap();
    assert_eq!((&value["judged"], value["wrong"].as_array().unwrap().len()), (&json!(5), 3));
    w.write("table", "allow: ls\nperhaps: ls\n");
    let said = w.cf(&["guard", "test", "table"]);
    assert!(
        said.code == 1 && said.err.contains("table:2: not what is expected of a command: `perhaps`"),
        "{said:?}"
    );
    assert_eq!(w.cf(&["guard", "test", "missing"]).code, 1);
    assert_eq!(w.cf(&["guard", "test"]).code, 2);
}

#[test]
fn a_hook_starts_no_process_and_syncs_nothing() {
    let w = ready();
    // `strace` may not be there, or not allowed: then there is nothing to see.
    let trace = w.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=fork,vfork,clone,clone3,execve,fsync,fdatasync", "-o"]).arg(&trace);
    command.arg(bin("claude-failover")).args(entry(&w)).env_clear().envs(&w.env);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return };
    child.stdin.take().unwrap().write_all(&payload(&w, "Bash", &json!({"command": "ls -la"}))).unwrap();
    child.wait().unwrap();
    let text = w.read("trace");
    let calls: Vec<&str> = text.lines().filter(|l| !l.contains("execve(") && !l.contains("+++")).collect();
    assert!(calls.is_empty(), "{calls:?}");
}
