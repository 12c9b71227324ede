use super::plan::{Before, Loaded, Step, install, remove};
use super::*;
use std::collections::BTreeMap;

fn place() -> Place {
    Place {
        flavour: Flavour::User,
        program: "/opt/my bin/cf".into(),
        config: "/home/me/50%.yaml".into(),
        state: "/home/me/$tate".into(),
        path: "/home/me/.local/bin:/usr/bin".into(),
        tmux_tmpdir: None,
        tmux: ["/usr/bin/tmux", "-u", "-L", "cf"].iter().chain(&START_SERVER).map(ToString::to_string).collect(),
        socket_dir: None,
        inboxes: vec!["/srv/a b/.agent-queue/inbox".into(), "/srv/c%/.agent-queue/inbox".into()],
        listen: None,
        intervals: Intervals { watch: SignedDuration::from_millis(1500), ..Intervals::default() },
    }
}

fn all() -> BTreeMap<&'static str, String> {
    units(&Filling::of(&place()).unwrap(), true).into_iter().map(|unit| (unit.name, unit.text)).collect()
}

#[test]
fn what_is_filled_in_is_quoted() {
    let all = all();
    let run = "\"/opt/my bin/cf\" --config /home/me/50%%.yaml --state-dir /home/me/$$tate -q";
    assert!(all["claude-failover-watch.service"].contains(&format!("\nExecStart={run} watch\n")), "{all:?}");
    assert!(all["claude-failover-failed@.service"].contains(&format!("{run} notify --unit-failed %i\n")));
    // The whole of a setting is a path: no quotes there, and no variables.
    assert!(all["claude-failover-kick.path"].contains("\nDirectoryNotEmpty=/home/me/$tate/kick\n"));
    let inboxes = "\nPathChanged=/srv/a b/.agent-queue/inbox\nPathChanged=/srv/c%%/.agent-queue/inbox\n";
    assert!(all["claude-failover-inbox.path"].contains(inboxes));
    let tmux = "/usr/bin/tmux -u -L cf start-server \\; set-option -g exit-empty off\n";
    assert!(all["claude-failover-tmux.service"].contains(tmux));
    assert!(all["claude-failover-watch.timer"].contains("\nOnUnitInactiveSec=1500ms\n"));
    assert!(all["claude-failover-checkpoint.timer"].contains("\nOnUnitInactiveSec=300s\n"));
}

#[test]
fn what_a_unit_cannot_hold_is_refused() {
    for bad in ["/a\nExecStart=/bin/x", "/a\\b", "", "relative", "-/bin/x", "/a\u{7f}"] {
        assert!(Filling::of(&Place { program: bad.into(), ..place() }).is_err(), "{bad:?}");
    }
    assert!(Filling::of(&Place { program: "/a$b".into(), ..place() }).is_err(), "a program is never expanded");
    for bad in ["/ends in a blank ", "/a\nb", "x"] {
        assert!(Filling::of(&Place { inboxes: vec![bad.into()], ..place() }).is_err(), "{bad:?}");
    }
    for bad in ["", "a b", "-x", "a\nRoot=x", "%u"] {
        let flavour = Flavour::System { user: bad.into() };
        assert!(Filling::of(&Place { flavour, ..place() }).is_err(), "{bad:?}");
    }
    // A value that looks like a placeholder is a value.
    let odd = Place { config: "/c/@HARDENING@".into(), ..place() };
    let odd = units(&Filling::of(&odd).unwrap(), true);
    assert!(odd[1].text.contains("--config /c/@HARDENING@ "), "{}", odd[1].text);
}

#[test]
fn every_line_that_holds_something_back_has_its_reason_above_it() {
    let system = Place { flavour: Flavour::System { user: "me".into() }, ..place() };
    for unit in
        units(&Filling::of(&place()).unwrap(), true).iter().chain(&units(&Filling::of(&system).unwrap(), true))
    {
        let plain = [
            "Description=",
            "Documentation=",
            "Type=",
            "ExecStart=",
            "SyslogIdentifier=",
            "WantedBy=",
            "OnCalendar=",
        ];
        let mut reason = false;
        for line in unit.text.lines().skip(1) {
            assert!(!line.contains("@H") && !line.contains("@R"), "{}: {line}", unit.name);
            if line.starts_with('#') {
                reason = true;
            } else if line.is_empty() || line.starts_with('[') {
                reason = false;
            } else {
                let is_plain = plain.iter().any(|key| line.starts_with(key));
                // Settings that belong together share one.
                assert!(reason || is_plain, "{}: no reason for `{line}`", unit.name);
                reason &= !is_plain;
            }
        }
        assert!(unit.text.starts_with(&format!("{HEADER}\n")) && !unit.text.contains("\n\n\n"), "{}", unit.text);
        assert!(!unit.text.contains("@USER@") && is_our_name(unit.name), "{}", unit.name);
    }
}

#[test]
fn units_belong_together() {
    let all = all();
    for job in JOBS {
        let service = &all[format!("claude-failover-{}.service", job.name).as_str()];
        let timer = &all[format!("claude-failover-{}.timer", job.name).as_str()];
        assert!(
            service.contains("\nType=oneshot\n")
                && service.contains("OnFailure=claude-failover-failed@%n.service")
        );
        assert!(timer.contains("RandomizedDelaySec=") && timer.contains("AccuracySec="));
        assert_eq!(place().intervals.of(job.name).is_some(), timer.contains("OnUnitInactiveSec="), "{}", job.name);
        let limit = service.lines().find_map(|l| l.strip_prefix("TimeoutStartSec=")).unwrap();
        assert_eq!(limit.parse::<SignedDuration>().unwrap(), job.limit, "{}: cron has another limit", job.name);
    }
    for name in all.keys() {
        let (stem, kind) = name.rsplit_once('.').unwrap();
        // Each connection has an instance.
        let at = if kind == "socket" { "@" } else { "" };
        assert!(all.contains_key(format!("{stem}{at}.service").as_str()), "{name} starts nothing");
        assert!(!all[name].contains("RemainAfterExit"), "{name}: its timer would fire once");
    }
    let none = Place { inboxes: Vec::new(), ..place() };
    assert!(units(&Filling::of(&none).unwrap(), true).iter().all(|unit| !unit.name.contains("inbox")));
    let many = Place { inboxes: (0..200).map(|n| format!("/srv/{n}")).collect(), ..place() };
    let many = units(&Filling::of(&many).unwrap(), true);
    let watched: usize = many.iter().map(|unit| unit.text.matches("PathChanged=/").count()).sum();
    assert_eq!(watched, MOST_INBOXES);
}

/// What is there once every step of an install has been taken.
fn installed(units: &[Unit]) -> Before {
    let loaded = |unit: &Unit| Loaded {
        load: "loaded".into(),
        file: if unit.is_enabled() { "enabled" } else { "static" }.into(),
        active: if unit.is_enabled() { "active" } else { "inactive" }.into(),
        ..Loaded::default()
    };
    Before {
        files: units.iter().map(|unit| (unit.name.to_owned(), unit.text.clone())).collect(),
        loaded: units.iter().map(|unit| (unit.name.to_owned(), loaded(unit))).collect(),
    }
}

#[test]
fn an_install_does_what_is_missing() {
    let units = units(&Filling::of(&place()).unwrap(), true);
    let steps = install(&units, &Before::default());
    assert_eq!(
        steps.iter().filter(|step| matches!(step, Step::Write { is_change: false, .. })).count(),
        units.len()
    );
    assert!(matches!(&steps[units.len()..], [Step::Reload, Step::EnableNow(all)] if all.len() == 11), "{steps:?}");

    let mut there = installed(&units);
    assert_eq!(install(&units, &there), []);
    // Killed behind the writes: nothing differs, and the manager has not read it.
    let killed = Before { loaded: BTreeMap::new(), ..there.clone() };
    assert!(matches!(&install(&units, &killed)[..], [Step::Reload, Step::EnableNow(_)]));
    // Something changed, a leftover of another version, and a file of somebody else's.
    there.files.insert("claude-failover-watch.timer".into(), format!("{HEADER}\n[Timer]\n"));
    there.files.insert("claude-failover-old.timer".into(), format!("{HEADER}\n[Timer]\n"));
    there.files.insert("claude-failover-mine.service".into(), "[Service]\n".into());
    there.files.insert("claude-failover-kick.path".into(), "# mine\n".into());
    there.loaded.get_mut("claude-failover-inbox.path").unwrap().active = "failed".into();
    let steps = install(&units, &there);
    let name = |name: &str| name.to_owned();
    assert!(
        matches!(&steps[..], [
            Step::Write { name: written, is_change: true, .. },
            Step::Foreign(foreign),
            Step::DisableNow(stale), Step::Remove(removed), Step::Reload,
            Step::ResetFailed(reset), Step::EnableNow(enabled),
        ] if *written == "claude-failover-watch.timer" && *foreign == "claude-failover-kick.path"
            && *stale == [name("claude-failover-old.timer")] && *removed == "claude-failover-old.timer"
            && *reset == [name("claude-failover-inbox.path")] && *enabled == [name("claude-failover-inbox.path")]),
        "{steps:?}"
    );
}

#[test]
fn the_socket_is_there_only_where_it_is_wanted_and_moves_with_the_configuration() {
    let of = |place: &Place, control| units(&Filling::of(place).unwrap(), control);
    let named = |units: &[Unit]| units.iter().filter(|unit| unit.name.contains("control")).count();
    let (without, with) = (of(&place(), false), of(&place(), true));
    assert_eq!((named(&without), named(&with)), (0, 2));
    let text = |place: &Place| of(place, true).into_iter().find(|unit| unit.name == CONTROL).unwrap().text;
    assert!(text(&place()).contains("\nListenStream=%t/claude-failover/control.sock\n"), "{}", text(&place()));
    assert!(!text(&place()).contains("SocketUser="));
    let system = Place { flavour: Flavour::System { user: "me".into() }, ..place() };
    assert!(text(&system).contains("\nSocketUser=me\n"));
    for (listen, line) in [("/a b/50%.sock", "/a b/50%%.sock"), ("[::1]:8765", "[::1]:8765")] {
        let moved = Place { listen: Some(listen.into()), ..place() };
        assert!(text(&moved).contains(&format!("\nListenStream={line}\n")), "{}", text(&moved));
        // A socket that listens goes on to do so at its old place.
        let steps = install(&of(&moved, true), &installed(&with));
        assert!(
            matches!(&steps[..], [Step::Close(name), Step::Write { .. }, Step::Reload, Step::EnableNow(started)]
                if name == CONTROL && *started == [CONTROL]),
            "{steps:?}"
        );
    }
    // Taken away: a template is nothing that could be stopped.
    let steps = install(&without, &installed(&with));
    let [Step::DisableNow(stopped), Step::Remove(_), Step::Remove(_), Step::Reload] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(stopped, &[CONTROL]);
    assert!(Filling::of(&Place { listen: Some("/a\nb".into()), ..place() }).is_err());
}

#[test]
fn a_removal_takes_just_what_is_ours_and_ends_no_session_unasked() {
    let units = units(&Filling::of(&place()).unwrap(), true);
    let mut there = installed(&units);
    there.files.insert("claude-failover-mine.service".into(), "[Service]\n".into());
    there.loaded.insert(
        "claude-failover-failed@x.service".into(),
        Loaded { active: "failed".into(), ..Loaded::default() },
    );
    for sessions_too in [false, true] {
        let steps = remove(&there, sessions_too);
        let stops = |step: &Step| match step {
            Step::Stop(name) => name == TMUX,
            Step::DisableNow(names) => names.iter().any(|name| name == TMUX),
            _ => false,
        };
        assert_eq!(steps.iter().any(stops), sessions_too, "{steps:?}");
        let removed = steps.iter().filter(|step| matches!(step, Step::Remove(_))).count();
        assert_eq!(removed, units.len());
        assert!(steps.contains(&Step::Foreign("claude-failover-mine.service".into())));
        assert!(steps.contains(&Step::ForgetStamp("claude-failover-janitor.timer".into())));
        assert!(steps.contains(&Step::ResetFailed(vec!["claude-failover-failed@x.service".into()])));
        assert_eq!(steps.last(), Some(&Step::Reload));
    }
    assert_eq!(remove(&Before::default(), true), []);
}

#[test]
fn cron_lines() {
    let plain = Place { program: "/opt/bin/cf".into(), config: "/c.yaml".into(), state: "/s".into(), ..place() };
    let lines = cron::lines(&plain).unwrap();
    let line = "* * * * * flock -n -o -E 0 /s/lock/cron-dispatch.lock timeout -k 10 900 /opt/bin/cf --config /c.yaml \
                --state-dir /s -q dispatch\n";
    assert!(lines.contains(line), "{lines}");
    let half = "* * * * * sleep 30; flock -n -o -E 0 /s/lock/cron-watch.lock ";
    assert!(lines.contains(half) && lines.matches("sleep 30").count() == 1, "{lines}");
    assert!(lines.contains("*/5 * * * * flock -n -o -E 0 /s/lock/cron-checkpoint.lock "), "{lines}");
    assert!(
        lines
            .lines()
            .any(|line| line.ends_with("-q janitor") && line.contains(" * * * * flock") && !line.starts_with('*')),
        "{lines}"
    );
    let odd = cron::lines(&place()).unwrap();
    // `%` is a line break to cron, `$` a variable to its shell.
    assert!(odd.contains("'/opt/my bin/cf' --config ") && odd.contains("50\\%.yaml"), "{odd}");
    assert!(odd.contains("'/home/me/$tate'"), "{odd}");
    assert!(cron::lines(&Place { state: "/a\nb".into(), ..place() }).is_err());
}
