//! What the whole toolkit costs in an hour at its default intervals, with twenty sessions that have nothing to do.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::world::{World, plain};

const SESSIONS: usize = 20;

/// What the timers start, and how often, in seconds.
const RUNS: [(&str, i64); 6] =
    [("watch", 30), ("dispatch", 60), ("quota-check", 60), ("notify", 60), ("checkpoint", 300), ("janitor", 3600)];

/// Processor time in seconds and bytes written by all children that have ended.
fn spent() -> (f64, i64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    (seconds(usage.user_time()) + seconds(usage.system_time()), usage.block_writes() * 512)
}

/// Processor time of one process until now, in seconds: fields 14 and 15 of its `stat`.
fn of_process(pid: &str) -> f64 {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap();
    let fields: Vec<&str> = text[text.rfind(')').unwrap() + 2..].split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Twenty sessions that have each done a task and wait for the next.
fn idle() -> Option<World> {
    let w = World::new("hour", SESSIONS, SESSIONS, SESSIONS);
    for n in 0..SESSIONS {
        let inbox = w.dir.join(format!("p{n}/.agent-queue/inbox"));
        std::fs::write(inbox.join(format!("t{n:05}.md")), "[[say:ok]] [[done]]\n").unwrap();
    }
    // A task file may be half written for a second.
    std::thread::sleep(Duration::from_millis(1100));
    let done = |n: usize| w.dir.join(format!("p{n}/.agent-queue/done/t{n:05}.md")).exists();
    let start = Instant::now();
    while !(0..SESSIONS).all(done) {
        if start.elapsed() > Duration::from_secs(120) {
            return None;
        }
        let _ = w.command(&["dispatch"]).status();
        let _ = w.command(&["watch"]).status();
    }
    Some(w)
}

/// An hour of ticks, by a clock that is told.
pub fn hour() {
    let Some(w) = idle() else {
        println!("an hour of idle sessions: they never became idle");
        return;
    };
    let server = std::process::Command::new("tmux")
        .arg("-S")
        .arg(w.dir.join("t.sock"))
        .args(["display-message", "-p", "#{pid}"])
        .output()
        .unwrap();
    let server = String::from_utf8(server.stdout).unwrap().trim().to_owned();
    let began = jiff::Timestamp::now();
    let run = |command: &str, second: i64| {
        let now = began.checked_add(jiff::SignedDuration::from_secs(second)).unwrap();
        plain(w.command(&[command]).env("CLAUDE_FAILOVER_NOW", now.to_string()));
    };
    // What only the first run does.
    RUNS.iter().for_each(|(command, _)| run(command, 0));
    let (start, tmux) = (spent(), of_process(&server));
    let (mut runs, mut by_command) = (0, RUNS.map(|_| 0.0));
    for second in (30..=3600).step_by(30) {
        for ((command, _), cpu) in RUNS.iter().zip(&mut by_command).filter(|((_, every), _)| second % every == 0) {
            let before = spent().0;
            run(command, second);
            *cpu += spent().0 - before;
            runs += 1;
        }
    }
    let (cpu, bytes) = spent();
    let tmux = of_process(&server) - tmux;
    println!(
        "an hour of {SESSIONS} idle sessions: {runs} runs, {:.2} s CPU and {:.2} s of the tmux server, {} KiB written",
        cpu - start.0,
        tmux,
        (bytes - start.1) / 1024
    );
    for ((command, every), cpu) in RUNS.iter().zip(by_command) {
        println!("  {command:12} every {every:4} s   {cpu:.2} s CPU");
    }
}
