//! Days of work in minutes: a clock that runs fast, clients, servers and our own commands that die, accounts
//! that run out, a target that is down. Afterwards every task is where it belongs, with its body as it was, each
//! event was told once, and nothing has grown.
//!
//! `make test` runs a short one; `make soak` three days with twenty sessions and five hundred tasks.

use crate::common::{World, bin, tree};
use crate::notify::{Service, good};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How much of it.
struct Size {
    sessions: u32,
    tasks: u32,
    /// Made-up time that goes by.
    hours: i64,
    /// … in a second of real time: so many seconds.
    speed: i64,
    seed: u64,
}

const SHORT: Size = Size { sessions: 5, tasks: 40, hours: 6, speed: 432, seed: 1 };
const LONG: Size = Size { sessions: 20, tasks: 500, hours: 72, speed: 360, seed: 1 };

/// What was done to them.
#[derive(Debug, Default)]
struct Figures {
    rounds: u32,
    runs: u32,
    runs_killed: u32,
    clients_killed: u32,
    servers_killed: u32,
    limits_hit: u32,
    outages: u32,
    slowest: BTreeMap<&'static str, Duration>,
}

struct Soak {
    w: World,
    size: Size,
    random: u64,
    began: jiff::Timestamp,
    added: u32,
    bodies: BTreeMap<String, String>,
    /// Until when an account is full.
    full: BTreeMap<&'static str, jiff::Timestamp>,
    figures: Figures,
    target: Target,
}

/// Somebody who is told everything, over a line that is down now and then.
struct Target {
    service: Service,
    down: Arc<AtomicBool>,
    /// Until when.
    until: Option<jiff::Timestamp>,
    /// The message's id and its events, as they came.
    taken: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Target {
    fn new() -> Self {
        let (down, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (is_down, takes) = (down.clone(), taken.clone());
        let service = Service::new(move |_, request| {
            if is_down.load(Ordering::Relaxed) {
                return Some((503, String::new(), String::new()));
            }
            let id = request.header("idempotency-key").unwrap_or_default().to_owned();
            takes.lock().unwrap().push((id, request.body["events"].clone()));
            good()
        });
        Self { service, down, until: None, taken }
    }

    /// Each event in one message, each message always the same; what was told, by kind and what it is about.
    fn told(&self) -> BTreeSet<(String, String)> {
        let (mut messages, mut events) = (BTreeMap::new(), BTreeMap::new());
        for (id, body) in self.taken.lock().unwrap().iter() {
            assert!(!id.is_empty(), "a message without an id: {body}");
            let first = messages.entry(id.clone()).or_insert_with(|| body.clone());
            assert_eq!(first, body, "the same message with other events");
            for event in body.as_array().unwrap() {
                let other = events.insert(event["id"].to_string(), (id.clone(), event.clone()));
                assert!(other.is_none_or(|(other, _)| other == *id), "told twice: {event}");
            }
        }
        let word = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        events.into_values().map(|(_, event)| (word(&event, "kind"), word(&event, "subject"))).collect()
    }
}

#[test]
fn days_of_work_with_everything_dying() {
    let long = std::env::var("CLAUDE_FAILOVER_SOAK").is_ok_and(|v| v == "long");
    let mut size = if long { LONG } else { SHORT };
    if let Some(seed) = std::env::var("CLAUDE_FAILOVER_SOAK_SEED").ok().and_then(|s| s.parse().ok()) {
        size.seed = seed;
    }
    let mut soak = Soak::new(size);
    let began = Instant::now();
    while soak.now() < soak.end() {
        soak.round();
    }
    soak.calm_down();
    soak.check();
    soak.print(began.elapsed());
}

impl Soak {
    fn new(size: Size) -> Self {
        let mut w = World::with_accounts();
        let began = jiff::Timestamp::now();
        let clock = format!("{began} x{}", size.speed);
        w.env.insert("CLAUDE_FAILOVER_NOW".into(), clock.clone());
        let agent = bin("stand-in-agent").display().to_string();
        let config = w
            .read("config.yaml")
            .replace("max: 3}", &format!("max: {}}}", size.sessions))
            .replace("max_sessions: 3", &format!("max_sessions: {}", size.sessions))
            .replace(&agent, &w.path("agent").display().to_string());
        let target = Target::new();
        let more = format!(
            "janitor: {{archive_done_after: {after}h, archive_failed_after: {after}h}}\n\
             notifications: {{timeout: 2s, targets: [{{name: hook, kind: webhook, \
             url: 'http://127.0.0.1:{port}/x', severity: info, per_hour: 1000}}]}}\n",
            after = size.hours / 3,
            port = target.service.port
        );
        w.write("config.yaml", config + &more);
        w.write("agent", format!("#!/bin/sh\nCLAUDE_FAILOVER_NOW='{clock}' exec '{agent}' \"$@\"\n"));
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(w.path("agent"), runs).unwrap();
        let random = 0x9E37_79B9_97F4_A7C1_u64.wrapping_mul(size.seed + 1);
        let mut soak = Self {
            w,
            size,
            random,
            began,
            added: 0,
            bodies: BTreeMap::new(),
            full: BTreeMap::new(),
            figures: Figures::default(),
            target,
        };
        soak.w.ok(&["launch", "mine", "--prompt", "hello"]);
        soak.add_tasks(2);
        soak
    }

    fn now(&self) -> jiff::Timestamp {
        let real = jiff::Timestamp::now().duration_since(self.began);
        self.began.checked_add(real.checked_mul(self.size.speed.try_into().unwrap()).unwrap()).unwrap()
    }

    fn end(&self) -> jiff::Timestamp {
        self.began.checked_add(jiff::SignedDuration::from_hours(self.size.hours)).unwrap()
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % most
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    /// Tasks come in over the whole time, not all at once.
    fn add_tasks(&mut self, least: u32) {
        let gone = self.now().duration_since(self.began).as_secs();
        let due = i64::from(self.size.tasks) * gone / (self.size.hours * 3600 * 9 / 10);
        let due = u32::try_from(due).unwrap().max(least).min(self.size.tasks);
        while self.added < due {
            let n = self.added;
            let (a, b) = (self.below(900), self.below(600));
            let middle = match self.below(12) {
                0 => "[[crash]]",
                1 => "[[exit:1]]",
                2 => "[[error:server_error]]",
                _ => "",
            };
            let last = match self.below(12) {
                0 => "[[fail:it cannot be done]]",
                1..=5 => "[[done]]",
                _ => "",
            };
            let body = format!(
                "Do {n}.\n[[sleep:0.{a:03}]] [[bash:echo {n} >> ran.txt]] {middle} [[sleep:0.{b:03}]] [[say:ok]] {last}\n"
            );
            let priority = ["low", "default", "high", "critical"][usize::try_from(self.below(4)).unwrap()];
            let mut front = format!("priority: {priority}\n");
            // Of one that cannot fail, else it would wait for ever: that is right, and not what is tested here.
            if n > 3 && self.chance(6) && !self.bodies[&format!("k-{}", n - 2)].contains("fail:") {
                front.push_str(&format!("depends_on: [k-{}]\n", n - 2));
            }
            self.w.write(&format!("tmp/k-{n}.md"), format!("---\n{front}---\n{body}"));
            let queue = self.w.path("app/.agent-queue/inbox").join(format!("k-{n}.md"));
            std::fs::rename(self.w.path(&format!("tmp/k-{n}.md")), queue).unwrap();
            self.bodies.insert(format!("k-{n}"), body);
            self.added += 1;
        }
    }

    /// One of everything that timers start, and something that goes wrong.
    fn round(&mut self) {
        self.figures.rounds += 1;
        self.add_tasks(0);
        for command in ["watch", "dispatch", "quota-check", "checkpoint", "notify"] {
            self.run(command);
        }
        if self.chance(8) {
            self.run("janitor");
        }
        self.hurt();
        self.nothing_twice();
    }

    /// As the made-up clock has it: the time of a lock's file is the real one, and after a long silence the
    /// janitor takes the clock for a wrong one.
    fn ran_just_now(&self, command: &str) {
        if let Ok(lock) = std::fs::File::open(self.w.path(&format!("state/lock/{command}.lock"))) {
            lock.set_modified(self.now().into()).unwrap();
        }
    }

    fn run(&mut self, command: &'static str) {
        self.figures.runs += 1;
        self.ran_just_now(command);
        let started = Instant::now();
        let mut child =
            self.w.command(&[command], &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        if self.chance(25) {
            std::thread::sleep(Duration::from_millis(self.below(80)));
            child.kill().unwrap();
            child.wait().unwrap();
            self.figures.runs_killed += 1;
            return;
        }
        let output = child.wait_with_output().unwrap();
        let code = output.status.code().unwrap_or(-1);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!([0, 1, 3, 5].contains(&code), "{command}: {code}: {said}");
        let slowest = self.figures.slowest.entry(command).or_default();
        *slowest = (*slowest).max(started.elapsed());
    }

    fn hurt(&mut self) {
        if self.chance(12) {
            self.kill_a_client();
        }
        if self.chance(150) {
            self.w.tmux(&["kill-server"]);
            self.figures.servers_killed += 1;
        }
        let now = self.now();
        if self.target.until.is_some_and(|until| until < now) {
            self.target.until = None;
            self.target.down.store(false, Ordering::Relaxed);
        }
        if self.chance(40) {
            let minutes = i64::try_from(10 + self.below(300)).unwrap();
            self.target.until = now.checked_add(jiff::SignedDuration::from_mins(minutes)).ok();
            self.target.down.store(true, Ordering::Relaxed);
            self.figures.outages += 1;
        }
        let over: Vec<_> = self.full.iter().filter(|(_, until)| **until < now).map(|(home, _)| *home).collect();
        for home in over {
            self.full.remove(home);
            self.w.service(home, &json!({ "five_hour": 3, "resets_at": now.as_second() + 5 * 3600 }));
        }
        if self.chance(25) {
            let home = ["acct", "acct", "spare", "third"][usize::try_from(self.below(4)).unwrap()];
            let minutes = i64::try_from(30 + self.below(200)).unwrap();
            let until = now.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap();
            self.full.insert(home, until);
            self.w.service(home, &json!({ "limit": "five_hour", "resets_at": until.as_second() }));
            self.figures.limits_hit += 1;
        }
    }

    fn kill_a_client(&mut self) {
        let pids: Vec<i32> = tree(&self.w.path("state/sessions"))
            .values()
            .filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok())
            .filter_map(|record| record["client"]["pid"].as_i64()?.try_into().ok())
            .collect();
        if pids.is_empty() {
            return;
        }
        let pid = pids[usize::try_from(self.below(pids.len() as u64)).unwrap()];
        // A number may belong to somebody else by now.
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        if program == bin("stand-in-agent").canonicalize().unwrap() {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            self.figures.clients_killed += 1;
        }
    }

    /// No task in two sessions. (That no conversation is in two processes the agents see themselves.)
    fn nothing_twice(&self) {
        let mut holders: BTreeMap<String, Value> = BTreeMap::new();
        // A run that was killed leaves its temporary file: the next one does not read it.
        let whole = |path: &std::path::Path| !path.to_string_lossy().contains("/.tmp-");
        for (path, bytes) in tree(&self.w.path("state/sessions")).into_iter().filter(|(path, _)| whole(path)) {
            let record: Value =
                serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            if let Some(id) = record["lease"]["task"]["id"].as_str() {
                let other = holders.insert(id.to_owned(), record.clone());
                assert!(other.is_none(), "two sessions have {id}: {other:#?}, {record:#?}\n{}", self.story(id));
            }
        }
    }

    fn story(&self, task: &str) -> String {
        self.w.cf(&["log", "-n", "40", "--about", task]).out + &self.w.cf(&["explain", "task", task]).out
    }

    /// Nothing goes wrong any more: everything must come to its end.
    fn calm_down(&mut self) {
        for home in ["acct", "spare", "third"] {
            let resets = self.now().as_second() + 5 * 3600;
            self.w.service(home, &json!({ "five_hour": 3, "resets_at": resets }));
        }
        self.target.down.store(false, Ordering::Relaxed);
        self.add_tasks(self.size.tasks);
        let began = Instant::now();
        let settled = |w: &World| {
            let count = |dir: &str| std::fs::read_dir(w.path(dir)).unwrap().count();
            let waiting = count("app/.agent-queue/inbox") + crate::notify::waiting(w);
            let names = (0..self.size.sessions).map(|n| format!("p-{n}"));
            waiting == 0 && names.into_iter().all(|s| w.session(&s)["lease"].is_null())
        };
        while !settled(&self.w) {
            for command in ["watch", "dispatch", "quota-check", "notify", "janitor"] {
                self.ran_just_now(command);
                let said = self.w.cf(&[command]);
                assert!([0, 3, 5].contains(&said.code), "{command}: {said:?}");
            }
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "never settles: {}\n{}\n{}",
                self.w.cf(&["notify", "list"]).out,
                self.w.cf(&["status"]).out,
                self.w.cf(&["dispatch", "--dry-run"]).out
            );
        }
    }

    fn check(&self) {
        self.nothing_twice();
        let told = self.target.told();
        for (id, body) in &self.bodies {
            let place = self.w.place(id);
            let (state, text) = match place.as_str() {
                "done md" => ("done", self.w.read(&format!("app/.agent-queue/done/{id}.md"))),
                "failed md" => ("failed", self.w.read(&format!("app/.agent-queue/failed/{id}.md"))),
                "nowhere" => {
                    let task = self.w.json(&["task", "show", id, "-p", "app"]);
                    let text = task["text"].as_str().unwrap().to_owned();
                    (if task["state"] == "done" { "done" } else { "failed" }, text)
                }
                other => panic!("{id}: {other}: {}", self.story(id)),
            };
            assert!(text.ends_with(&format!("---\n{body}")), "{id}: the body has changed: {text}");
            // What was told to fail has failed, and nothing else.
            assert_eq!(body.contains("[[fail:"), state == "failed", "{id}: {text}");
            let kind = if state == "done" { "task.done" } else { "task.given_up" };
            let event = (kind.to_owned(), format!("app:{id}"));
            assert!(told.contains(&event), "nobody was told: {event:?}\n{told:#?}\n{}", self.story(id));
        }
        let parked = self.w.json(&["notify", "list"]);
        assert_eq!(parked["targets"][0]["parked"], json!([]), "{parked}");
        let log = self.w.agent_log();
        let twice: Vec<_> = log.iter().filter(|l| !l["twice"].is_null()).collect();
        assert!(twice.is_empty(), "a conversation in two processes: {twice:?}");
        let mine = self.w.session("mine")["conversation"].clone();
        let typed: Vec<_> = log.iter().filter(|l| l["session"] == mine && l["prompt"] != "hello").collect();
        assert!(typed.iter().all(|l| l["prompt"].is_null()), "the dedicated session was typed into: {typed:?}");
        let ran = self.w.read("app/ran.txt");
        let ran: BTreeSet<&str> = ran.lines().collect();
        assert_eq!(ran.len(), self.bodies.len(), "each task was worked on");
        for (path, bytes) in tree(&self.w.path("state")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".json") && !name.starts_with(".tmp-") {
                let whole = serde_json::from_slice::<Value>(&bytes);
                assert!(whole.is_ok(), "{}", path.display());
            }
        }
        // The newest twenty, and the newest of each of fourteen days.
        for dir in std::fs::read_dir(self.w.path("state/checkpoints")).unwrap().flatten() {
            let all = tree(&dir.path()).into_keys();
            let count = all.filter(|path| path.extension().is_some_and(|e| e == "json")).count();
            // One more where a run was killed between the two steps.
            assert!(count <= 35, "{}: {count} checkpoints", dir.path().display());
        }
        let said = self.w.cf(&["watch"]);
        assert_eq!(said.code, 0, "{said:?}");
    }

    fn print(&self, took: Duration) {
        let log = self.w.read_log();
        let state = tree(&self.w.path("state"));
        let switches = state.keys().filter(|path| path.to_string_lossy().contains("/switch/history/")).count();
        let bytes: usize = state.values().map(Vec::len).sum();
        eprintln!(
            "soak: seed {}: {} h in {:.0} s, {} sessions, {} tasks; {:?}; {switches} switches, {} messages, \
             {} log lines, state {} files, {} KiB",
            self.size.seed,
            self.size.hours,
            took.as_secs_f64(),
            self.size.sessions,
            self.size.tasks,
            self.figures,
            self.target.taken.lock().unwrap().len(),
            log.lines().count(),
            state.len(),
            bytes / 1024
        );
    }
}
