//! `statusline`: keeps what the client's status line tells (usage windows, context), and shows one.

use anyhow::Result;
use serde_json::Value;

use crate::env::Global;
use crate::error::Exit;
use crate::model::name::SessionName;
use crate::output::Output;
use crate::sys::store::Store;
use crate::sys::{atomic, input};

/// Record the client's status line and print one (called by the client)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session that reports
    #[arg(long)]
    pub(crate) session: String,
}

/// Runs the command. Whatever goes wrong, the session goes on.
///
/// # Errors
/// None.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let input = input::read(1 << 20).unwrap_or_default();
    let value: Value = serde_json::from_slice(&input).unwrap_or_default();
    Output::default().text(&line(&args.session, &value));
    if let (Some(dir), Ok(session)) = (&global.state_dir, SessionName::new(args.session.as_str()))
        && value.is_object()
    {
        let store = Store::at(dir);
        let path = store.statusline_path(&session);
        let before = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if is_due(&before.unwrap_or_default(), &value) {
            store.kick("quota");
        }
        if let Err(e) = atomic::replace_hint(&path, &input) {
            log::debug!("status line lost: {e:#}");
        }
    }
    Ok(Exit::Done)
}

/// From here on every point of a window is a reason to look at once.
const NEAR: f64 = 75.0;

/// Whether a window has come nearer to its end than it was told before.
fn is_due(before: &Value, now: &Value) -> bool {
    let used = |value: &Value, window: &str| {
        value.pointer(&format!("/rate_limits/{window}/used_percentage")).and_then(Value::as_f64)
    };
    ["five_hour", "seven_day"]
        .iter()
        .any(|window| used(now, window).is_some_and(|n| n >= NEAR && used(before, window).is_none_or(|b| n > b)))
}

/// One line for the footer of the session.
fn line(session: &str, value: &Value) -> String {
    let mut parts = vec![session.to_owned()];
    let percent = |path: &str| value.pointer(path).and_then(Value::as_f64).map(|n| format!("{n:.0}%"));
    if let Some(model) = value.pointer("/model/display_name").and_then(Value::as_str) {
        parts.push(crate::output::cut(model, 30));
    }
    for (name, path) in [
        ("context", "/context_window/used_percentage"),
        ("5h", "/rate_limits/five_hour/used_percentage"),
        ("week", "/rate_limits/seven_day/used_percentage"),
    ] {
        parts.extend(percent(path).map(|p| format!("{name} {p}")));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_that_fills_up_asks_for_a_look() {
        let at = |n: f64| json!({"rate_limits":{"five_hour":{"used_percentage":n}}});
        assert!(!is_due(&at(10.0), &at(74.0)) && is_due(&at(74.0), &at(75.0)) && is_due(&Value::Null, &at(80.0)));
        assert!(!is_due(&at(80.0), &at(80.0)) && !is_due(&Value::Null, &Value::Null));
    }

    #[test]
    fn what_is_missing_is_left_out() {
        assert_eq!(line("a", &Value::Null), "a");
        let value = json!({"model":{"display_name":"Opus"},"rate_limits":{"five_hour":{"used_percentage":31.4}}});
        assert_eq!(line("a", &value), "a · Opus · 5h 31%");
    }
}
