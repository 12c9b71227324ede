//! A small scripted program that behaves like the Claude Code client in a pane: hooks, state file,
//! transcript, composer, signals. For the demo and the fast tests; it knows no model and no network.
//!
//! What a prompt does: `read FILE.md and carry it out` plays the directives in that file, one after
//! the other; any other text plays the directives in itself, or is echoed.
//!
//! ```text
//! [[bash:CMD]]  [[edit:FILE:TEXT]]  [[sleep:SECONDS]]  [[say:TEXT]]  [[done]]  [[fail:REASON]]
//! [[limit:five_hour]]  [[error:server_error]]  [[ask]]  [[background]]  [[crash]]  [[exit:N]]  [[hang]]
//! ```
//! `[[crash]]` and `[[exit]]` happen once: a resumed client that is told to carry on goes on behind
//! them. `stand-in.json` in the account's home says how the service treats that account: see
//! `account.rs`. `STAND_IN_START=exit:N|hang|login|trust` changes the start, `STAND_IN_LOG=FILE` gets a
//! line for each start and each prompt, `STAND_IN_READY_MS` is the time in which Enter is lost.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the tests"
)]

mod account;
mod client;
mod hooks;
mod script;
mod terminal;

use client::Client;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The command line, as far as the client's is understood.
#[derive(Debug, Default)]
struct Args {
    session: Option<String>,
    resume: bool,
    settings: Option<String>,
    model: String,
    prompt: Option<String>,
}

fn fail(text: &str) -> ! {
    println!("{text}");
    std::process::exit(1)
}

fn args() -> Args {
    let mut parsed = Args { model: "stand-in".to_owned(), ..Args::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| fail(&format!("error: {word} needs a value")));
        match word.as_str() {
            "--version" => {
                println!("2.1.330 (stand-in)");
                std::process::exit(0)
            }
            "--session-id" => parsed.session = Some(value()),
            "--resume" => {
                parsed.session = Some(value());
                parsed.resume = true;
            }
            "--settings" => parsed.settings = Some(value()),
            "--model" => parsed.model = value(),
            "--dangerously-skip-permissions" => {}
            "--" => parsed.prompt = words.next(),
            flag if flag.starts_with('-') => fail(&format!("error: unknown option '{flag}'")),
            text => parsed.prompt = Some(text.to_owned()),
        }
    }
    parsed
}

fn main() {
    let args = args();
    let Some(home) = std::env::var_os("CLAUDE_CONFIG_DIR").map(PathBuf::from) else {
        fail("CLAUDE_CONFIG_DIR is not set: a real home is never touched")
    };
    client::log(&serde_json::json!({
        "start": std::process::id(), "argv": std::env::args().collect::<Vec<_>>(), "home": home,
    }));
    match std::env::var("STAND_IN_START").unwrap_or_default().split_once(':') {
        Some(("exit", code)) => {
            println!("stand-in: told to exit");
            // tmux drops the last words of a program that ends before it has read them.
            std::thread::sleep(Duration::from_millis(100));
            std::process::exit(code.parse().unwrap_or(1))
        }
        _ => match std::env::var("STAND_IN_START").as_deref() {
            Ok("hang") => wait_for_ever(),
            Ok("login") => {
                println!("Select login method:\n❯ 1. Claude account with subscription");
                wait_for_ever()
            }
            _ => {}
        },
    }
    let mut client = Client::start(args.session, args.resume, &home, args.settings.as_deref(), args.model);
    if std::env::var("STAND_IN_START").as_deref() == Ok("trust") {
        println!("Do you trust the files in this folder?\n❯ No, exit");
        client.set_status("waiting", "dialog open");
        wait_for_ever();
    }
    let screen = terminal::Terminal::open();
    let started = Instant::now();
    let deaf: u64 = std::env::var("STAND_IN_READY_MS").ok().and_then(|t| t.parse().ok()).unwrap_or(300);
    client.ready();
    if let Some(prompt) = args.prompt {
        std::thread::sleep(Duration::from_millis(50));
        client.submit(&prompt);
    }
    let mut composer = String::new();
    let mut interrupts = 0;
    loop {
        screen.draw(&client, &composer);
        if let Some(signal) = terminal::signalled() {
            client.end("other");
            screen.close();
            std::process::exit(if signal == 2 { 0 } else { 128 + signal });
        }
        for key in screen.keys() {
            match key {
                // Before the client listens, text lands in the box and Enter is lost.
                '\r' if started.elapsed() < Duration::from_millis(deaf) => {}
                '\r' if client.is_asking() => client.answer(),
                '\r' if composer.trim() == "/exit" => {
                    client.end("prompt_input_exit");
                    screen.close();
                    std::process::exit(0);
                }
                '\r' => {
                    let text = std::mem::take(&mut composer);
                    if !text.trim().is_empty() {
                        client.submit(text.trim());
                    }
                }
                '1' if client.is_asking() => client.answer(),
                '\u{1b}' => client.interrupt(),
                '\u{3}' => {
                    interrupts += 1;
                    client.interrupt();
                    if interrupts > 1 {
                        client.end("prompt_input_exit");
                        screen.close();
                        std::process::exit(0);
                    }
                }
                '\u{7f}' => drop(composer.pop()),
                c if !c.is_control() && !client.is_asking() => composer.push(c),
                _ => {}
            }
        }
        client.tick();
    }
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
