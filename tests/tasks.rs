//! The queue by hand.

use crate::common::World;

#[test]
fn add_list_show_done_fail_retry_cancel() {
    let w = World::new();
    let said = w.ok(&["task", "add", "-p", "app", "--title", "Add login", "--priority", "high", "-m", "do it"]);
    assert!(said.starts_with("app:20") && said.trim_end().ends_with("-add-login"), "{said}");
    w.task("b", "second");
    let list = w.ok(&["task", "list"]);
    assert!(list.contains("waiting  high") && list.contains("Add login") && list.contains("app:b"), "{list}");
    assert_eq!(w.json(&["task", "list"])["tasks"].as_array().unwrap().len(), 2);
    let shown = w.ok(&["task", "show", "b"]);
    assert!(shown.contains("---\nsecond\n") && shown.starts_with("---\ncreated: "), "{shown}");
    assert_eq!(w.ok(&["task", "done", "b"]), "done app:b\n");
    assert_eq!(w.ok(&["task", "done", "b"]), "done app:b\n", "twice is harmless");
    assert_eq!(w.ok(&["task", "retry", "app:b"]), "waiting app:b\n");
    assert_eq!(w.ok(&["task", "fail", "b", "--reason", "no"]), "failed app:b\n");
    assert!(w.ok(&["task", "list", "-a"]).contains("(no)"));
    w.task("c", "third");
    assert_eq!(w.ok(&["task", "cancel", "c"]), "failed app:c\n");
    assert!(w.read("app/.agent-queue/failed/c.md").contains("reason: cancelled"));
    w.task("c", "again");
    w.ok(&["task", "fail", "c"]);
    assert!(w.path("app/.agent-queue/failed/c.2.md").exists(), "nothing is replaced");
}

#[test]
fn mistakes_are_told_with_a_remedy() {
    let w = World::new();
    w.task("a", "x");
    for (args, code, want) in [
        (&["task", "add", "-p", "app", "--id", "a", "-m", "y"][..], 1, "a task `a` waits already"),
        (&["task", "add", "-p", "nowhere", "-m", "y"], 1, "no project `nowhere`"),
        (&["task", "add", "-m", "y"], 1, "the working directory is in no project"),
        (&["task", "add", "-p", "app", "-m", ""], 1, "there is nothing below the front matter"),
        (&["task", "add", "-p", "app", "--id", "../x", "-m", "y"], 2, "must not start with"),
        (
            &["task", "add", "-p", "app", "--priority", "urgent", "-m", "y"],
            2,
            "one of critical, high, default, low",
        ),
        (&["task", "done", "nothing"], 1, "no task `nothing` in any project"),
        (&["explain", "task", "nothing"], 1, "no task `nothing`"),
        (&["explain", "session", "nobody"], 1, "nothing is known of session `nobody`"),
        (&["launch", "nobody"], 1, "no session `nobody` in the configuration"),
        (&["launch", "p-1"], 1, "no project is given"),
        (&["stop", "nobody"], 1, "nothing is known of session `nobody`"),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ] {
        let said = w.cf(args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.contains(want), "{args:?}: {want} is missing in: {}", said.err);
    }
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let w = World::new();
    let said = w.cf(&["--json", "explain", "session", "nobody"]);
    let value: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.code, said.out.as_str(), &value["exit"]), (1, "", &1.into()));
    assert_eq!(value["hints"][0], "`claude-failover status` lists the sessions");
    let said = w.cf(&["dispatch", "--dry", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.code, &value["error"]), (2, &"unexpected argument '--dry' found".into()));
}

#[test]
fn dry_runs_change_nothing() {
    let w = World::new();
    w.task("a", "x");
    let before = (crate::common::tree(&w.path("state")), crate::common::tree(&w.path("app")));
    for args in [
        &["dispatch", "--dry-run"][..],
        &["watch", "--dry-run"],
        &["launch", "mine", "--dry-run"],
        &["stop", "--all", "--dry-run"],
        &["task", "add", "-p", "app", "-m", "y", "--dry-run"],
        &["task", "done", "a", "--dry-run"],
        &["task", "cancel", "a", "--dry-run"],
    ] {
        w.ok(args);
    }
    assert!((crate::common::tree(&w.path("state")), crate::common::tree(&w.path("app"))) == before);
}

#[test]
fn what_an_agent_of_the_earlier_system_left_is_named_and_can_be_queued_again() {
    let w = World::new();
    w.write("app/.agent-queue/inbox/old.md.dispatched", "do it");
    w.write("app/.agent-queue/inbox/other.md.delegated", "{}");
    let status = w.ok(&["status"]);
    assert!(
        status.contains("app:old claimed, but no session has it") && !status.contains("delegated"),
        "{status}"
    );
    w.ok(&["task", "retry", "old", "-p", "app"]);
    assert_eq!(w.place("old"), "inbox md");
}
