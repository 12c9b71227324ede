//! The pane: keys in raw mode, a composer between two rules, a title; and the signals.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::termios::{SetArg, SpecialCharacterIndices, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::client::Client;

static SIGNAL: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: i32) {
    SIGNAL.store(signal, Ordering::Relaxed);
}

/// The signal that has come, if one has.
pub fn signalled() -> Option<i32> {
    Some(SIGNAL.load(Ordering::Relaxed)).filter(|s| *s != 0)
}

pub struct Terminal {
    before: Option<Termios>,
    shown: std::cell::RefCell<String>,
}

impl Terminal {
    pub fn open() -> Self {
        for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
            let action = SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::empty());
            // SAFETY: the handler only stores into an atomic.
            let _ = unsafe { sigaction(signal, &action) };
        }
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            // A read returns at once, with what there is.
            raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
            raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
            let _ = tcsetattr(&stdin, SetArg::TCSANOW, &raw);
        }
        Self { before, shown: std::cell::RefCell::default() }
    }

    pub fn close(&self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
        }
        println!("\r");
    }

    /// The keys since the last look, some milliseconds ago.
    pub fn keys(&self) -> Vec<char> {
        std::thread::sleep(std::time::Duration::from_millis(5));
        let mut bytes = [0; 4096];
        let count = if self.before.is_some() { std::io::stdin().lock().read(&mut bytes).unwrap_or(0) } else { 0 };
        String::from_utf8_lossy(&bytes[..count]).chars().collect()
    }

    /// Draws what has changed.
    pub fn draw(&self, client: &Client, composer: &str) {
        let rule = "─".repeat(60);
        let (title, work) = match client.working_for() {
            Some(s) => ("⠂ working", format!("✻ Working… ({s}s)")),
            None => ("✳ idle", String::new()),
        };
        let footer = if work.is_empty() { "" } else { " · esc to interrupt" };
        let mut text = format!("\x1b]2;{title}\x07\x1b[H\x1b[2J");
        for line in client.lines() {
            text.push_str(line);
            text.push_str("\r\n");
        }
        if client.is_asking() {
            text.push_str("Do you want to proceed?\r\n❯ 1. Yes\r\n  3. No\r\nEsc to cancel · Tab to amend\r\n");
        } else {
            text.push_str(&format!("{work}\r\n{rule}\r\n❯ {composer}\r\n{rule}\r\n"));
            text.push_str(&format!("  ⏵⏵ bypass permissions on (shift+tab to cycle){footer}\r\n"));
        }
        if *self.shown.borrow() != text {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            self.shown.replace(text);
        }
    }
}
