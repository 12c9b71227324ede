//! What a request costs beside the command that it runs: over a Unix socket, each connection with a process of its
//! own, as a socket unit starts it (without the few milliseconds of the service manager).

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{World, median, plain, row};

const ROUTES: [&str; 7] =
    ["/health", "/status", "/status?cached=true", "/accounts", "/sessions", "/tasks", "/events?since=2h"];

pub fn requests() {
    let w = World::new("control", 20, 1000, 20);
    plain(&mut w.command(&["status"]));
    for n in 0..20 {
        w.sleeper(n);
        let record = format!(
            "{{\"version\":1,\"name\":\"p-{n}\",\"kind\":\"pool\",\"account\":\"main\",\"note\":{{\"state\":\"starting\"}}}}"
        );
        std::fs::write(w.dir.join(format!("state/sessions/p-{n}.json")), record).unwrap();
    }
    plain(&mut w.command(&["watch", "--no-dispatch"]));
    // From then on a client without a state file is looked at on its screen: the dearer case, for all that follow.
    std::thread::sleep(Duration::from_millis(2100));
    let socket = w.dir.join("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming() {
                let ours: OwnedFd = stream.unwrap().into();
                let mut command = w.command(&["control"]);
                command.stdin(ours.try_clone().unwrap()).stdout(ours).stderr(Stdio::null());
                let mut child = command.spawn().unwrap();
                drop(command);
                if w.dir.join("over").exists() {
                    child.wait().unwrap();
                    break;
                }
                std::thread::spawn(move || child.wait());
            }
        });
        row("status --json, 20 sessions, 1,000 tasks", 31, || plain(&mut w.command(&["status", "--json"])));
        row("GET /status of the same", 31, || ask(&socket, "/status"));
        for path in ROUTES {
            row(&format!("GET {path}"), 11, || ask(&socket, path));
        }
        let start = Instant::now();
        let times: Vec<Duration> = std::thread::scope(|scope| {
            let many = || scope.spawn(|| (0..13).map(|_| timed(&socket)).collect::<Vec<_>>());
            let all: Vec<_> = (0..16).map(|_| many()).collect();
            all.into_iter().flat_map(|one| one.join().unwrap()).collect()
        });
        let most = times.iter().max().unwrap().as_secs_f64() * 1000.0;
        println!(
            "{:58} {:9.2} ms each, {most:.0} ms the slowest, {:.1} s in all, none failed",
            format!("GET /status, {} times, 16 at once", times.len()),
            median(times.clone()).as_secs_f64() * 1000.0,
            start.elapsed().as_secs_f64(),
        );
        std::fs::write(w.dir.join("over"), "").unwrap();
        ask(&socket, "/health");
    });
}

fn timed(socket: &Path) -> Duration {
    let start = Instant::now();
    ask(socket, "/status");
    start.elapsed()
}

fn ask(socket: &Path, path: &str) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {text}");
}
