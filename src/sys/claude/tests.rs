use super::*;

#[test]
fn seeding_merges_and_is_idempotent() {
    let dir = tempfile::tempdir().unwrap();
    let (home, app) = (dir.path().join("home"), dir.path().join("app/sub"));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::create_dir_all(&app).unwrap();
    std::fs::create_dir_all(dir.path().join("app/.git")).unwrap();
    std::fs::write(home.join(".claude.json"), r#"{"numStartups":7,"projects":{"/x":{"a":1}}}"#).unwrap();
    seed_home(&home, &app).unwrap();
    let text = std::fs::read_to_string(home.join(".claude.json")).unwrap();
    let v: Value = serde_json::from_str(&text).unwrap();
    let root = dir.path().canonicalize().unwrap().join("app");
    assert_eq!(v["projects"][root.to_str().unwrap()]["hasTrustDialogAccepted"], true);
    assert_eq!((&v["numStartups"], &v["projects"]["/x"]["a"]), (&json!(7), &json!(1)));
    let before = home.join(".claude.json").metadata().unwrap().modified().unwrap();
    seed_home(&home, &app).unwrap();
    assert_eq!(home.join(".claude.json").metadata().unwrap().modified().unwrap(), before);
    std::fs::write(home.join(".claude.json"), "{\n\"a\":").unwrap();
    let error = seed_home(&home, &app).unwrap_err().to_string();
    assert!(error.contains(".claude.json:2`"), "{error}");
}

#[test]
fn a_token_stands_in_no_argument_and_a_key_comes_by_the_overlay() {
    let text = "client: {path: /bin}\naccounts:\n- {name: t, home: /t, kind: token, token_file: /s/t}\n\
                - {name: k, home: /k, kind: api_key, token_file: \"/s/a key\"}\n\
                - {name: c, home: /c, kind: cloud, env: {AWS_PROFILE: work}}\nprojects_dir: /";
    let inputs = crate::config::LoadInputs { home: Path::new("/me"), strict: false };
    let config = crate::config::parse(text, None, &inputs).unwrap();
    let name = SessionName::new("s").unwrap();
    let of = |n: usize| {
        let start = Start {
            client: &config.client,
            home: Path::new("/me"),
            account: &config.accounts[n],
            session: &name,
            model: None,
            conversation: "id",
            resume: true,
            prompt: None,
            overlay: Path::new("/o"),
            program: Path::new("/p"),
            config: Path::new("/c"),
            state: Path::new("/st"),
        };
        let overlay = overlay(Path::new("/p"), Path::new("/st"), &name, &config.accounts[n], None);
        let overlay: Value = serde_json::from_str(&overlay).unwrap();
        (argv(&start, Path::new("/bin/claude")), overlay["apiKeyHelper"].clone())
    };
    let (line, helper) = of(0);
    let at = line.iter().position(|w| w == "/bin/sh").unwrap();
    assert_eq!(line[at + 3..at + 6], ["sh", "/s/t", "/bin/claude"]);
    assert_eq!(helper, Value::Null);
    let (line, helper) = of(1);
    assert!(!line.iter().any(|w| w == "/bin/sh"));
    assert_eq!(helper, "cat -- '/s/a key'");
    let (line, helper) = of(2);
    assert!(line.contains(&"AWS_PROFILE=work".to_owned()) && helper == Value::Null);
}

#[test]
fn a_login_that_is_being_refreshed_is_seen_and_a_crash_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    assert!(!is_refreshing(&home));
    for lock in [home.join(".oauth_refresh.lock"), dir.path().join("home.lock")] {
        std::fs::create_dir(&lock).unwrap();
        assert!(is_refreshing(&home), "{}", lock.display());
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(61);
        std::fs::File::open(&lock).unwrap().set_modified(old).unwrap();
        assert!(!is_refreshing(&home), "a minute old");
    }
}

#[test]
fn a_worktree_trusts_its_main_checkout() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let (main, tree) = (root.join("main"), root.join("tree"));
    std::fs::create_dir_all(main.join(".git/worktrees/tree")).unwrap();
    std::fs::create_dir_all(&tree).unwrap();
    std::fs::write(main.join(".git/worktrees/tree/commondir"), "../..\n").unwrap();
    std::fs::write(tree.join(".git"), format!("gitdir: {}\n", main.join(".git/worktrees/tree").display()))
        .unwrap();
    assert!(trust_roots(&tree).contains(&main));
}

#[test]
fn usage_is_counted_once_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.jsonl");
    let line = |id: &str, t: &str, n: u64| {
        json!({"type":"assistant","timestamp":t,"message":{"id":id,"usage":{"input_tokens":n,"output_tokens":2,"cache_read_input_tokens":3}}})
            .to_string()
    };
    let text = [
        line("old", "2026-01-01T00:00:00Z", 100),
        line("a", "2026-01-01T00:00:10Z", 5),
        line("a", "2026-01-01T00:00:11Z", 5),
        "torn {".to_owned(),
        line("b", "2026-01-01T00:00:12Z", 7),
    ]
    .join("\n");
    std::fs::write(&path, text).unwrap();
    let got = tokens(&path, "2026-01-01T00:00:05Z".parse().unwrap()).unwrap();
    assert_eq!(got, Tokens { input: 12, output: 4, cache_read: 6 });
}
