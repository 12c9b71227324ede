//! What `doctor` says of units and of the secrets that units hand over, by a `systemctl` that shows what a test wants.

use super::{chmod, codes, finding, sound};
use crate::timers::recorded;

#[test]
fn a_secret_that_cannot_be_read_is_a_fault_before_anything_is_sent() {
    let w = sound();
    let config = w.read("config.yaml");
    let with = |secret: &str| {
        let target = format!(
            "{{name: hook, kind: webhook, url: 'http://127.0.0.1:1/', secret: {secret}, headers: {{X-Key: '{{{{secret}}}}'}}}}"
        );
        w.write("config.yaml", format!("{config}notifications: {{targets: [{target}]}}\n"));
    };
    let file = format!("{{file: {}}}", w.path("key").display());
    with(&file);
    let found = finding(&w, "notify-secret");
    assert_eq!((&found["severity"], &found["subject"]), (&"fault".into(), &"target hook".into()), "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("claude-failover notify test hook"), "{found}");
    w.write("key", "made-up-secret\n");
    chmod(&w, "key", 0o644);
    let said = w.cf(&["doctor"]);
    assert!(said.code == 5 && said.out.contains("hint: chmod 600"), "{said:?}");
    assert!(!format!("{said:?}").contains("made-up-secret"), "a secret is never printed: {said:?}");
    chmod(&w, "key", 0o600);
    assert_eq!(codes(&w), Vec::<String>::new());
    // What only the runs of `notify` are given: nobody hands it to them, until one has had it.
    with("{env: HOOK_KEY}");
    assert!(finding(&w, "notify-secret")["message"].as_str().unwrap().contains("`HOOK_KEY` is not set"));
    assert_eq!(w.cf_env(&["notify"], &[("HOOK_KEY", "made-up-secret")]).code, 0);
    assert_eq!(codes(&w), Vec::<String>::new());
    with("{credential: hook-key}");
    assert!(finding(&w, "notify-secret")["message"].as_str().unwrap().contains("`hook-key`"));
    // Their unit does.
    let asked = || recorded(&w, &["--json", "doctor"], &[]).out;
    assert_eq!(recorded(&w, &["timers", "install"], &[]).code, 0);
    assert!(asked().contains("its unit hands over no credential `hook-key`"), "{}", asked());
    let drop_in = "home/.config/systemd/user/claude-failover-notify.service.d/override.conf";
    w.write(drop_in, format!("[Service]\nLoadCredential=hook-key:{}\n", w.path("gone").display()));
    assert!(asked().contains("the file of its credential `hook-key` is missing"), "{}", asked());
    w.write(drop_in, format!("[Service]\nLoadCredential=hook-key:{}\n", w.path("key").display()));
    assert!(!asked().contains("notify-secret"), "{}", asked());
    with("{env: HOOK_KEY}");
    assert!(asked().contains("neither here nor in its unit"), "{}", asked());
    w.write(drop_in, format!("[Service]\nEnvironmentFile={}\n", w.path("key").display()));
    assert!(!asked().contains("notify-secret"), "{}", asked());
}

#[test]
fn what_is_wrong_with_units_is_found_as_the_manager_shows_it() {
    let w = sound();
    let codes = || -> Vec<String> {
        let said = recorded(&w, &["--json", "doctor"], &[]);
        let said: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        let all = said["findings"].as_array().unwrap().iter();
        let here = all.filter(|f| f["subject"] == "timers" || f["subject"] == "systemd");
        // Whether a user of this name lingers is the machine's.
        here.map(|f| f["code"].as_str().unwrap().to_owned()).filter(|c| c != "not-lingering").collect()
    };
    assert_eq!(recorded(&w, &["timers", "install"], &[]).code, 0);
    assert_eq!(codes(), Vec::<String>::new());
    let timer = "manager/is-claude-failover-watch.timer";
    for (is, code) in [
        ("loaded failed enabled", "unit-failed"),
        ("loaded inactive enabled", "timer-off"),
        ("loaded active disabled", "timer-disabled"),
        ("masked inactive masked", "unit-masked"),
        ("bad-setting inactive enabled", "unit-bad"),
    ] {
        w.write(timer, format!("{is}\n"));
        assert_eq!(codes().first().map(String::as_str), Some(code), "{is}: {:?}", codes());
    }
    std::fs::remove_file(w.path(timer)).unwrap();
    let config = w.read("config.yaml");
    w.write("config.yaml", format!("{config}watcher: {{interval: 77s}}\n"));
    assert_eq!(codes(), ["timers-outdated"]);
    assert_eq!(recorded(&w, &["timers", "install"], &[]).code, 0);
    assert_eq!(codes(), Vec::<String>::new());
    // A variable of the manager reaches whatever it starts.
    w.write("manager/environment", "PATH=/usr/bin:/bin\nANTHROPIC_API_KEY=made-up\n");
    let said = recorded(&w, &["doctor"], &[]);
    assert!(said.out.contains("systemctl --user unset-environment ANTHROPIC_API_KEY"), "{said:?}");
    assert!(!format!("{said:?}").contains("made-up"), "{said:?}");
    std::fs::remove_file(w.path("manager/environment")).unwrap();
    // A manager that does not answer.
    w.write("manager/is", "");
    assert_eq!(codes(), ["manager-silent"]);
}
