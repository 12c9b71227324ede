//! Accounts: their homes, links and logins, and a launch on each kind of them.

use crate::common::real_client::{Api, VERSIONS, client, setup};
use crate::common::{SOON, World, bin, tree, until};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const LOGIN: &str = "{\"claudeAiOauth\":{\"accessToken\":\"made-up-1\",\"refreshToken\":\"made-up-2\",\
    \"expiresAt\":4102444800000,\"refreshTokenExpiresAt\":4102444800000,\
    \"scopes\":[\"user:inference\",\"user:profile\"],\"subscriptionType\":\"max\"}}";

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn private(w: &World, relative: &str, text: &str) {
    w.write(relative, text);
    std::fs::set_permissions(w.path(relative), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn kind(path: PathBuf) -> &'static str {
    match path.symlink_metadata().map(|m| m.file_type()) {
        Ok(t) if t.is_symlink() => "link",
        Ok(t) if t.is_dir() => "dir",
        Ok(_) => "file",
        Err(_) => "nothing",
    }
}

/// A `~/.claude` that was in use without `CLAUDE_CONFIG_DIR`.
pub fn used_home(w: &World) {
    w.write("home/.claude/projects/-app/one.jsonl", "first\n");
    w.write("home/.claude/projects/-app/one/sub.jsonl", "of an agent\n");
    w.write("home/.claude/projects/-web/two.jsonl", "second\n");
    w.write("home/.claude/todos/one.json", "[]");
    w.write("home/.claude/settings.json", "{}");
    private(w, "home/.claude/.credentials.json", LOGIN);
    let app = w.path("app").canonicalize().unwrap().display().to_string();
    let outside = json!({
        "hasCompletedOnboarding": true, "theme": "light", "oauthAccount": {"accountUuid": "u-1"},
        "primaryApiKey": "sk-ant-made-up", "customApiKeyResponses": {"approved": ["made-up"]},
        "projects": {app: {"hasTrustDialogAccepted": true, "history": ["words"]}},
    });
    private(w, "home/.claude.json", &outside.to_string());
}

/// Everything of it is where it belongs, once.
pub fn is_adopted(w: &World, what: &str) {
    for name in ["projects", "session-env", "file-history", "todos"] {
        assert_eq!(kind(w.path("home/.claude").join(name)), "link", "{what}: {name}");
    }
    for (path, text) in
        [("-app/one.jsonl", "first\n"), ("-app/one/sub.jsonl", "of an agent\n"), ("-web/two.jsonl", "second\n")]
    {
        assert_eq!(w.read(&format!("home/.claude/projects/{path}")), text, "{what}: {path}");
        let name = Path::new(path).file_name().unwrap();
        let all = tree(&w.path("home"));
        assert_eq!(all.keys().filter(|p| p.file_name() == Some(name)).count(), 1, "{what}: {path}");
    }
    assert_eq!(w.read("home/.claude/todos/one.json"), "[]", "{what}");
    assert_eq!(w.read("home/.claude/.credentials.json"), LOGIN, "{what}");
    assert_eq!((mode(&w.path("home/.claude")), kind(w.path("home/.claude/.credentials.json"))), (0o700, "file"));
    let inside: Value = serde_json::from_str(&w.read("home/.claude/.claude.json")).unwrap();
    assert_eq!((&inside["theme"], &inside["oauthAccount"]["accountUuid"]), (&json!("light"), &json!("u-1")));
    assert!(!inside.to_string().contains("made-up") && !inside.to_string().contains("words"), "{what}: {inside}");
    let litter = std::fs::read_dir(w.path("home/.claude")).unwrap().flatten();
    let litter: Vec<_> = litter.map(|e| e.file_name()).filter(|n| n.to_string_lossy().contains("tmp")).collect();
    assert!(litter.is_empty(), "{what}: {litter:?}");
}

#[test]
fn account_add_prepares_a_new_home_and_prints_what_to_configure() {
    let w = World::new();
    w.write("home/.claude.json", "{\"theme\":\"light\",\"oauthAccount\":{\"accountUuid\":\"u\"}}");
    let home = w.path("fresh").display().to_string();
    let said = w.ok(&["account", "add", "fresh", "--home", &home, "--dry-run"]);
    assert!(said.contains("would make") && said.contains("would link"), "{said}");
    assert_eq!(kind(w.path("fresh")), "nothing");
    let said = w.ok(&["account", "add", "fresh", "--home", &home]);
    assert!(said.ends_with(&format!("accounts:\n  - name: fresh\n    home: \"{home}\"\n")), "{said}");
    assert_eq!(mode(&w.path("fresh")), 0o700);
    for name in ["projects", "session-env", "file-history", "todos"] {
        let target = w.path("home/.claude-shared").join(name);
        assert_eq!(std::fs::read_link(w.path("fresh").join(name)).unwrap(), target);
        assert_eq!(mode(&target), 0o700);
    }
    assert_eq!(w.read("fresh/.claude.json"), "{\n  \"hasCompletedOnboarding\": true,\n  \"theme\": \"light\"\n}");
    assert_eq!(mode(&w.path("fresh/.claude.json")), 0o600);
    assert_eq!(kind(w.path("fresh/.credentials.json")), "nothing");
    let again = w.json(&["account", "add", "fresh", "--home", &home]);
    assert_eq!((&again["actions"], again["summary"].as_str().unwrap().contains("is ready")), (&json!([]), true));
    assert!(again["snippet"].as_str().unwrap().contains("name: fresh"));
    // One that is configured needs no `--home`, and must not be given another.
    w.ok(&["account", "add", "main"]);
    assert_eq!(kind(w.path("acct/projects")), "link");
    let said = w.cf(&["account", "add", "main", "--home", &home]);
    assert!(said.code == 1 && said.err.contains("has another home in the configuration"), "{said:?}");
    let acct = w.path("acct").display().to_string();
    let said = w.cf(&["account", "add", "other", "--home", &acct]);
    assert!(said.err.contains("account `main` has this home"), "{said:?}");
    assert!(w.cf(&["account", "add", "other"]).err.contains("name it with `--home`"));
}

#[test]
fn account_add_uses_the_configured_tree() {
    let w = World::new();
    let text = w.read("config.yaml");
    let tree = w.path("convs").display().to_string();
    w.write("config.yaml", text.replace("pool:\n", &format!("pool:\n  shared_projects_dir: {tree}\n")));
    w.ok(&["account", "add", "main"]);
    assert_eq!(std::fs::read_link(w.path("acct/projects")).unwrap(), w.path("convs"));
    assert_eq!(std::fs::read_link(w.path("acct/todos")).unwrap(), w.path("convs.d/todos"));
}

#[test]
fn account_add_adopts_a_home_after_a_dry_run() {
    let w = World::new();
    used_home(&w);
    let before = tree(&w.path("home"));
    let said = w.cf(&["account", "add", "old", "--home", &w.path("home/.claude").display().to_string()]);
    assert!(said.err.contains("holds 3 files of its own") && said.err.contains("hint: `--adopt`"), "{said:?}");
    let said = w.cf(&["account", "add", "old", "--adopt"]);
    assert!(said.code == 0 && said.out.contains("would move") && said.err.contains("with `--yes`"), "{said:?}");
    assert_eq!(tree(&w.path("home")), before, "only the plan");
    let said = w.ok(&["account", "add", "old", "--adopt", "--yes"]);
    assert!(said.contains("moved") && said.contains("trust in `"), "{said}");
    is_adopted(&w, "adopted");
    assert_eq!(w.read("home/.claude.json").as_bytes(), before[&w.path("home/.claude.json")], "left as it was");
    let after = tree(&w.path("home"));
    let again = w.ok(&["account", "add", "old", "--adopt", "--yes"]);
    assert!(again.contains("nothing to do"), "{again}");
    assert_eq!(tree(&w.path("home")), after);
    w.write("config.yaml", format!("{}\nswitch: {{link: ~/.claude}}\n", w.read("config.yaml")));
    let said = w.cf(&["account", "add", "old", "--adopt", "--yes"]);
    assert!(said.code == 1 && said.err.contains("`switch.link` of the configuration"), "{said:?}");
    let said = w.cf(&["account", "add", "older", "--home", "/x", "--yes"]);
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn account_adopted_its_conversations_go_on_under_another_with_the_real_client() {
    for version in VERSIONS {
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let api = Api::start(scratch.path().join("api"));
        let w = World::bare();
        setup(&w, &client(version), &api, "fake-A", nix::unistd::geteuid().is_root());
        // As it is where nobody has thought of a second account.
        std::fs::remove_file(w.path("acct/projects")).unwrap();
        std::fs::create_dir(w.path("acct/projects")).unwrap();
        w.task("t", "[[say:before]]");
        w.ok(&["dispatch"]);
        w.drive("done", |w| w.place("t") == "done md");
        let id = w.session("p-0")["conversation"].as_str().unwrap().to_owned();
        let said = w.cf(&["account", "add", "main", "--adopt", "--yes"]);
        assert!(said.code == 1 && said.err.contains("uses the home"), "{version}: {said:?}");
        w.ok(&["stop", "p-0"]);
        w.ok(&["account", "add", "main", "--adopt", "--yes"]);
        let login = w.read("acct/.credentials.json");
        two(&w);
        private(&w, "acct/.credentials.json", &login);
        private(&w, "spare/.credentials.json", &login.replace("fake-A", "fake-B"));
        w.ok(&[
            "launch",
            "p-1",
            "--project",
            "app",
            "--account",
            "spare",
            "--resume",
            &id,
            "--prompt",
            "[[say:after]]",
        ]);
        let asked =
            |token: &str| api.log().iter().filter(|l| l["kind"] == "prompt" && l["token"] == token).count();
        until("it goes on", SOON, || asked("fake-B") == 1);
        let name = format!("{id}.jsonl");
        let all = || tree(&w.path("home/.claude-shared/projects"));
        until("it is written", SOON, || {
            all().iter().any(|(p, text)| p.ends_with(&name) && String::from_utf8_lossy(text).contains("after"))
        });
        let found = all();
        assert_eq!(found.keys().filter(|p| p.ends_with(&name)).count(), 1, "{version}");
        let text =
            found.iter().find(|(p, _)| p.ends_with(&name)).map(|(_, t)| String::from_utf8_lossy(t).into_owned());
        assert!(text.unwrap().contains("before"), "{version}: one conversation");
        assert_eq!(w.cf(&["account", "check"]).code, 0, "{version}: {:?}", w.cf(&["account", "check"]));
    }
}

#[test]
fn account_add_merges_only_when_told_and_loses_nothing() {
    let w = World::new();
    used_home(&w);
    w.write("home/.claude-shared/projects/-app/one.jsonl", "first\nand more\n");
    w.write("home/.claude-shared/projects/-else/three.jsonl", "third\n");
    let said = w.cf(&["account", "add", "old", "--adopt", "--yes"]);
    assert!(said.code == 1 && said.err.contains("and so does") && said.err.contains("--merge"), "{said:?}");
    assert_eq!(kind(w.path("home/.claude/projects")), "dir", "nothing was begun");
    w.ok(&["account", "add", "old", "--adopt", "--merge", "--yes"]);
    for (path, text) in [
        (".claude/projects/-app/one.jsonl", "first\nand more\n"),
        (".claude/projects/-web/two.jsonl", "second\n"),
        (".claude/projects/-else/three.jsonl", "third\n"),
        (".claude-shared/parked/old/projects/-app/one.jsonl", "first\n"),
    ] {
        assert_eq!(w.read(&format!("home/{path}")), text, "{path}");
    }
}

#[test]
fn account_add_leaves_a_home_alone_while_a_client_lives() {
    let w = World::new();
    used_home(&w);
    let pid = std::process::id();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().to_owned();
    let file = json!({"pid": pid, "procStart": start, "sessionId": "x", "status": "idle"});
    w.write(&format!("home/.claude/sessions/{pid}.json"), file.to_string());
    let said = w.cf(&["account", "add", "old", "--adopt", "--yes"]);
    assert!(said.code == 1 && said.err.contains(&format!("a client (pid {pid}) uses the home")), "{said:?}");
    assert_eq!(kind(w.path("home/.claude/projects")), "dir");
    // Of a process that had the pid before.
    let file = json!({"pid": pid, "procStart": "1", "sessionId": "x", "status": "idle"});
    w.write(&format!("home/.claude/sessions/{pid}.json"), file.to_string());
    w.ok(&["account", "add", "old", "--adopt", "--yes"]);
    is_adopted(&w, "its client is dead");
    // One of ours: a link that is wrong is not changed under it.
    w.ok(&["launch", "mine"]);
    std::fs::remove_file(w.path("acct/projects")).unwrap();
    symlink("/nowhere", w.path("acct/projects")).unwrap();
    let said = w.cf(&["account", "add", "main"]);
    assert!(said.code == 1 && said.err.contains("session `mine`"), "{said:?}");
    assert_eq!(std::fs::read_link(w.path("acct/projects")).unwrap(), Path::new("/nowhere"));
}

fn codes(value: &Value) -> Vec<String> {
    value["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

/// Two accounts, `main` ready and logged in.
fn two(w: &World) {
    let root = w.path("").display().to_string();
    let second = format!("{{name: spare, home: {root}spare, priority: 5}}");
    w.write("config.yaml", w.read("config.yaml").replace("/acct}]", &format!("/acct, priority: 1}}, {second}]")));
    w.ok(&["account", "add", "main"]);
    w.ok(&["account", "add", "spare"]);
    for home in ["acct", "spare"] {
        private(w, &format!("{home}/.credentials.json"), LOGIN);
    }
}

#[test]
fn account_check_finds_each_kind_of_wrong_link_and_add_mends_it() {
    let w = World::new();
    two(&w);
    assert_eq!(w.cf(&["account", "check"]).code, 0);
    let path = w.path("spare/projects");
    let elsewhere = w.path("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    for (to, code) in [
        (PathBuf::from("/nowhere"), "link-dangling"),
        (PathBuf::from("projects"), "link-loop"),
        (elsewhere.clone(), "link-wrong"),
    ] {
        std::fs::remove_file(&path).unwrap();
        symlink(&to, &path).unwrap();
        let said = w.cf(&["--json", "account", "check", "spare"]);
        let value: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((said.code, &value["faults"]), (5, &json!(1)), "{said:?}");
        assert!(codes(&value).contains(&code.to_owned()), "{value}");
        assert_eq!(w.cf(&["account", "check", "main"]).code, 0, "the other is well");
        w.ok(&["account", "add", "spare"]);
        assert_eq!(w.cf(&["account", "check"]).code, 0, "{code}");
    }
    // What holds something is never put aside without a word.
    std::fs::remove_file(&path).unwrap();
    w.write("elsewhere/x/y.jsonl", "z");
    symlink(&elsewhere, &path).unwrap();
    let said = w.cf(&["account", "add", "spare"]);
    assert!(said.code == 1 && said.err.contains("shared_projects_dir"), "{said:?}");
    std::fs::remove_file(&path).unwrap();
    w.write("spare/projects/x/y.jsonl", "z");
    let said = w.cf(&["account", "check"]);
    assert!(said.code == 5 && said.out.contains("a directory with 1 transcript where a link"), "{said:?}");
    assert!(said.out.contains("hint: claude-failover account add spare --adopt\n"), "{said:?}");
    assert_eq!(w.cf(&["account", "add", "spare"]).code, 1);
    w.ok(&["account", "add", "spare", "--adopt", "--yes"]);
    assert_eq!((w.cf(&["account", "check"]).code, w.read("acct/projects/x/y.jsonl").as_str()), (0, "z"));
}

#[test]
fn account_check_and_list_say_what_is_wrong_with_logins() {
    let w = World::new();
    two(&w);
    let all = w.json(&["account", "list"]);
    let main = &all["accounts"][0];
    assert_eq!((&main["name"], &main["active"], &main["plan"]), (&json!("main"), &json!(true), &json!("max")));
    assert_eq!((&main["login"]["state"], &main["ends"]), (&json!("valid"), &json!("2100-01-01T00:00:00Z")));
    assert_eq!(main["findings"]["fault"], 0);
    let table = w.ok(&["account", "list"]);
    assert!(table.contains("logged in") && table.contains("2100-01-01 00:00:00"), "{table}");
    for (change, code) in [
        ("{\"claudeAiOauth\":{\"accessToken\":\"\",\"refreshToken\":\"\",\"expiresAt\":0}}", "login-blanked"),
        ("{\"mcpOAuth\":{}}", "login-missing"),
        ("{", "login-unreadable"),
    ] {
        private(&w, "spare/.credentials.json", change);
        let said = w.cf(&["--json", "account", "check"]);
        let value: Value = serde_json::from_str(&said.out).unwrap();
        assert!(said.code == 5 && codes(&value).contains(&code.to_owned()), "{said:?}");
        assert_eq!(w.json(&["account", "list"])["accounts"][1]["findings"]["fault"], 1);
    }
    std::fs::remove_file(w.path("spare/.credentials.json")).unwrap();
    symlink(w.path("acct/.credentials.json"), w.path("spare/.credentials.json")).unwrap();
    let said = w.cf(&["account", "check"]);
    assert!(said.code == 5 && said.out.contains("(login-linked)"), "{said:?}");
    std::fs::remove_file(w.path("spare/.credentials.json")).unwrap();
    private(&w, "spare/.credentials.json", LOGIN);
    // The same person in both.
    for home in ["acct", "spare"] {
        let text = "{\"hasCompletedOnboarding\":true,\"oauthAccount\":{\"accountUuid\":\"u\"}}";
        w.write(&format!("{home}/.claude.json"), text);
    }
    let said = w.cf(&["account", "check"]);
    assert!(said.code == 5 && said.out.contains("the same login as account `spare`"), "{said:?}");
    w.write("spare/.claude.json", "{\"hasCompletedOnboarding\":true,\"oauthAccount\":{\"accountUuid\":\"v\"}}");
    // Warnings alone are no fault.
    w.write("spare/settings.json", "{\"cleanupPeriodDays\": 7}");
    let said = w.cf(&["account", "check"]);
    assert!(said.code == 0 && said.out.contains("(cleanup-short)"), "{said:?}");
    w.write("spare/settings.json", "{\"env\": {\"ANTHROPIC_API_KEY\": \"made-up\"}}");
    let said = w.cf(&["account", "check"]);
    assert!(said.code == 5 && said.out.contains("(login-shadowed)") && !said.out.contains("made-up"), "{said:?}");
    std::fs::remove_dir_all(w.path("spare")).unwrap();
    let said = w.cf(&["account", "check"]);
    assert!(said.code == 5 && said.out.contains("(home-missing)"), "{said:?}");
    assert!(w.cf(&["account", "check", "nope"]).err.contains("no account `nope`"));
}

#[test]
fn account_drop_forgets_what_was_known_and_touches_no_home() {
    let w = World::new();
    two(&w);
    w.write("state/accounts/spare.json", "{\"version\":1,\"name\":\"spare\"}");
    w.write("state/signals/spare.jsonl", "{}\n");
    let said = w.cf(&["account", "drop", "main"]);
    assert!(said.code == 1 && said.err.contains("is the active one"), "{said:?}");
    let before = tree(&w.path("spare"));
    let said = w.ok(&["account", "drop", "spare", "--dry-run"]);
    assert!(said.contains("would remove") && w.path("state/accounts/spare.json").exists(), "{said}");
    w.ok(&["launch", "p-0", "--project", "app", "--account", "spare"]);
    let said = w.cf(&["account", "drop", "spare"]);
    assert!(said.code == 1 && said.err.contains("is in use by session `p-0`"), "{said:?}");
    w.ok(&["stop", "p-0"]);
    let said = w.ok(&["account", "drop", "spare"]);
    assert!(said.contains("take the entry `name: spare` out of `accounts`"), "{said}");
    assert!(!w.path("state/accounts/spare.json").exists() && !w.path("state/signals/spare.jsonl").exists());
    for (path, bytes) in before.iter().filter(|(p, _)| !p.ends_with(".claude.json")) {
        assert_eq!(std::fs::read(path).unwrap(), *bytes, "{}", path.display());
    }
    assert_eq!(kind(w.path("spare/projects")), "link");
    assert!(w.cf(&["account", "drop", "nope"]).err.contains("nothing is known of account `nope`"));
}

#[test]
fn account_login_is_the_clients_own_on_a_terminal() {
    let w = World::new();
    let text = format!(
        "#!/bin/sh\nenv > \"$CLAUDE_CONFIG_DIR/env\"\necho \"$@\" > \"$CLAUDE_CONFIG_DIR/args\"\n\
         umask 077\nprintf '%s' '{LOGIN}' > \"$CLAUDE_CONFIG_DIR/.credentials.json\"\n"
    );
    w.write("client", text);
    std::fs::set_permissions(w.path("client"), std::fs::Permissions::from_mode(0o755)).unwrap();
    w.config_with("", ", HTTPS_PROXY: \"http://127.0.0.1:9\"", &w.path("client").display().to_string());
    let said = w.cf(&["account", "login", "main"]);
    assert!(said.code == 1 && said.err.contains("a login needs a terminal"), "{said:?}");
    let line = w.ok(&["account", "login", "main", "--print"]);
    assert!(line.starts_with("env -i ") && line.trim().ends_with("client auth login"), "{line}");
    let program = bin("claude-failover").display().to_string();
    let run = format!("ANTHROPIC_API_KEY=made-up {program} account login main; echo ended $?; sleep 60");
    w.tmux(&["new-session", "-d", "-s", "person", "-x", "200", "sh", "-c", &run]);
    let screen = || w.tmux(&["capture-pane", "-p", "-t", "=person:"]).out;
    until("it has ended", SOON, || screen().contains("ended"));
    assert!(screen().contains("logged in main: until 2100-01-01") && screen().contains("ended 0"), "{}", screen());
    assert_eq!(w.read("acct/args"), "auth login\n");
    let env = w.read("acct/env");
    let has = |name: &str| env.lines().any(|l| l.starts_with(&format!("{name}=")));
    assert!(["HOME", "PATH", "TERM", "CLAUDE_CONFIG_DIR", "HTTPS_PROXY"].iter().all(|n| has(n)), "{env}");
    assert!(!has("ANTHROPIC_API_KEY") && !has("CLAUDE_FAILOVER_CONFIG") && !has("TMUX"), "{env}");
    assert_eq!((mode(&w.path("acct")), kind(w.path("acct/projects"))), (0o700, "link"));
    // Another kind has none.
    private(&w, "token", "made-up\n");
    of_kind(&w, "token");
    let said = w.cf(&["account", "login", "main"]);
    assert!(said.err.contains("of kind `token`") && said.err.contains("claude setup-token"), "{said:?}");
}

/// Makes the account one of another kind, with the file `token`.
fn of_kind(w: &World, kind: &str) {
    let more = format!("/acct, kind: {kind}, token_file: {}}}]", w.path("token").display());
    w.write("config.yaml", w.read("config.yaml").replace("/acct}]", &more));
}

/// Every place in which a secret must never stand.
fn is_nowhere(w: &World, secret: &str) {
    let has = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    let panes = w.tmux(&["list-panes", "-a", "-F", "#{pane_pid} #{pane_start_command}"]).out;
    assert!(!panes.is_empty() && !panes.contains(secret), "{panes}");
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!has(&line), "{}: {}", entry.path().display(), String::from_utf8_lossy(&line));
    }
    for (path, bytes) in tree(&w.path("state")) {
        assert!(!has(&bytes), "{}", path.display());
    }
}

#[test]
fn account_token_reaches_the_client_and_stands_nowhere() {
    let w = World::new();
    of_kind(&w, "token");
    let said = w.cf(&["launch", "mine"]);
    assert!(said.code == 1 && said.err.contains("the token of account `main` is missing"), "{said:?}");
    let secret = format!("made-up-{}", uuid::Uuid::new_v4());
    w.write("token", format!("{secret}\n"));
    std::fs::set_permissions(w.path("token"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = w.cf(&["launch", "mine"]);
    assert!(said.code == 1 && said.err.contains("hint: chmod 600 "), "{said:?}");
    std::fs::set_permissions(w.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    w.ok(&["-vv", "launch", "mine"]);
    let pid = w.session("mine")["client"]["pid"].as_i64().unwrap();
    until("it is the client", SOON, || {
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        exe.ends_with("stand-in-agent")
    });
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let entry = format!("CLAUDE_CODE_OAUTH_TOKEN={secret}");
    assert!(environ.split(|b| *b == 0).any(|e| e == entry.as_bytes()));
    is_nowhere(&w, &secret);
    w.drive("idle", |w| w.session("mine")["note"]["state"] == "idle");
    assert_eq!(w.session("mine")["client"]["pid"], pid, "one process, from the pane to the client");
    w.task("t", "[[bash:echo x >> n.txt]]");
    w.drive("done", |w| w.place("t") == "done md");
    is_nowhere(&w, &secret);
}

#[test]
fn account_variables_are_those_of_its_sessions() {
    let w = World::new();
    let cloud = "/acct, kind: cloud, env: {CLAUDE_CODE_USE_BEDROCK: \"1\", AWS_PROFILE: work}}]";
    w.write("config.yaml", w.read("config.yaml").replace("/acct}]", cloud));
    w.ok(&["launch", "mine"]);
    let pid = w.session("mine")["client"]["pid"].as_i64().unwrap();
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environ = String::from_utf8_lossy(&environ);
    assert!(environ.contains("AWS_PROFILE=work") && environ.contains("CLAUDE_CODE_USE_BEDROCK=1"), "{environ}");
    assert!(w.cf(&["account", "login", "main"]).err.contains("aws sso login"));
}

#[test]
fn account_launch_makes_the_links_first_and_leaves_what_is_there() {
    let w = World::new();
    w.write("acct/todos/mine.json", "[]");
    w.ok(&["launch", "mine"]);
    for name in ["projects", "session-env", "file-history"] {
        assert_eq!(kind(w.path("acct").join(name)), "link", "{name}");
    }
    assert_eq!((kind(w.path("acct/todos")), w.read("acct/todos/mine.json").as_str()), ("dir", "[]"));
}

#[test]
fn account_token_and_key_work_with_the_real_client() {
    for version in VERSIONS {
        for (kind, secret) in [("token", "sk-ant-oat01-made-up-T"), ("api_key", "sk-ant-api03-made-up-K")] {
            let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
            let api = Api::start(scratch.path().join("api"));
            let w = World::bare();
            setup(&w, &client(version), &api, "fake-A", nix::unistd::geteuid().is_root());
            std::fs::remove_file(w.path("acct/.credentials.json")).unwrap();
            private(&w, "token", &format!("{secret}\n"));
            of_kind(&w, kind);
            w.task("t", "[[bash:echo x >> n.txt]]");
            let said = w.cf(&["dispatch"]);
            assert!(said.out.contains("dispatched app:t"), "{version} {kind}: {said:?}");
            w.drive("done", |w| w.place("t") == "done md");
            assert_eq!(w.read("app/n.txt"), "x\n", "{version} {kind}");
            let asked: Vec<Value> = api
                .log()
                .into_iter()
                .filter(|l| l["path"].as_str().is_some_and(|p| p.starts_with("/v1/messages")))
                .map(|l| l["token"].clone())
                .collect();
            assert!(!asked.is_empty() && asked.iter().all(|t| t == secret), "{version} {kind}: {asked:?}");
            is_nowhere(&w, secret);
        }
    }
}
