//! The client itself: its state file, its transcript, its turns.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use claude_failover::sys::clock;

use crate::account::Account;
use crate::hooks::Hooks;
use crate::script::{self, Directive};

/// Appends to the log of the tests, if there is one.
pub fn log(line: &Value) {
    if let Some(path) = std::env::var_os("STAND_IN_LOG")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}

/// What the turn does at this moment.
enum Now {
    Idle,
    Between,
    Tool(Child, String),
    Sleep(Instant),
    Asking,
    Hanging,
}

pub struct Client {
    id: String,
    cwd: PathBuf,
    state: PathBuf,
    transcript: PathBuf,
    hooks: Hooks,
    account: Account,
    model: String,
    status: (String, String),
    now: Now,
    turn: VecDeque<Directive>,
    prompt: String,
    task: String,
    done: usize,
    background: usize,
    began: Instant,
    queued: VecDeque<String>,
    said: Vec<String>,
    resumed: bool,
    /// Held for as long as the process lives.
    _alone: Option<std::fs::File>,
}

fn die(text: &str) -> ! {
    println!("{text}");
    std::thread::sleep(Duration::from_millis(100));
    std::process::exit(1)
}

/// Field 22 of `/proc/self/stat`.
fn start_time() -> String {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = text.rsplit(')').next().unwrap_or_default();
    rest.split_ascii_whitespace().nth(19).unwrap_or("0").to_owned()
}

fn stamp() -> String {
    clock::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Client {
    pub fn start(id: Option<String>, resumed: bool, home: &Path, settings: Option<&str>, model: String) -> Self {
        if let Some(code) = Account::of(home).start() {
            println!("Error: this account cannot start a client");
            std::process::exit(code);
        }
        let cwd = std::env::current_dir().and_then(|d| d.canonicalize()).unwrap_or_default();
        let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let folder: String =
            cwd.display().to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = home.join("projects").join(folder);
        let transcript = folder.join(format!("{id}.jsonl"));
        match (resumed, transcript.exists()) {
            (true, false) => die(&format!("No conversation found with session ID: {id}")),
            (false, true) => die(&format!("Error: Session ID {id} is already in use.")),
            _ => {}
        }
        let _ = std::fs::create_dir_all(&folder);
        let _ = std::fs::create_dir_all(home.join("sessions"));
        let mut client = Self {
            state: home.join("sessions").join(format!("{}.json", std::process::id())),
            id,
            cwd,
            transcript,
            hooks: Hooks::load(settings),
            account: Account::of(home),
            model,
            status: Default::default(),
            now: Now::Idle,
            turn: VecDeque::new(),
            prompt: String::new(),
            task: String::new(),
            done: 0,
            background: 0,
            began: Instant::now(),
            queued: VecDeque::new(),
            said: Vec::new(),
            resumed,
            _alone: None,
        };
        client.claim_conversation();
        client.set_status("idle", "");
        client
    }

    pub fn ready(&mut self) {
        let source = if self.resumed { "resume" } else { "startup" };
        self.hook("SessionStart", "", json!({ "source": source, "model": self.model }));
        self.statusline();
    }

    pub fn set_status(&mut self, status: &str, waiting_for: &str) {
        if self.status == (status.to_owned(), waiting_for.to_owned()) {
            return;
        }
        self.status = (status.to_owned(), waiting_for.to_owned());
        let now = clock::now().as_millisecond();
        let mut value = json!({
            "pid": std::process::id(), "sessionId": self.id, "cwd": self.cwd, "startedAt": now,
            "procStart": start_time(), "version": "2.1.330", "kind": "interactive", "entrypoint": "cli",
            "status": status, "updatedAt": now, "statusUpdatedAt": now,
        });
        if !waiting_for.is_empty() {
            value["waitingFor"] = waiting_for.into();
        }
        let temp = self.state.with_extension("tmp");
        let _ = std::fs::write(&temp, value.to_string()).and_then(|()| std::fs::rename(&temp, &self.state));
    }

    fn common(&self, event: &str) -> Value {
        json!({
            "session_id": self.id, "transcript_path": self.transcript, "cwd": self.cwd,
            "permission_mode": "bypassPermissions", "hook_event_name": event,
        })
    }

    fn hook(&self, event: &str, tool: &str, more: Value) -> Option<String> {
        let mut input = self.common(event);
        for (key, value) in more.as_object().into_iter().flatten() {
            input[key] = value.clone();
        }
        self.hooks.run(event, tool, &input)
    }

    fn statusline(&self) {
        let mut input = self.common("");
        input["model"] = json!({ "id": self.model, "display_name": self.model });
        input["version"] = "2.1.330".into();
        let length = self.transcript.metadata().map_or(0, |meta| meta.len());
        input["context_window"] = json!({ "total_input_tokens": length / 4, "context_window_size": 200_000,
            "current_usage": null, "used_percentage": length / 8000 });
        input["rate_limits"] = self.account.rate_limits();
        self.hooks.statusline(&input);
    }

    fn write(&self, mut line: Value) {
        line["sessionId"] = self.id.clone().into();
        line["cwd"] = json!(self.cwd);
        line["timestamp"] = stamp().into();
        line["uuid"] = uuid::Uuid::new_v4().to_string().into();
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(&self.transcript) {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    fn say(&mut self, text: &str) {
        self.said.push(format!("● {text}"));
        let id = uuid::Uuid::new_v4().to_string();
        self.write(json!({
            "type": "assistant",
            "message": { "id": id, "role": "assistant", "content": [{ "type": "text", "text": text }],
                         "usage": { "input_tokens": 100, "output_tokens": 10 } },
        }));
    }

    /// Nothing keeps the real client from running one conversation twice; here it is told to the tests.
    fn claim_conversation(&mut self) {
        let path = self.transcript.with_extension("lock");
        let Ok(file) = std::fs::File::create(path) else { return };
        if file.try_lock().is_err() {
            log(&json!({ "twice": self.id, "pid": std::process::id() }));
        }
        self._alone = Some(file);
    }

    /// Whether the service refuses what this account asks for; the turn is over then.
    fn refused(&mut self) -> bool {
        let Some(refusal) = self.account.refusal() else { return false };
        self.failure(refusal.error, refusal.status, &refusal.text, refusal.window.as_deref());
        true
    }

    pub fn submit(&mut self, prompt: &str) {
        if !matches!(self.now, Now::Idle) {
            self.queued.push_back(prompt.to_owned());
            return;
        }
        log(&json!({ "pid": std::process::id(), "session": self.id, "prompt": prompt }));
        self.set_status("busy", "");
        self.began = Instant::now();
        prompt.clone_into(&mut self.prompt);
        self.said.push(format!("> {prompt}"));
        self.hook("UserPromptSubmit", "", json!({ "prompt": prompt }));
        self.write(json!({ "type": "user", "message": { "role": "user", "content": prompt } }));
        self.task = script::task_file(prompt).unwrap_or_default();
        let text = if self.task.is_empty() {
            prompt.to_owned()
        } else {
            std::fs::read_to_string(&self.task).unwrap_or_else(|e| format!("[[say:cannot read it: {e}]]"))
        };
        self.turn = script::directives(&text).into();
        self.done = if script::is_carry_on(prompt) { self.done_before() } else { 0 };
        self.turn.drain(..self.done.min(self.turn.len()));
        if self.turn.is_empty() {
            let text = if self.done > 0 { "nothing left to do".to_owned() } else { format!("echo: {prompt}") };
            self.turn.push_back(Directive { word: "say".to_owned(), value: text });
        }
        self.now = Now::Between;
    }

    /// How many directives of this task the conversation has behind it.
    fn done_before(&self) -> usize {
        let text = std::fs::read_to_string(&self.transcript).unwrap_or_default();
        text.lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok())
            .filter(|v| v["standIn"]["task"].as_str() == Some(&self.task))
            .filter_map(|v| v["standIn"]["done"].as_u64())
            .max()
            .map_or(0, |n| usize::try_from(n).unwrap_or(0))
    }

    fn mark(&mut self, result: &str) {
        self.done += 1;
        let content =
            json!([{ "type": "tool_result", "tool_use_id": format!("t{}", self.done), "content": result }]);
        self.write(json!({
            "type": "user", "message": { "role": "user", "content": content },
            "standIn": { "task": self.task, "done": self.done },
        }));
    }

    pub fn is_asking(&self) -> bool {
        matches!(self.now, Now::Asking)
    }

    pub fn working_for(&self) -> Option<u64> {
        (!matches!(self.now, Now::Idle | Now::Hanging)).then(|| self.began.elapsed().as_secs())
    }

    pub fn lines(&self) -> impl Iterator<Item = &String> {
        self.said.iter().skip(self.said.len().saturating_sub(20))
    }

    pub fn answer(&mut self) {
        self.set_status("busy", "");
        self.hook("PostToolUse", "Bash", json!({ "tool_name": "Bash" }));
        self.mark("allowed");
        self.now = Now::Between;
    }

    pub fn interrupt(&mut self) {
        if let Now::Tool(child, _) = &mut self.now {
            // The whole group: a shell's own children too.
            let group = nix::unistd::Pid::from_raw(-child.id().cast_signed());
            let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
            let _ = child.wait();
        }
        if !matches!(self.now, Now::Idle) {
            self.said.push("  ⎿  Interrupted · What should Claude do instead?".to_owned());
            self.write(json!({ "type": "user", "message": { "role": "user", "content": "[Request interrupted by user]" } }));
            self.now = Now::Idle;
            self.turn.clear();
            self.set_status("idle", "");
        }
    }

    pub fn end(&mut self, reason: &str) {
        self.interrupt();
        self.hook("SessionEnd", "", json!({ "reason": reason }));
        let _ = std::fs::remove_file(&self.state);
        println!("Resume this session with: claude --resume {}\r", self.id);
    }

    /// Goes on with the turn, a step at a time.
    pub fn tick(&mut self) {
        match &mut self.now {
            Now::Idle | Now::Asking | Now::Hanging => {}
            Now::Sleep(until) => {
                if Instant::now() >= *until {
                    self.mark("slept");
                    self.now = Now::Between;
                }
            }
            Now::Tool(child, tool) => {
                if let Ok(Some(status)) = child.try_wait() {
                    let tool = std::mem::take(tool);
                    let mut text = String::new();
                    if let Some(out) = &mut child.stdout {
                        let _ = std::io::Read::read_to_string(out, &mut text);
                    }
                    let event = if status.success() { "PostToolUse" } else { "PostToolUseFailure" };
                    self.hook(event, &tool, json!({ "tool_name": tool }));
                    self.mark(&format!("{} {text}", status.code().unwrap_or(137)));
                    self.now = Now::Between;
                }
            }
            Now::Between => self.step(),
        }
    }

    fn step(&mut self) {
        if self.refused() {
            return;
        }
        let Some(Directive { word, value }) = self.turn.pop_front() else { return self.stop() };
        match word.as_str() {
            "bash" => self.bash(&value),
            "edit" => {
                let (file, text) = value.split_once(':').unwrap_or((&value, ""));
                let quote = |t: &str| format!("'{}'", t.replace('\'', "'\\''"));
                let command = format!("printf '%s\\n' {} >> {}", quote(text), quote(file));
                self.tool("Write", &json!({ "file_path": file, "content": text }), &command);
            }
            "done" | "fail" => {
                let command = script::command(&self.prompt, &word, &value).unwrap_or_else(|| "false".to_owned());
                self.bash(&command);
            }
            "sleep" => {
                self.now = Now::Sleep(Instant::now() + Duration::from_secs_f64(value.parse().unwrap_or(0.0)));
            }
            "ask" => {
                self.hook("PermissionRequest", "Bash", json!({ "tool_name": "Bash" }));
                self.set_status("waiting", "permission prompt");
                self.now = Now::Asking;
            }
            "limit" => {
                let (what, window) = if value == "seven_day" {
                    ("weekly limit", "seven_day")
                } else {
                    ("5-hour limit", "five_hour")
                };
                let text = format!("You've hit your {what} · resets 10am (UTC)");
                self.mark("failed turn");
                self.failure("rate_limit", 429, &text, Some(window));
            }
            "error" => {
                self.mark("failed turn");
                let text = "API Error: 529 Overloaded. This is a server-side issue, usually temporary";
                self.failure(&value, 529, text, None);
            }
            "background" => {
                self.background += 1;
                self.mark("running in the background");
            }
            "crash" => {
                self.mark("crash");
                let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
            }
            "exit" => {
                self.mark("exit");
                self.hook("SessionEnd", "", json!({ "reason": "other" }));
                let _ = std::fs::remove_file(&self.state);
                std::process::exit(value.parse().unwrap_or(1));
            }
            "hang" => self.now = Now::Hanging,
            _ => {
                self.say(&value);
                self.mark("said");
            }
        }
    }

    fn bash(&mut self, command: &str) {
        self.tool("Bash", &json!({ "command": command }), command);
    }

    /// A tool call: asked for as `input`, played by a command.
    fn tool(&mut self, tool: &str, input: &Value, command: &str) {
        let call =
            json!([{ "type": "tool_use", "id": format!("t{}", self.done + 1), "name": tool, "input": input }]);
        self.write(json!({ "type": "assistant", "message": { "role": "assistant", "content": call } }));
        let input = json!({ "tool_name": tool, "tool_input": input, "tool_use_id": "t" });
        if let Some(reason) = self.hook("PreToolUse", tool, input) {
            self.said.push(format!("  ⎿  blocked: {reason}"));
            return self.mark(&format!("hook error: {reason}"));
        }
        self.said.push(format!("● {tool}({command})"));
        let spawned = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match spawned {
            Ok(child) => self.now = Now::Tool(child, tool.to_owned()),
            Err(e) => self.mark(&e.to_string()),
        }
    }

    fn failure(&mut self, error: &str, status: u16, text: &str, window: Option<&str>) {
        self.said.push(format!("  ⎿  {text}"));
        let mut line = json!({
            "type": "assistant", "error": error, "isApiErrorMessage": true, "apiErrorStatus": status,
            "message": { "model": "<synthetic>", "role": "assistant", "content": [{ "type": "text", "text": text }] },
        });
        if let Some(window) = window {
            line["quotaLimits"] =
                json!({ "status": "rejected", "rateLimitType": window, "resetsAt": self.account.resets_at() });
        }
        self.write(line);
        self.hook("StopFailure", "", json!({ "error": error, "last_assistant_message": text }));
        self.turn.clear();
        self.idle();
    }

    fn stop(&mut self) {
        self.write(json!({ "type": "system", "subtype": "turn_duration" }));
        let tasks = vec![json!({ "id": "b1", "type": "shell", "status": "running" }); self.background];
        let last = self.said.last().cloned().unwrap_or_default();
        self.hook("Stop", "", json!({
            "stop_hook_active": false, "last_assistant_message": last, "background_tasks": tasks, "session_crons": [],
        }));
        self.idle();
    }

    fn idle(&mut self) {
        self.now = Now::Idle;
        self.set_status(if self.background > 0 { "shell" } else { "idle" }, "");
        self.statusline();
        if let Some(prompt) = self.queued.pop_front() {
            self.submit(&prompt);
        }
    }
}
