//! Figures for `make bench`: medians of whole processes, each beside `/bin/true` in the same run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program of the developers"
)]

mod checkpoint;
mod control;
mod hooks;
mod hour;
mod janitor;
mod switch;
mod world;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use world::{World, median, plain, row};

fn event(w: &World) {
    use std::io::Write;
    let state = w.dir.join("state");
    let mut command = w.command(&["event", "--session", "p-0", "--state-dir"]);
    let mut child = command.arg(state).stdin(Stdio::piped()).spawn().unwrap();
    let input = b"{\"hook_event_name\":\"PostToolUse\",\"session_id\":\"x\",\"tool_name\":\"Bash\"}";
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait().unwrap();
}

/// From a `Stop` that the client reported to the next task confirmed in the same session.
fn turn_around(w: &World) -> Option<Duration> {
    let done = |t: &str| w.dir.join(format!("p0/.agent-queue/done/{t}.md")).exists();
    let wait = |holds: &mut dyn FnMut() -> bool| {
        let start = Instant::now();
        while !holds() {
            if start.elapsed() > Duration::from_secs(30) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    };
    plain(&mut w.command(&["dispatch"]));
    let mut times = Vec::new();
    let events = w.dir.join("state/events/p-0.jsonl");
    for n in 0..5 {
        let stops = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().matches("\"Stop\"").count();
        if !wait(&mut || stops(&events) > n) {
            return None;
        }
        let start = Instant::now();
        let next = format!("t{n:05}");
        let handed = wait(&mut || {
            plain(&mut w.command(&["watch"]));
            done(&next)
        });
        if !handed {
            return None;
        }
        times.push(start.elapsed());
    }
    Some(median(times))
}

fn main() {
    // `bench hooks`, `bench switch`, `bench checkpoint`, `bench janitor`, `bench control`, `bench hour`: only what
    // these cost.
    match std::env::args().nth(1).as_deref() {
        Some("hooks") => return hooks::hooks(),
        Some("switch") => {
            switch::ticks();
            return switch::moves();
        }
        Some("control") => return control::requests(),
        Some("checkpoint") => return checkpoint::transcripts(),
        Some("janitor") => return janitor::tidies(),
        Some("hour") => return hour::hour(),
        _ => {}
    }
    hooks::hooks();
    let w = World::new("busy", 20, 1000, 10);
    w.make_busy(10);
    row("dispatch, 1,000 tasks wait, no session is idle", 101, || plain(&mut w.command(&["dispatch"])));
    row("event, a tool has run", 101, || event(&w));
    drop(w);
    let w = World::new("empty", 20, 0, 10);
    row("dispatch, nothing waits in 20 projects", 101, || plain(&mut w.command(&["dispatch"])));
    row("watch, nothing runs", 101, || plain(&mut w.command(&["watch"])));
    drop(w);
    for tasks in [1000, 10_000] {
        let w = World::new("plan", 200, tasks, 20);
        row(&format!("dispatch --dry-run, {tasks} tasks in 200 projects, 20 free"), 11, || {
            plain(&mut w.command(&["dispatch", "--dry-run"]));
        });
    }
    let sessions = 200;
    let w = World::new("watch", 1, 0, sessions);
    plain(&mut w.command(&["status"]));
    for n in 0..sessions {
        w.sleeper(n);
        let record = format!(
            "{{\"version\":1,\"name\":\"p-{n}\",\"kind\":\"pool\",\"account\":\"main\",\"note\":{{\"state\":\"starting\"}}}}"
        );
        std::fs::write(w.dir.join(format!("state/sessions/p-{n}.json")), record).unwrap();
    }
    plain(&mut w.command(&["watch", "--no-dispatch"]));
    let output = w.command(&["watch", "--no-dispatch", "-v"]).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let children = said.lines().find(|l| l.contains("child processes")).unwrap_or("?").to_owned();
    row("watch over 200 sessions", 11, || plain(&mut w.command(&["watch", "--no-dispatch"])));
    println!("  {children}");
    drop(w);
    let w = World::new("turn", 1, 6, 1);
    for n in 0..6 {
        std::fs::write(w.dir.join(format!("p0/.agent-queue/inbox/t{n:05}.md")), "[[say:ok]]\n").unwrap();
    }
    std::thread::sleep(Duration::from_millis(1100));
    match turn_around(&w) {
        Some(time) => println!(
            "{:58} {:9.2} ms   (800 ms of it: settling and the pause before Enter)",
            "Stop reported to next task confirmed",
            time.as_secs_f64() * 1000.0
        ),
        None => println!("Stop to next task: did not come"),
    }
    drop(w);
    switch::ticks();
    switch::moves();
    checkpoint::transcripts();
    janitor::tidies();
    control::requests();
    hour::hour();
}
