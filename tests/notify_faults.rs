//! What goes wrong around `notify`: answers of no use, programs that hang, a full disk, an invalid configuration; and
//! that neither a second event nor a new target is taken for another.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::common::{SOON, World, bin, until};
use crate::notify::{
    Service, TOKEN, answer, at, configure, fail, is_secret, notify, telegram, waiting, webhook, world,
};

/// A service that takes one request after the other and answers with these bytes, again and again if it is endless,
/// until nobody reads them any more.
fn raw(bytes: &'static str, endless: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut asked = [0; 16 << 10];
                let _ = stream.read(&mut asked);
                let _ = stream.write_all(bytes.as_bytes());
                while endless && stream.write_all(&[b' '; 4096]).is_ok() {}
            });
        }
    });
    port
}

#[test]
fn a_secret_does_not_go_where_an_answer_points() {
    let elsewhere = Service::good();
    for status in [301, 302, 303, 307, 308] {
        let to = format!("Location: http://127.0.0.1:{}/elsewhere\r\n", elsewhere.port);
        let service = Service::new(move |_, _| Some((status, to.clone(), String::new())));
        let w = world(&telegram(service.port, ""));
        let said = fail(&w, "a.service", 0);
        assert!(said.code == 3 && said.out.contains(&format!("it answered {status}")), "{said:?}");
        assert!(said.out.contains("hint: it sends elsewhere"), "{said:?}");
        assert_eq!((service.seen().len(), elsewhere.seen().len(), waiting(&w)), (1, 0, 1));
        is_secret(&w, &[&said]);
    }
}

#[test]
fn an_answer_without_an_end_is_not_read_for_ever_and_half_of_one_says_nothing() {
    let endless = raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{", true);
    let half = raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"ok\":tr", false);
    for port in [endless, half] {
        let w = world(&(telegram(port, "") + &webhook(port, "")));
        let start = Instant::now();
        let said = fail(&w, "a.service", 0);
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        assert!(said.out.contains("not sent yet phone: 1 event: its answer broke off"), "{said:?}");
        assert!(said.out.contains("sent hook: 1 event: it answered 200"), "{said:?}");
        // It may have arrived: it stays the message that it is.
        let record: Value = serde_json::from_str(&w.read("state/outbox/targets/phone.json")).unwrap();
        assert_eq!(record["message"]["unsure"], true, "{record}");
    }
}

#[test]
fn a_desktops_program_that_hangs_or_leaves_something_behind_holds_nobody_up() {
    let w = world("  - {name: desk, kind: desktop, command: [ROOT/show, '{{title}}']}\n");
    let show = |text: &str| {
        w.write("show", format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(w.path("show"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    show("sleep 20 &\necho shown >> shown");
    let start = Instant::now();
    let said = fail(&w, "a.service", 0);
    assert!(said.code == 0 && said.out.contains("sent desk"), "{said:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!((w.read("shown").as_str(), waiting(&w)), ("shown\n", 0));
    show("exec sleep 20");
    let start = Instant::now();
    let said = fail(&w, "b.service", 1);
    assert!(said.code == 3 && said.out.contains("not sent yet desk: 1 event: did not end within 1 s"), "{said:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(waiting(&w), 1);
}

#[test]
fn on_a_full_disk_nothing_is_sent_that_could_not_be_marked_and_nothing_is_lost() {
    let service = Service::new(|n, _| match n {
        0 => answer(500, &json!({})),
        _ => crate::notify::good(),
    });
    let w = world(&webhook(service.port, ""));
    assert_eq!(fail(&w, "a.service", 0).code, 3);
    let before = crate::common::tree(&w.path("state/outbox"));
    // Nothing can be written any more; the signal that comes with it is ignored.
    let script = format!("trap '' XFSZ; ulimit -f 0; exec {} \"$@\"", bin("claude-failover").display());
    let full = |args: &[&str], now: &str| {
        let mut command = w.fenced(std::path::Path::new("/bin/sh"));
        command.args(["-c", &script, "sh"]).args(args).env_clear().envs(&w.env);
        crate::common::Said::of(&command.env("CLAUDE_FAILOVER_NOW", now).output().unwrap())
    };
    let said = full(&["notify", "--unit-failed", "b.service"], &at(20));
    assert!(said.code != 0 && said.err.contains("nobody is told of it"), "{said:?}");
    assert!(service.seen().len() == 1, "sent, and it could not be marked: {said:?}");
    assert_eq!(crate::common::tree(&w.path("state/outbox")), before);
    assert_eq!((fail(&w, "b.service", 20).code, waiting(&w)), (0, 0));
    assert_eq!(service.seen().len(), 3);
}

#[test]
fn an_invalid_configuration_is_told_by_the_targets_of_the_last_one_that_was_valid() {
    let service = Service::good();
    let w = world(&telegram(service.port, ""));
    let good = w.read("config.yaml");
    let unit = "claude-failover-watch.service";
    w.write("config.yaml", format!("{good}nonsense: 1\n"));
    let said = fail(&w, unit, 0);
    assert!(said.code == 6 && said.err.contains("nobody is told: no targets are known"), "{said:?}");
    w.write("config.yaml", &good);
    notify(&w, 1);
    let line = good.lines().count() + 1;
    for broken in [format!("{good}nonsense: 1\n"), format!("{good}\tx: [\n")] {
        w.write("config.yaml", broken);
        // Whichever unit it is, and however many.
        for (n, unit) in [unit, "claude-failover-dispatch.service"].iter().enumerate() {
            let said = fail(&w, unit, 2 + i64::try_from(n).unwrap());
            let place = format!("config.yaml:{line}");
            assert!(said.code == 6 && said.err.contains(&place), "{said:?}");
            is_secret(&w, &[&said]);
        }
    }
    let seen = service.seen();
    assert_eq!((seen.len(), waiting(&w)), (1, 0), "{seen:#?}");
    let text = seen[0].body["text"].as_str().unwrap();
    assert!(text.contains("nothing runs: the configuration is invalid"), "{text}");
    assert!(text.contains(&format!("config.yaml:{line}; `claude-failover config check`")), "{text}");
    assert_eq!(fail(&w, unit, 90).code, 6);
    assert_eq!(service.seen().len(), 2, "an hour later it is told again");
    // What a plain run would do it does not do by an old configuration.
    assert_eq!(notify(&w, 91).code, 6);
}

#[test]
fn a_new_target_is_told_of_what_happens_from_then_on() {
    let (refuses, new) = (Service::new(|_, _| answer(400, &json!({}))), Service::good());
    let w = world(&webhook(refuses.port, ""));
    fail(&w, "old.service", 0);
    assert_eq!(waiting(&w), 1, "parked");
    let more = webhook(new.port, "").replace("name: hook", "name: new");
    configure(&w, &(webhook(refuses.port, "") + &more));
    assert_eq!((notify(&w, 1).code, new.seen().len(), waiting(&w)), (0, 0, 1));
    fail(&w, "next.service", 2);
    notify(&w, 3);
    let told: Vec<Value> = new.seen().iter().map(|r| r.body["subject"].clone()).collect();
    assert_eq!(told, [json!("next.service")]);
    assert!(w.ok(&["notify", "list"]).contains("hook (webhook): 0 waiting, 2 parked"));
    // One that takes the place of all that there were gets what one of them has not got.
    configure(&w, &webhook(new.port, "").replace("name: hook", "name: other").replace("/x'", "/other'"));
    notify(&w, 4);
    notify(&w, 5);
    let mut told: Vec<String> =
        new.seen()[1..].iter().map(|r| format!("{} {}", r.path, r.body["subject"])).collect();
    told.sort();
    assert_eq!(
        (told, waiting(&w)),
        (["next", "old"].map(|unit| format!("/other \"{unit}.service\"")).to_vec(), 0)
    );
}

#[test]
fn what_hangs_before_it_is_connected_has_not_arrived() {
    // Nobody takes connections, and no more fit into the queue of those that wait.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let full = |_: &u32| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let queue: Vec<TcpStream> = (0..10_000).map_while(|n| full(&n)).collect();
    assert!(queue.len() < 10_000);
    let w = world(&telegram(address.port(), ""));
    let said = fail(&w, "a.service", 0);
    assert!(said.code == 3 && said.out.contains("not sent yet phone: 1 event: not reached: "), "{said:?}");
    let record: Value = serde_json::from_str(&w.read("state/outbox/targets/phone.json")).unwrap();
    assert_eq!(record["message"], Value::Null, "{record}");
}

#[test]
fn what_waited_while_nothing_ran_is_told_and_given_up_only_by_a_run_that_cannot_deliver() {
    // A port that nobody listens on, until somebody does.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let w = world(&webhook(port, ""));
    assert_eq!(fail(&w, "a.service", 0).code, 3);
    let day = 24 * 60;
    let service =
        Service::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), Box::new(|_, _| crate::notify::good()));
    let said = notify(&w, 30 * day);
    assert_eq!((said.code, service.seen().len(), waiting(&w)), (0, 1, 0), "{said:?}");
    configure(&w, &webhook(9, ""));
    assert_eq!(fail(&w, "b.service", 31 * day).code, 3);
    let said = notify(&w, 60 * day);
    assert!(said.out.contains("parked hook: 1 events were not delivered in time"), "{said:?}");
    assert!(w.ok(&["notify", "list"]).contains("hook (webhook): 0 waiting, 1 parked"));
}

#[test]
fn what_lasts_is_told_once_however_long_it_lasts() {
    let service = Service::good();
    let w = World::with_accounts();
    let config = w.read("config.yaml");
    let keep = "notifications:\n  keep: 1h\n  targets:\n";
    w.write("config.yaml", format!("{config}{keep}{}", webhook(service.port, ", events: [login.expired]")));
    std::fs::remove_file(w.path("third/.credentials.json")).unwrap();
    let now = jiff::Timestamp::now();
    for hours in (0..24 * 8).step_by(12) {
        let now = now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string();
        for command in ["quota-check", "notify"] {
            let _ = w.cf_env(&[command], &[("CLAUDE_FAILOVER_NOW", &now)]);
        }
        assert_eq!(service.seen().len(), 1, "after {hours} h: {:#?}", service.seen());
    }
}

#[test]
fn a_secret_in_a_body_is_filled_in_once_and_texts_are_as_long_as_they_may_be() {
    let service = Service::good();
    let body =
        ", secret: {file: ROOT/token}, max_text: 100, body: {key: '{{secret}}', m: '{{text}}', n: 'a {{text}}'}";
    let w = world(&webhook(service.port, body));
    let evil = format!("{{{{secret}}}} {{{{id}}}} {}", "long ".repeat(100));
    let env = [("CLAUDE_FAILOVER_NOW", "2026-01-10T12:00:00Z"), ("MONITOR_SERVICE_RESULT", evil.as_str())];
    let said = w.cf_env(&["notify", "--unit-failed", "x.service"], &env);
    let seen = service.seen();
    assert_eq!((said.code, seen.len()), (0, 1), "{said:?}");
    assert_eq!(seen[0].body["key"], TOKEN);
    for field in ["m", "n"] {
        let text = seen[0].body[field].as_str().unwrap();
        assert!(text.contains("{{secret}} {{id}} long") && text.ends_with('…'), "{text}");
        assert!(text.chars().count() <= 102 && !text.contains(TOKEN), "{text}");
    }
    is_secret(&w, &[&said]);
}

#[test]
fn a_task_that_nobody_has_is_told_of_when_a_person_gives_it_up() {
    let service = Service::good();
    let w = world(&webhook(service.port, ""));
    w.task("t", "do it");
    w.ok(&["task", "fail", "t", "--reason", "no longer wanted"]);
    w.ok(&["notify"]);
    let seen = service.seen();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!((&seen[0].body["kind"], &seen[0].body["subject"]), (&json!("task.given_up"), &json!("app:t")));
    assert!(seen[0].body["text"].as_str().unwrap().contains("no longer wanted"));
}

#[test]
fn a_second_loss_of_a_login_is_news() {
    let service = Service::good();
    let w = World::with_accounts();
    let config = w.read("config.yaml");
    w.write("config.yaml", format!("{config}notifications:\n  targets:\n{}", webhook(service.port, "")));
    for told in 1..=3 {
        std::fs::remove_file(w.path("third/.credentials.json")).unwrap();
        for _ in 0..2 {
            let _ = w.cf(&["quota-check"]);
            w.ok(&["notify"]);
        }
        assert_eq!(service.seen().len(), told, "{:#?}", service.seen());
        w.log_in("third");
        let _ = w.cf(&["quota-check"]);
    }
    assert!(service.seen().iter().all(|r| r.body["kind"] == "login.expired" && r.body["subject"] == "third"));
}

#[test]
fn a_guard_that_is_switched_off_a_second_time_is_news() {
    let service = Service::good();
    let w = world(&webhook(service.port, ""));
    w.ok(&["launch", "mine"]);
    until("idle", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    for told in 1..=3 {
        w.write("web/.claude/settings.local.json", "{\"disableAllHooks\": true}");
        for _ in 0..2 {
            assert!(w.ok(&["watch"]).contains("not guarded"));
            w.ok(&["notify"]);
        }
        assert_eq!(service.seen().len(), told, "{:#?}", service.seen());
        std::fs::remove_file(w.path("web/.claude/settings.local.json")).unwrap();
        assert!(!w.ok(&["watch"]).contains("not guarded"), "it is as it was at the launch");
    }
    assert!(service.seen().iter().all(|r| r.body["kind"] == "guard.broken" && r.body["subject"] == "mine"));
}
