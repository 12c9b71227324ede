//! What a checkpoint of twenty sessions costs, with a transcript of 1 GiB among them and without.

use std::io::{Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::world::{World, median, plain, row};

const SESSIONS: usize = 20;

/// Twenty sessions in twenty projects under git, each with a transcript of its own.
fn world(name: &str, first: u64) -> World {
    let w = World::new(name, SESSIONS, 0, SESSIONS);
    plain(&mut w.command(&["status"]));
    let transcripts = w.dir.join("acct/projects/x");
    std::fs::create_dir_all(&transcripts).unwrap();
    for n in 0..SESSIONS {
        let project = w.dir.join(format!("p{n}"));
        plain(Command::new("git").args(["init", "-q"]).arg(&project).env_clear().env("PATH", "/usr/bin:/bin"));
        w.sleeper(n);
        let record = format!(
            "{{\"version\":1,\"name\":\"p-{n}\",\"kind\":\"pool\",\"account\":\"main\",\"conversation\":\"c{n}\",\
             \"cwd\":\"{}\",\"note\":{{\"state\":\"starting\"}}}}",
            project.display()
        );
        std::fs::write(w.dir.join(format!("state/sessions/p-{n}.json")), record).unwrap();
        let mut file = std::fs::File::create(transcripts.join(format!("c{n}.jsonl"))).unwrap();
        // A hole, and a megabyte of real records at the end.
        let size = if n == 0 { first } else { 1 << 20 };
        file.seek(SeekFrom::Start(size - (1 << 20))).unwrap();
        let mut end = String::from("\n");
        while end.len() < 1 << 20 {
            end.push_str(&pair());
        }
        file.write_all(end.as_bytes()).unwrap();
    }
    w
}

/// A call and its result, of an ordinary length.
fn pair() -> String {
    let call = "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"next\"},\
        {\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{\"command\":\"make\"}}]}}";
    let said = "compiled and tested, nothing to report; ".repeat(50);
    let result = format!(
        "{{\"type\":\"user\",\"message\":{{\"content\":[{{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"{said}\"}}]}}}}"
    );
    format!("{call}\n{result}\n")
}

/// Every session has something new to tell.
fn goes_on(w: &World) {
    for n in 0..SESSIONS {
        let path = w.dir.join(format!("acct/projects/x/c{n}.jsonl"));
        std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(pair().as_bytes()).unwrap();
    }
}

/// One after the other, so that both meet the same machine.
pub fn transcripts() {
    let (small, large) = (world("small", 1 << 20), world("large", 1 << 30));
    let run = |w: &World| -> Duration {
        goes_on(w);
        let start = Instant::now();
        plain(&mut w.command(&["checkpoint"]));
        start.elapsed()
    };
    let count = std::fs::read_dir(small.dir.join("state/checkpoints")).unwrap().count();
    assert_eq!(count, 0);
    run(&small);
    run(&large);
    for w in [&small, &large] {
        assert_eq!(std::fs::read_dir(w.dir.join("state/checkpoints")).unwrap().count(), SESSIONS);
    }
    let (a, b): (Vec<_>, Vec<_>) = (0..21).map(|_| (run(&small), run(&large))).unzip();
    let ms = |times: Vec<Duration>| median(times).as_secs_f64() * 1000.0;
    let (a, b) = (ms(a), ms(b));
    println!(
        "{:56} {b:7.1} ms   all of 1 MiB {a:.1} ms   ratio {:.2}",
        "checkpoint of 20 sessions, one transcript of 1 GiB",
        b / a
    );
    goes_on(&small);
    let output = small.command(&["checkpoint", "-v"]).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("  {}", said.lines().find(|l| l.contains("child processes")).unwrap_or("?"));
    row("checkpoint, nothing runs", 21, {
        let empty = World::new("nothing", 20, 0, 10);
        move || plain(&mut empty.command(&["checkpoint"]))
    });
}
