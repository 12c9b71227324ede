//! The main job with the real client in real tmux.

use crate::common::real_client::{Api, VERSIONS, client, setup, world};
use crate::common::{World, bin, until};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A tool call, an edit of a file that is there, another tool call.
fn queue(w: &World, pause: u32) {
    w.write("app/code.txt", "colour = red\n");
    let file = w.path("app/code.txt").display().to_string();
    w.task(
        "t",
        &format!(
            "Please do this.\n[[bash:echo one >> steps.txt]]\n[[tool:Read:{{\"file_path\":\"{file}\"}}]]\n\
             [[tool:Edit:{{\"file_path\":\"{file}\",\"old_string\":\"red\",\"new_string\":\"blue\"}}]]\n\
             [[bash:sleep {pause}; echo two >> steps.txt]]\n[[say:it is blue now]]"
        ),
    );
}

fn is_done(w: &World) {
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/code.txt"), "colour = blue\n");
    let text = w.read("app/.agent-queue/done/t.md");
    for part in ["result: done", "session: p-0", "- main", "tokens:", "cache_read:"] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert_eq!(w.read("state/events/p-0.jsonl").matches("\"Stop\"").count().min(1), 1);
}

/// Nothing was asked for but the stand-in, and all of it with the made-up login.
fn is_fenced(api: &Api, token: &str) {
    for line in api.log() {
        if line["path"].as_str().is_some_and(|p| p.starts_with("/v1/messages")) {
            assert_eq!(line["token"], token, "{line}");
        }
    }
}

fn conversations(w: &World) -> Vec<String> {
    crate::common::tree(&w.path("shared"))
        .keys()
        .filter(|p| {
            p.extension().is_some_and(|e| e == "jsonl")
                && p.components().count() == w.path("shared/x/y").components().count()
        })
        .map(|p| p.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_task_is_carried_out_by_each_version() {
    for version in VERSIONS {
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let api = Api::start(scratch.path().join("api"));
        let w = world(&client(version), &api, "fake-A");
        queue(&w, 0);
        let said = w.cf(&["dispatch"]);
        assert!(said.out.contains("dispatched app:t"), "{version}: {said:?}");
        is_done(&w);
        is_fenced(&api, "fake-A");
        let id = w.session("p-0")["conversation"].as_str().unwrap().to_owned();
        assert!(w.read("app/.agent-queue/done/t.md").contains(&format!("conversation: {id}")));
        assert_eq!(conversations(&w), [id], "{version}");
        // The next task goes into the same client, by one typed line.
        let pid = w.session("p-0")["client"]["pid"].clone();
        w.task("next", "[[bash:echo again > again.txt]]");
        w.drive("the next", |w| w.place("next") == "done md");
        assert_eq!(
            (w.read("app/again.txt").as_str(), &w.session("p-0")["client"]["pid"]),
            ("again\n", &pid),
            "{version}"
        );
        let asked = api
            .log()
            .iter()
            .filter(|l| l["kind"] == "prompt" && l["last"].to_string().contains("Task next"))
            .count();
        assert_eq!(asked, 1, "{version}: submitted exactly once");
        let line = w.read("state/events/p-0.statusline.json");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["rate_limits"]["five_hour"]["used_percentage"], 31, "{version}: {line}");
        assert!(w.ok(&["stop", "p-0"]).contains("its client has ended"), "{version}");
    }
}

#[test]
fn a_client_killed_half_way_is_resumed_in_the_same_conversation() {
    for version in VERSIONS {
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let api = Api::start(scratch.path().join("api"));
        let w = world(&client(version), &api, "fake-A");
        queue(&w, 3);
        w.ok(&["dispatch"]);
        until("the edit", LONG, || w.read("app/code.txt").contains("blue"));
        let pid = w.session("p-0")["client"]["pid"].as_i64().unwrap();
        let id = w.session("p-0")["conversation"].clone();
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid.try_into().unwrap()),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        is_done(&w);
        assert_eq!(w.session("p-0")["conversation"], id, "{version}");
        assert_eq!(conversations(&w).len(), 1, "{version}");
        assert!(w.read("app/steps.txt").starts_with("one\n") && w.read("app/steps.txt").contains("two"));
        assert_eq!(w.read("app/steps.txt").matches("one").count(), 1, "{version}: finished work is not repeated");
    }
}

#[test]
fn a_tmux_server_killed_half_way_loses_nothing() {
    for version in VERSIONS {
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let api = Api::start(scratch.path().join("api"));
        let w = world(&client(version), &api, "fake-A");
        queue(&w, 3);
        w.ok(&["dispatch"]);
        until("the edit", LONG, || w.read("app/code.txt").contains("blue"));
        let id = w.session("p-0")["conversation"].clone();
        w.tmux(&["kill-server"]);
        is_done(&w);
        assert_eq!((w.session("p-0")["conversation"].clone(), conversations(&w).len()), (id, 1), "{version}");
    }
}

#[test]
fn an_ordinary_user_can_do_it() {
    if !nix::unistd::geteuid().is_root() {
        return; // the other tests of this file have just been run by one
    }
    let uid = 54_321;
    let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
    let api = Api::start(scratch.path().join("api"));
    let w = World::bare();
    // Programs where an ordinary user can reach them, wherever this checkout lies.
    for (from, name) in [(bin("claude-failover"), "cf"), (client(VERSIONS[1]), "claude")] {
        let to = w.path(name);
        if std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(&from, &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    setup(&w, &w.path("claude"), &api, "fake-A", false);
    w.write("app/.agent-queue/inbox/t.md", "[[bash:id -u > who.txt]]\n[[say:ok]]");
    let own = Command::new("chown").arg("-R").arg(format!("{uid}:{uid}")).arg(w.path("")).status().unwrap();
    assert!(own.success());
    let user = |args: &[&str]| {
        let output = w
            .fenced(std::path::Path::new("setpriv"))
            .args([&format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups", "--"])
            .arg(w.path("cf"))
            .args(args)
            .env_clear()
            .envs(&w.env)
            .current_dir(w.path(""))
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let start = std::time::Instant::now();
    while w.place("t") != "done md" {
        let said = (user(&["dispatch"]), user(&["watch"]));
        assert!(start.elapsed() < LONG, "{said:?} {:?}", user(&["status"]));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(w.read("app/who.txt"), format!("{uid}\n"));
    assert!(user(&["stop", "--all"]).0 == Some(0));
    user(&["status"]);
}
