use super::*;
use crate::error::{hints_of, messages_of};

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["app", "web", "home"] {
            std::fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        Self { dir }
    }
    fn parse(&self, text: &str) -> Result<Config> {
        let root = self.dir.path().to_str().unwrap();
        parse(
            &text.replace("ROOT", root),
            Some(Path::new("c.yaml")),
            &LoadInputs { home: &self.dir.path().join("home"), strict: true },
        )
    }
    fn error(&self, text: &str) -> String {
        let root = self.dir.path().to_str().unwrap();
        messages_of(&self.parse(text).unwrap_err()).join(": ").replace(root, "ROOT")
    }
}

const OK: &str = "accounts: [{name: main, home: ~/.claude-main}]\n";

#[test]
fn the_smallest_configuration_has_every_default() {
    let w = World::new();
    let c = w.parse(OK).unwrap();
    assert_eq!(c.active_account.as_str(), "main");
    assert_eq!(c.accounts[0].home, w.dir.path().join("home/.claude-main"));
    assert_eq!((c.dispatch.ramp, c.tmux.columns, c.pool.max), (4, 200, 0));
    assert_eq!(c.client.args, ["--dangerously-skip-permissions"]);
    let text = c.resolved_yaml().unwrap();
    assert!(text.contains("active_account: main") && text.contains("ready_timeout: 1m"), "{text}");
    // What is printed can be read back, and comes to the same.
    assert_eq!(w.parse(&text).unwrap().resolved_yaml().unwrap(), text);
}

#[test]
fn mistakes_are_refused_by_file_line_and_key() {
    let w = World::new();
    for (text, want) in [
        ("", "c.yaml:1: the configuration is empty"),
        ("accounts: []", "c.yaml:1: accounts: at least one account is needed"),
        (
            "pool:\n  autonomus: {}\n",
            "c.yaml:2: pool: unknown field `autonomus`, expected one of `dedicated`, `autonomous`, `shared_projects_dir`",
        ),
        (
            "tmux:\n  timeout: 5\n",
            "c.yaml:2: tmux.timeout: not a duration: write it with its unit, such as `30s` or `1h 30m`",
        ),
        ("tmux:\n  timeout: soon\n", "c.yaml:2: tmux.timeout: not a duration: `soon`; write `30s` or `1h 30m`"),
        ("watcher: {idle_timeout: -5m}", "c.yaml:1: watcher.idle_timeout: a duration cannot be negative: `-5m`"),
        ("accounts: [{name: a, home: .claude}]", "c.yaml:1: accounts.0.home: not an absolute path: `.claude`"),
        (
            "accounts:\n- name: a\n  home: /a\n- name: a\n  home: /b\n",
            "c.yaml:4: accounts.1.name: account `a` is listed twice",
        ),
        (
            "accounts:\n- name: a\n  home: /a\n- name: b\n  home: /a\n",
            "c.yaml:5: accounts.1.home: two accounts have the home `/a`",
        ),
    ] {
        assert_eq!(w.error(text), want, "{text:?}");
    }
    for (text, want) in [
        (
            "projects:\n- path: ROOT/app\n- path: ROOT/app/../app\n",
            "c.yaml:4: projects.1.path: project `ROOT/app/../app` is listed twice",
        ),
        ("projects:\n- path: ROOT/gone\n", "c.yaml:3: projects.0.path: no such directory: `ROOT/gone`"),
        (
            "projects:\n- {path: ROOT/app, name: x}\n- {path: ROOT/web, name: x}\n",
            "c.yaml:4: projects.1.name: two projects are named `x`",
        ),
        (
            "projects:\n- {path: ROOT/app, account: nobody}\n",
            "c.yaml:3: projects.0.account: no account of this name: `nobody`",
        ),
        (
            "pool:\n  dedicated:\n  - {name: a, project: ROOT/app}\n  - {name: a, project: ROOT/web}\n",
            "c.yaml:5: pool.dedicated.1.name: session `a` is listed twice",
        ),
        (
            "pool:\n  autonomous: {max: 2}\n  dedicated:\n  - {name: ccl-auto-1, project: ROOT/app}\n",
            "c.yaml:5: pool.dedicated.0.name: session `ccl-auto-1` is one of the pool",
        ),
        (
            "pool:\n  autonomous:\n    prefix: 'a:b'\n",
            "c.yaml:4: pool.autonomous.prefix: a session name may hold only letters, digits and a few of `.` `_` `-`: `a:b0`",
        ),
        ("active_account: other\n", "c.yaml:2: active_account: no account of this name: `other`"),
        (
            "client:\n  args: [--bare]\n",
            "c.yaml:3: client.args.0: cannot be given: `--bare`: it is set by us, or would switch our hooks off",
        ),
        (
            "client:\n  env:\n    ANTHROPIC_API_KEY: x\n",
            "c.yaml:4: client.env.ANTHROPIC_API_KEY: cannot be set here",
        ),
        (
            "quota: {endpoint: {url: 'http://example.com/x'}}\n",
            "c.yaml:2: quota.endpoint.url: not an https address: `http://example.com/x`",
        ),
        ("dispatcher: {max_task_bytes: 17MiB}\n", "c.yaml:2: dispatcher.max_task_bytes: must be at most 16MiB"),
        ("switch: {ramp: 0}\n", "c.yaml:2: switch.ramp: must be a number from 1 to 50"),
        ("quota: {max_switches_per_hour: 0}\n", "c.yaml:2: quota.max_switches_per_hour: must be at least 1"),
        ("checkpoint: {keep: 0}\n", "c.yaml:2: checkpoint.keep: must be a number from 1 to 1000"),
        ("checkpoint: {pane_lines: 201}\n", "c.yaml:2: checkpoint.pane_lines: must be a number from 0 to 200"),
        ("checkpoint: {interval: 0s}\n", "c.yaml:2: checkpoint.interval: must be longer than nothing"),
        ("quota: {money: often}\n", "c.yaml:2: quota.money: unknown variant `often`, expected `never` or `last`"),
        ("state_dir: /tmp/x\n", "c.yaml:2: state_dir: the system empties it: `/tmp/x`"),
        (
            "quota:\n  window_5h_threshold: 90\n",
            "c.yaml:3: quota.window_5h_threshold: must be a fraction from 0 to 1",
        ),
        (
            "projects_dir: ROOT\ndispatcher:\n  projects_dir: ROOT\n",
            "c.yaml:4: dispatcher.projects_dir: the same as `projects_dir`: give one of them",
        ),
    ] {
        assert_eq!(w.error(&format!("{OK}{text}")), want, "{text:?}");
    }
}

#[test]
fn all_faults_come_in_one_go_and_the_nearest_key_is_named() {
    let w = World::new();
    let error = w.error("accounts: []\nstate_dir: x\n");
    assert_eq!(error.lines().count(), 2, "{error}");
    let error = w.parse("acounts: []\n").unwrap_err();
    assert_eq!(hints_of(&error), ["did you mean `accounts`?"]);
}

#[test]
fn the_daemons_keys_are_read_and_those_without_effect_are_said() {
    let w = World::new();
    let c = w
        .parse(
            "accounts:\n- name: compte1\n  home: ~/.claude-compte1\n  priority: 1\n  limits: {hourly_msgs: 0, weekly_msgs: 0}\n\
             pool:\n  autonomous: {prefix: ccl-auto-, start_index: 11, min: 10, max: 10}\n  shared_projects_dir: ~/.claude-projects-shared\n\
             quota: {poll_interval: 30s, window_5h_threshold: 0.9, window_week_threshold: 0.95, reactivate_cooldown: 5m}\n\
             watcher: {interval: 30s, idle_timeout: 60m, done_signal_dir: /tmp}\ndispatcher: {projects_dir: ROOT}\n\
             checkpoint: {dir: ~/cp, interval: 5m, keep: 10}\nmcp_http: {listen: '127.0.0.1:8765'}\n",
        )
        .unwrap();
    assert_eq!(c.pool.names().first().unwrap().as_str(), "ccl-auto-11");
    assert_eq!(c.pool.names().last().unwrap().as_str(), "ccl-auto-20");
    assert_eq!(c.projects_dir.as_deref(), Some(w.dir.path()));
    assert_eq!(c.warnings.len(), 3, "{:?}", c.warnings);
    assert!(
        c.warnings[1].contains("checkpoint.dir has no effect: checkpoints lie in the state"),
        "{:?}",
        c.warnings
    );
    let kept = &c.checkpoint;
    assert_eq!((kept.keep, kept.keep_days, kept.interval.as_secs()), (10, 14, 300));
    assert_eq!(w.parse(&c.resolved_yaml().unwrap()).unwrap().checkpoint, *kept);
    assert!(c.warnings[0].starts_with("line 5: accounts.0.limits has no effect"), "{:?}", c.warnings);
}

#[test]
fn control_listens_where_only_this_machine_can_reach_it() {
    let w = World::new();
    let with = |control: &str| w.parse(&format!("{OK}control: {control}\n"));
    let c = with("{}").unwrap().control;
    assert_eq!((c.enable_trigger, c.listen, c.token), (false, None, None));
    let c = with("{enable_trigger: true, listen: '[::1]:8765', token: {credential: t}}").unwrap();
    assert_eq!(c.control.listen, Some(Listen::Tcp("[::1]:8765".parse().unwrap())));
    assert_eq!(w.parse(&c.resolved_yaml().unwrap()).unwrap().control, c.control);
    let c = with("{listen: ~/c.sock}").unwrap().control;
    assert!(matches!(c.listen, Some(Listen::Path(path)) if path.ends_with("c.sock")));
    let c = w.parse(&format!("{OK}runtime_dir: /srv/run\ncontrol: {{}}\n")).unwrap().control;
    assert_eq!(c.listen, Some(Listen::Path("/srv/run/control.sock".into())));
    for (control, want) in [
        ("{listen: '127.0.0.1:8765'}", "control.listen: a port needs a token"),
        ("{listen: '0.0.0.0:8765', token: {file: /t}}", "control.listen: others could reach it: `0.0.0.0:8765`"),
        ("{listen: '127.0.0.1:0', token: {file: /t}}", "control.listen: needs a port"),
        ("{listen: 'localhost'}", "control.listen: neither a path nor `127.0.0.1:PORT`: `localhost`"),
        ("{token: abc}", "a secret does not belong here"),
    ] {
        let error = w.error(&format!("{OK}control: {control}\n"));
        assert!(error.contains(want), "{control}: {error}");
    }
    let long = format!("{{listen: /{}}}", "x".repeat(107));
    assert!(w.error(&format!("{OK}control: {long}\n")).contains("at most 107 bytes"));
}

#[test]
fn unreadable_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let home = LoadInputs { home: dir.path(), strict: true };
    let file = dir.path().join("c.yaml");
    let error = |path: &Path| messages_of(&load(path, &home).unwrap_err()).remove(0);
    assert!(error(&file).starts_with("could not read the configuration"));
    assert!(error(dir.path()).starts_with("the configuration is not a file"));
    std::fs::write(&file, b"home: /a\nstate_dir: \xff\n").unwrap();
    assert!(error(&file).ends_with("c.yaml:2: the configuration is not UTF-8"));
    std::fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    assert!(error(&file).starts_with("the configuration is larger than 1 MiB"));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n";
    std::fs::write(&file, bomb).unwrap();
    assert!(error(&file).contains("c.yaml:1: unknown field `a`"), "{}", error(&file));
    assert_eq!(crate::error::exit_of(&load(&file, &home).unwrap_err()), Exit::Config);
}

#[test]
fn the_example_has_every_key_and_is_valid() {
    use super::schema as s;
    let text = include_str!("../../examples/config.yaml");
    let keys = [
        s::Raw::KEYS,
        s::RawAccount::KEYS,
        s::RawLimits::KEYS,
        s::RawProject::KEYS,
        s::RawPool::KEYS,
        s::RawDedicated::KEYS,
        s::RawAutonomous::KEYS,
        s::RawClient::KEYS,
        s::RawTmux::KEYS,
        s::RawDispatcher::KEYS,
        s::RawWatcher::KEYS,
        s::RawQuota::KEYS,
        s::RawEndpoint::KEYS,
        s::RawSwitch::KEYS,
        s::RawCheckpoint::KEYS,
        s::RawMcpHttp::KEYS,
        s::RawControl::KEYS,
        s::RawGuard::KEYS,
        s::RawNotifications::KEYS,
        s::RawTarget::KEYS,
        s::RawQuiet::KEYS,
        s::RawSecretKeys::KEYS,
        s::RawJanitor::KEYS,
    ];
    for key in keys.iter().copied().flatten() {
        assert!(
            text.lines()
                .any(|l| l.trim_start().trim_start_matches(['#', '-', ' ']).starts_with(&format!("{key}:"))),
            "{key} is missing"
        );
    }
    let w = World::new();
    for path in ["srv/app", "srv/web", "srv/projects"] {
        std::fs::create_dir_all(w.dir.path().join(path)).unwrap();
    }
    for text in [text, include_str!("../../examples/minimal.yaml")] {
        let text = text.replace("/srv", &w.dir.path().join("srv").display().to_string());
        w.parse(&text).unwrap();
    }
}

#[test]
fn accounts_have_kinds_and_thresholds_of_their_own() {
    let w = World::new();
    let text = "accounts:\n\
        - {name: a, home: /a, reserve: 0.1}\n\
        - {name: b, home: /b, kind: token, token_file: ~/b.token, window_5h_threshold: 0.5, disabled: true}\n\
        - {name: c, home: /c, kind: cloud, env: {CLAUDE_CODE_USE_BEDROCK: '1'}}\n\
        quota: {window_5h_threshold: 0.8}\n";
    let c = w.parse(text).unwrap();
    let five: Vec<f64> = c.accounts.iter().map(|a| a.thresholds.five_hour).collect();
    assert_eq!((five, c.accounts[0].thresholds.seven_day), (vec![70.0, 50.0, 80.0], 85.0));
    assert!(c.accounts[1].disabled && c.accounts[1].token_file.is_some());
    let again = w.parse(&c.resolved_yaml().unwrap()).unwrap();
    assert_eq!(again.accounts, c.accounts);
    assert_eq!(again.quota, c.quota);
    for (text, want) in [
        ("{name: a, home: /a, kind: token}", "accounts.0.kind: needs a `token_file`"),
        ("{name: a, home: /a, kind: cloud}", "accounts.0.kind: needs an `env`"),
        ("{name: a, home: /a, token_file: /t}", "accounts.0.token_file: only accounts of kind"),
        (
            "{name: a, home: /a, env: {ANTHROPIC_API_KEY: x}}",
            "accounts.0.env.ANTHROPIC_API_KEY: cannot be set here",
        ),
        ("{name: a, home: /a, reserve: 3}", "accounts.0.reserve: must be a fraction from 0 to 1"),
    ] {
        let error = w.error(&format!("accounts: [{text}]"));
        assert!(error.contains(want), "{text}: {error}");
    }
}

#[test]
fn the_janitors_ages_and_caps_are_read_and_refused_by_line() {
    let w = World::new();
    let c = w.parse(OK).unwrap();
    assert_eq!(c.janitor.rules, crate::model::janitor::Rules::default());
    let text = format!("{OK}janitor:\n  archive_done_after: 2w\n  log_max: 1MiB\n  temp_files_after: 1d 6h\n");
    let rules = w.parse(&text).unwrap().janitor.rules;
    assert_eq!(
        (rules.archive_done_after.as_hours(), rules.log_max, rules.temp_files_after.as_hours()),
        (14 * 24, 1 << 20, 30)
    );
    let printed = w.parse(&text).unwrap().resolved_yaml().unwrap();
    assert!(
        printed.contains("archive_done_after: 14d") && printed.contains("archive_failed_after: 90d"),
        "{printed}"
    );
    for (text, want) in [
        ("janitor:\n  archive_after: 1d\n", "c.yaml:3: janitor: unknown field `archive_after`"),
        ("janitor:\n  log_keep: 0s\n", "c.yaml:3: janitor.log_keep: must be longer than nothing"),
        ("janitor:\n  temp_files_after: 9m\n", "c.yaml:3: janitor.temp_files_after: must be at least 10m"),
        ("janitor:\n  switches_keep: 0\n", "c.yaml:3: janitor.switches_keep: must be at least 1"),
        ("janitor:\n  events_keep: 3 moons\n", "c.yaml:3: janitor.events_keep: not a duration: `3 moons`"),
        ("janitor:\n  events_keep: 1 month\n", "c.yaml:3: janitor.events_keep: not a duration: `1 month`"),
        ("janitor:\n  log_max: 5\n  interval: 1\n", "c.yaml:4: janitor.interval: not a duration"),
    ] {
        let error = w.error(&format!("{OK}{text}"));
        assert!(error.starts_with(want), "{text:?}: {error}");
    }
}
