//! What the janitor costs over many finished tasks: time, and the peak memory of its process.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::world::{World, children_cpu};

/// Tasks of about 1 KiB, half of them with a record, as a pool leaves them.
fn finished(w: &World, count: usize) {
    let done = w.dir.join("p0/.agent-queue/done");
    let records = w.dir.join("state/tasks/p0");
    std::fs::create_dir_all(&done).unwrap();
    assert!(w.command(&["status"]).status().unwrap().success());
    std::fs::create_dir_all(&records).unwrap();
    let mut number = 1_u64;
    for n in 0..count {
        let mut body = String::new();
        for _ in 0..40 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            body.push_str(&format!("step {:06x} of it\n", number >> 40));
        }
        let text = format!(
            "---\ntitle: task {n}\noutcome:\n  result: done\n  reason: all well\n  finished: 2026-01-01T00:00:00Z\n  \
             duration_seconds: 60\n  attempts: []\n  accounts: [main]\n  conversation: x\n---\n{body}"
        );
        std::fs::write(done.join(format!("t{n:06}.md")), text).unwrap();
        if n % 2 == 0 {
            let record =
                format!("{{\"version\":1,\"task\":{{\"project\":\"p0\",\"id\":\"t{n:06}\"}},\"attempts\":[]}}");
            std::fs::write(records.join(format!("t{n:06}.json")), record).unwrap();
        }
    }
}

/// One run: its time, its CPU time in seconds, and the peak memory of all runs so far, in KiB. Whoever wants that of
/// one, runs the smaller first.
fn run(w: &World, args: &[&str], days: i64) -> (Duration, f64, i64) {
    let clock = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
    let mut command = w.command(args);
    command.env("CLAUDE_FAILOVER_NOW", clock.to_string());
    let (start, before) = (Instant::now(), children_cpu());
    assert!(command.status().unwrap().success(), "{args:?}");
    (start.elapsed(), children_cpu() - before, getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss())
}

pub fn tidies() {
    for count in [1000, 10_000, 100_000] {
        let w = World::new(&format!("janitor{count}"), 1, 0, 4);
        finished(&w, count);
        for (what, args, days) in [
            ("nothing is old", &["janitor"][..], 0),
            ("dry run", &["janitor", "--dry-run"], 40),
            ("all archived", &["janitor"], 40),
            ("again", &["janitor"], 40),
            ("task show, archived", &["task", "show", "t000777"], 0),
        ] {
            let (time, cpu, memory) = run(&w, args, days);
            println!(
                "{:58} {:8.0} ms   cpu {cpu:6.2} s   peak so far {:.1} MiB",
                format!("janitor, {count} finished tasks: {what}"),
                time.as_secs_f64() * 1000.0,
                memory as f64 / 1024.0
            );
        }
        let bytes: u64 = std::fs::read_dir(w.dir.join("p0/.agent-queue/archive"))
            .unwrap()
            .flatten()
            .filter_map(|e| e.metadata().ok())
            .map(|m| m.len())
            .sum();
        println!("  archive: {} KiB", bytes >> 10);
    }
}
