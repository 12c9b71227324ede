//! A stand-in of the API on 127.0.0.1, scripted by the prompt and by a mode per token, so that the
//! real client can be driven with no account and no network.
//!
//! ```text
//! stand-in-api --dir DIR [--port N] [--mode JSON] [--until-stdin-closes]
//! ```
//! The token of a request is only a name: it selects the mode of that account in `DIR/mode.json`
//! (`{"*": "ok", "fake-A": "429_5h"}`, read anew at every request; see `reply.rs`). The last user
//! text picks the answer (see `script.rs`). `DIR/requests.jsonl` gets a line a request, `DIR/body/`
//! the bodies. `CONNECT` is logged and refused, so that it can be named in `HTTPS_PROXY` as a fence.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the tests"
)]

mod http;
mod reply;
mod script;

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

fn main() {
    let (mut dir, mut port, mut mode, mut tied) = (None, 0_u16, None, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--dir" => dir = words.next().map(PathBuf::from),
            "--port" => port = words.next().and_then(|p| p.parse().ok()).unwrap_or(0),
            "--mode" => mode = words.next(),
            "--until-stdin-closes" => tied = true,
            other => {
                eprintln!("unknown argument `{other}`");
                std::process::exit(2);
            }
        }
    }
    let Some(dir) = dir else {
        eprintln!("usage: stand-in-api --dir DIR [--port N] [--mode JSON] [--until-stdin-closes]");
        std::process::exit(2);
    };
    let desk = Arc::new(reply::Desk::open(dir.clone(), mode.as_deref()));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("cannot listen");
    let port = listener.local_addr().expect("no address").port();
    let temp = dir.join("port.tmp");
    std::fs::write(&temp, format!("{port}\n"))
        .and_then(|()| std::fs::rename(&temp, dir.join("port")))
        .expect("no port file");
    println!("listening on 127.0.0.1:{port}");
    if tied {
        // The tests hold the other end: it never outlives one that was killed.
        std::thread::spawn(|| {
            let mut rest = Vec::new();
            let _ = std::io::stdin().lock().read_to_end(&mut rest);
            std::process::exit(0);
        });
    }
    for stream in listener.incoming().flatten() {
        let desk = Arc::clone(&desk);
        std::thread::spawn(move || http::serve(stream, &desk));
    }
}
