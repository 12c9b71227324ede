//! The hooks and the status line of a settings overlay.

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The overlay.
pub struct Hooks {
    settings: Value,
}

impl Hooks {
    /// Reads a file, or takes the text itself.
    pub fn load(settings: Option<&str>) -> Self {
        let text = match settings {
            Some(text) if text.trim_start().starts_with('{') => text.to_owned(),
            Some(path) => std::fs::read_to_string(path).unwrap_or_default(),
            None => String::new(),
        };
        Self { settings: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// Runs every hook of an event; whether one of them blocks, and why.
    pub fn run(&self, event: &str, tool: &str, input: &Value) -> Option<String> {
        let mut blocked = None;
        for group in self.settings["hooks"][event].as_array().into_iter().flatten() {
            let matcher = group["matcher"].as_str().unwrap_or("*");
            if !tool.is_empty() && matcher != "*" && !matcher.is_empty() && !matcher.split('|').any(|m| m == tool)
            {
                continue;
            }
            for hook in group["hooks"].as_array().into_iter().flatten() {
                let Some(program) = hook["command"].as_str() else { continue };
                let mut command = match hook["args"].as_array() {
                    Some(args) => {
                        let mut command = Command::new(program);
                        command.args(args.iter().filter_map(Value::as_str));
                        command
                    }
                    None => shell(program),
                };
                let limit = Duration::from_secs(hook["timeout"].as_u64().unwrap_or(60));
                if let Some((2, said)) = feed(&mut command, input, limit) {
                    blocked = Some(said);
                }
            }
        }
        blocked
    }

    /// Runs the status line, which prints into the footer.
    pub fn statusline(&self, input: &Value) {
        if let Some(text) = self.settings["statusLine"]["command"].as_str() {
            let _ = feed(&mut shell(text), input, Duration::from_secs(5));
        }
    }
}

fn shell(text: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]);
    command
}

fn feed(command: &mut Command, input: &Value, limit: Duration) -> Option<(i32, String)> {
    let session = input["session_id"].as_str().unwrap_or_default();
    command.env("CLAUDECODE", "1").env("CLAUDE_CODE_SESSION_ID", session);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let _ = child.stdin.take()?.write_all(json!(input).to_string().as_bytes());
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Some((status.code().unwrap_or(-1), said(child)));
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    // A hook that hangs is given up; the call goes on.
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn said(mut child: Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = std::io::Read::read_to_string(stderr, &mut text);
    }
    text
}
