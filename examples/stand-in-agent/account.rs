//! How the service treats the account: `stand-in.json` in its home, read anew for each question, so that
//! a test can change it while clients run.
//!
//! ```json
//! {"five_hour": 31, "seven_day": 12, "resets_at": 1900000000, "limit": "five_hour", "login": "refused",
//!  "start": 3}
//! ```

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub struct Account {
    file: PathBuf,
}

/// An answer other than the one that was asked for.
pub struct Refusal {
    pub error: &'static str,
    pub status: u16,
    pub text: String,
    pub window: Option<String>,
}

impl Account {
    pub fn of(home: &Path) -> Self {
        Self { file: home.join("stand-in.json") }
    }

    fn said(&self) -> Value {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// With what the client ends at once, instead of starting.
    pub fn start(&self) -> Option<i32> {
        self.said()["start"].as_i64().and_then(|code| code.try_into().ok())
    }

    pub fn resets_at(&self) -> i64 {
        self.said()["resets_at"].as_i64().unwrap_or(1_900_000_000)
    }

    pub fn rate_limits(&self) -> Value {
        let said = self.said();
        let full = said["limit"].as_str().map(str::to_owned);
        let window = |name: &str, usual: Value| {
            let used = if full.as_deref() == Some(name) { json!(100) } else { usual };
            (!used.is_null()).then(|| json!({ "used_percentage": used, "resets_at": self.resets_at() }))
        };
        let five = said.get("five_hour").cloned().unwrap_or(json!(31));
        json!({ "five_hour": window("five_hour", five), "seven_day": window("seven_day", said["seven_day"].clone()) })
    }

    pub fn refusal(&self) -> Option<Refusal> {
        let said = self.said();
        if said["login"] == "refused" {
            let text = "Please run /login · API Error: 401 OAuth token has expired.".to_owned();
            return Some(Refusal { error: "authentication_failed", status: 401, text, window: None });
        }
        let window = said["limit"].as_str()?.to_owned();
        let what = if window == "seven_day" { "weekly limit" } else { "5-hour limit" };
        let text = format!("You've hit your {what} · resets 10am (UTC)");
        Some(Refusal { error: "rate_limit", status: 429, text, window: Some(window) })
    }
}
