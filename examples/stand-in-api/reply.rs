//! The answers themselves: modes, headers, events, and the log of what was asked.
//!
//! Modes: `ok`, `warn_5h`, `429_5h`, `429_7d`, `429_7d_opus`, `429_7d_sonnet` (usage limits, with the
//! unified headers), `429_plain` (a short-term limit), `529`, `500`, `401`, `403`, `400`, `close`;
//! `NAME:3` for the next three requests. `@usage`: `{"fake-A": [0.93, 0.40]}` (5 hours, 7 days),
//! `@reset_5h`, `@reset_7d`: epoch seconds.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::http::Request;
use crate::script::{Step, classify, next};

/// What goes back.
pub enum Answer {
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Events, each with the milliseconds to wait before it.
    Stream {
        headers: Vec<(String, String)>,
        events: Vec<(String, u64)>,
        cut: bool,
    },
    Close,
}

/// The folder with modes and log.
pub struct Desk {
    dir: PathBuf,
    count: Mutex<u64>,
    /// Windows end by this hour: one that changed its end while a test runs would be another window.
    opened: u64,
}

fn epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

fn json_answer(status: u16, value: &Value) -> Answer {
    Answer::Whole { status, headers: Vec::new(), body: value.to_string().into_bytes() }
}

impl Desk {
    pub fn open(dir: PathBuf, mode: Option<&str>) -> Self {
        let _ = std::fs::create_dir_all(dir.join("body"));
        if let Some(mode) = mode {
            let _ = std::fs::write(dir.join("mode.json"), mode);
        }
        Self { dir, count: Mutex::new(0), opened: epoch() }
    }

    fn modes(&self) -> Value {
        let text = std::fs::read_to_string(self.dir.join("mode.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_else(|_| json!({}))
    }

    /// The mode of a token; a counted one loses one if it is used.
    fn mode(&self, token: &str, uses: bool) -> String {
        let _one_at_a_time = self.count.lock();
        let mut modes = self.modes();
        let key = if modes.get(token).is_some() { token } else { "*" };
        let value = modes[key].as_str().unwrap_or("ok").to_owned();
        let Some((name, left)) = value.split_once(':') else { return value };
        let left: u64 = left.parse().unwrap_or(0);
        if left == 0 {
            return "ok".to_owned();
        }
        if uses {
            modes[key] = format!("{name}:{}", left - 1).into();
            let temp = self.dir.join("mode.tmp");
            let _ = std::fs::write(&temp, modes.to_string())
                .and_then(|()| std::fs::rename(&temp, self.dir.join("mode.json")));
        }
        name.to_owned()
    }

    fn note(&self, request: &Request, more: Value) {
        let mut count = self.count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *count += 1;
        let mut line = json!({
            "n": *count, "t": epoch(), "method": request.method, "path": request.path, "headers": request.headers,
            "body_len": request.body.len(),
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        if !request.body.is_empty() {
            let _ = std::fs::write(self.dir.join(format!("body/{count:04}.json")), &request.body);
        }
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.dir.join("requests.jsonl"));
        let _ = log.and_then(|mut f| f.write_all(format!("{line}\n").as_bytes()));
    }

    /// `(used of 5 hours, its reset, used of 7 days, its reset)`.
    fn windows(&self, mode: &str, token: &str) -> (f64, u64, f64, u64) {
        let modes = self.modes();
        let usage = modes["@usage"]
            .get(token)
            .or_else(|| modes["@usage"].get("*"))
            .cloned()
            .unwrap_or(json!([0.31, 0.12]));
        let now = self.opened;
        let reset5 = modes["@reset_5h"].as_u64().unwrap_or((now / 3600 + 3) * 3600);
        let reset7 = modes["@reset_7d"].as_u64().unwrap_or((now / 86_400 + 4) * 86_400);
        let used5 = match mode {
            "429_5h" => 1.0,
            "warn_5h" => 0.93,
            _ => usage[0].as_f64().unwrap_or(0.31),
        };
        let used7 = if mode.starts_with("429_7d") { 1.0 } else { usage[1].as_f64().unwrap_or(0.12) };
        (used5, reset5, used7, reset7)
    }

    fn limit_headers(&self, mode: &str, token: &str) -> Vec<(String, String)> {
        let (used5, reset5, used7, reset7) = self.windows(mode, token);
        let (claim, weekly) = match mode {
            "429_7d" => ("seven_day", true),
            "429_7d_opus" => ("seven_day_opus", true),
            "429_7d_sonnet" => ("seven_day_sonnet", true),
            _ => ("five_hour", false),
        };
        let word = |hit: bool| if hit { "rejected" } else { "allowed" };
        let status5 = if mode == "warn_5h" { "allowed_warning" } else { word(mode == "429_5h") };
        let status = if weekly { "rejected" } else { status5 };
        let mut all = vec![
            ("status", status.to_owned()),
            ("5h-status", status5.to_owned()),
            ("5h-reset", reset5.to_string()),
            ("5h-utilization", used5.to_string()),
            ("7d-status", word(weekly).to_owned()),
            ("7d-reset", reset7.to_string()),
            ("7d-utilization", used7.to_string()),
            ("representative-claim", claim.to_owned()),
            ("reset", if weekly { reset7 } else { reset5 }.to_string()),
            ("fallback-percentage", "0.5".to_owned()),
            ("overage-status", "rejected".to_owned()),
            ("overage-disabled-reason", "org_level_disabled".to_owned()),
        ];
        if mode == "warn_5h" {
            all.push(("5h-surpassed-threshold", "0.9".to_owned()));
        }
        all.into_iter().map(|(k, v)| (format!("anthropic-ratelimit-unified-{k}"), v)).collect()
    }

    pub fn answer(&self, request: &Request) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        match (request.method.as_str(), path) {
            ("CONNECT", _) => {
                self.note(request, json!({ "connect": true }));
                Answer::Whole { status: 403, headers: Vec::new(), body: Vec::new() }
            }
            ("POST", "/__control") => {
                let _ = std::fs::write(self.dir.join("mode.json"), &request.body);
                json_answer(200, &json!({ "ok": true }))
            }
            ("GET", "/__log") => {
                let body = std::fs::read(self.dir.join("requests.jsonl")).unwrap_or_default();
                Answer::Whole { status: 200, headers: Vec::new(), body }
            }
            ("POST", "/v1/messages") => self.message(request),
            ("POST", "/v1/messages/count_tokens") => {
                self.note(request, json!({}));
                json_answer(200, &json!({ "input_tokens": request.body.len() / 4 + 1 }))
            }
            ("GET", "/api/oauth/usage") => {
                self.note(request, json!({}));
                let token = request.token();
                let (used5, reset5, used7, reset7) = self.windows(&self.mode(&token, false), &token);
                let window = |used: f64, reset: u64| {
                    let at = i64::try_from(reset).ok().and_then(|r| jiff::Timestamp::from_second(r).ok());
                    json!({ "utilization": used * 100.0, "resets_at": at.map(|t| t.to_string()) })
                };
                json_answer(
                    200,
                    &json!({
                        "five_hour": window(used5, reset5), "seven_day": window(used7, reset7),
                        "seven_day_opus": null, "seven_day_sonnet": null, "extra_usage": { "is_enabled": false },
                    }),
                )
            }
            ("GET" | "HEAD", "/" | "/api/hello" | "/v1/oauth/hello") => {
                self.note(request, json!({}));
                json_answer(200, &json!({ "message": "hello" }))
            }
            _ => {
                self.note(request, json!({}));
                json_answer(
                    404,
                    &json!({ "type": "error", "error": { "type": "not_found_error", "message": path } }),
                )
            }
        }
    }

    fn message(&self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let token = request.token();
        let mode = self.mode(&token, true);
        let (kind, last) = classify(&body);
        let sha = Sha256::digest(last.as_bytes());
        self.note(request, json!({
            "mode": mode, "token": token, "kind": kind, "model": body["model"], "stream": body["stream"],
            "n_messages": body["messages"].as_array().map_or(0, Vec::len), "last": last.chars().take(200).collect::<String>(),
            "last_sha": format!("{:02x}{:02x}{:02x}{:02x}", sha[0], sha[1], sha[2], sha[3]),
        }));
        let limit = "This request would exceed your account's rate limit. Please try again later.";
        let (status, what, text) = match mode.as_str() {
            "close" => return Answer::Close,
            "429_5h" | "429_7d" | "429_7d_opus" | "429_7d_sonnet" => (429, "rate_limit_error", limit),
            "429_plain" => {
                (429, "rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit")
            }
            "529" => (529, "overloaded_error", "Overloaded"),
            "500" => (500, "api_error", "Internal server error"),
            "401" => (
                401,
                "authentication_error",
                "OAuth token has expired. Please obtain a new token or refresh your existing token.",
            ),
            "403" => (403, "permission_error", "OAuth token does not meet scope requirement user:inference"),
            "400" => (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            _ => return self.reply(&body, &mode, &token),
        };
        let mut headers = Vec::new();
        if status == 429 {
            if mode == "429_plain" {
                headers.push(("retry-after".to_owned(), "2".to_owned()));
            } else {
                headers = self.limit_headers(&mode, &token);
            }
        }
        let body = json!({ "type": "error", "error": { "type": what, "message": text } });
        Answer::Whole { status, headers, body: body.to_string().into_bytes() }
    }

    fn reply(&self, body: &Value, mode: &str, token: &str) -> Answer {
        let headers = self.limit_headers(mode, token);
        let (mut content, mut before, mut slow, mut cut) = (Vec::new(), 0, 0.0, false);
        for step in next(body) {
            match step {
                Step::Say(text) => content.push(json!({ "type": "text", "text": text })),
                Step::Tool(name, input) => {
                    let id = format!("toolu_{}", uuid::Uuid::new_v4().simple());
                    content.push(json!({ "type": "tool_use", "id": id, "name": name, "input": input }));
                }
                Step::Hang(s) => before += (s * 1000.0) as u64,
                Step::Slow(s) => slow += s,
                Step::Cut => {
                    content.push(json!({ "type": "text", "text": "half a rep" }));
                    cut = true;
                }
            }
        }
        if content.is_empty() {
            content.push(json!({ "type": "text", "text": "slow reply done" }));
        }
        let stop = if content.iter().any(|b| b["type"] == "tool_use") { "tool_use" } else { "end_turn" };
        let tokens = body.to_string().len() / 4;
        let usage = json!({ "input_tokens": tokens, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0 });
        let message = |content: &[Value], stop: Option<&str>| {
            json!({
                "id": format!("msg_{}", uuid::Uuid::new_v4().simple()), "type": "message", "role": "assistant",
                "model": body["model"], "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage,
            })
        };
        if body["stream"] != true {
            std::thread::sleep(std::time::Duration::from_millis(before));
            let body = message(&content, Some(stop)).to_string().into_bytes();
            return Answer::Whole { status: 200, headers, body };
        }
        let mut events = Vec::new();
        let mut send = |name: &str, mut data: Value, pause: u64| {
            data["type"] = name.into();
            events.push((format!("event: {name}\ndata: {data}\n\n"), pause));
        };
        send("message_start", json!({ "message": message(&[], None) }), before);
        if slow > 0.0 {
            let ticks = (slow / 0.2) as usize;
            send("content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } }), 0);
            for _ in 0..ticks {
                send(
                    "content_block_delta",
                    json!({ "index": 0, "delta": { "type": "text_delta", "text": "." } }),
                    200,
                );
            }
            send("content_block_stop", json!({ "index": 0 }), 0);
        }
        let first = usize::from(slow > 0.0);
        for (n, block) in content.iter().enumerate() {
            let index = n + first;
            if block["type"] == "text" {
                send(
                    "content_block_start",
                    json!({ "index": index, "content_block": { "type": "text", "text": "" } }),
                    0,
                );
                send(
                    "content_block_delta",
                    json!({ "index": index, "delta": { "type": "text_delta", "text": block["text"] } }),
                    0,
                );
                if cut {
                    break;
                }
            } else {
                let mut empty = block.clone();
                empty["input"] = json!({});
                send("content_block_start", json!({ "index": index, "content_block": empty }), 0);
                let delta = json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() });
                send("content_block_delta", json!({ "index": index, "delta": delta }), 0);
            }
            send("content_block_stop", json!({ "index": index }), 0);
        }
        if !cut {
            send(
                "message_delta",
                json!({ "delta": { "stop_reason": stop, "stop_sequence": null }, "usage": { "output_tokens": 12 } }),
                0,
            );
            send("message_stop", json!({}), 0);
        }
        Answer::Stream { headers, events, cut }
    }
}
