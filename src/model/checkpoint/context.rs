//! The size of a session's context, as its status line tells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How full the context of a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Tokens in it.
    pub tokens: u64,
    /// Tokens that it can hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Per cent used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
}

impl Context {
    /// Reads what a status line was given; none before the first answer.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let window = value.get("context_window")?;
        let usage = window.get("current_usage").filter(|usage| usage.is_object());
        let count = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
        // What the last question held; the totals of the session are more than its context.
        let now = usage.map(|usage| {
            ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
                .iter()
                .filter_map(|key| count(usage, key))
                .sum()
        });
        let percent = window.get("used_percentage").and_then(Value::as_f64);
        Some(Self {
            tokens: now.or_else(|| count(window, "total_input_tokens"))?,
            size: count(window, "context_window_size"),
            percent: percent.map(|p| p.round().clamp(0.0, 100.0) as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_status_line_says_and_leaves_out() {
        let window = |value: Value| Context::read(&json!({ "context_window": value }));
        let usage =
            json!({ "input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100 });
        assert_eq!(
            window(json!({"total_input_tokens": 9000, "context_window_size": 200_000, "current_usage": usage,
                "used_percentage": 61.6})),
            Some(Context { tokens: 123, size: Some(200_000), percent: Some(62) })
        );
        assert_eq!(
            window(json!({"total_input_tokens": 1823, "current_usage": null, "used_percentage": null})),
            Some(Context { tokens: 1823, size: None, percent: None })
        );
        assert_eq!(window(json!({"current_usage": "x", "used_percentage": "much"})), None);
        assert_eq!(Context::read(&Value::Null), None);
    }
}
