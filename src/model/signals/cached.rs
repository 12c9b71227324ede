//! What the client keeps of its own usage in `.claude.json` (`cachedUsageUtilization`): written at
//! most every five minutes, and perhaps days old.

use serde_json::Value;

use super::{endpoint, time};
use crate::model::quota::{Signal, Source};

/// Reads an account's `.claude.json`. Only what belongs to the account that is logged in counts: the
/// file may be that of an earlier login.
#[must_use]
pub fn read(config: &Value) -> Vec<Signal> {
    let cached = &config["cachedUsageUtilization"];
    let of = cached["accountUuid"].as_str();
    if of.is_none() || of != config.pointer("/oauthAccount/accountUuid").and_then(Value::as_str) {
        return Vec::new();
    }
    let Some(at) = cached.get("fetchedAtMs").and_then(time) else { return Vec::new() };
    endpoint::windows(&cached["utilization"], at, Source::Cached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quota::Window;
    use serde_json::json;

    #[test]
    fn only_the_account_that_is_logged_in_counts() {
        let file = |of: &str| {
            json!({"oauthAccount":{"accountUuid":"a"},"cachedUsageUtilization":{"fetchedAtMs":1_789_041_300_000_i64,
                "accountUuid":of,"utilization":{"five_hour":{"utilization":42.0,"resets_at":"2026-09-10T14:30:00.000000+00:00"}}}})
        };
        let got = read(&file("a"));
        assert_eq!((got[0].percent, &got[0].window), (Some(42.0), &Some(Window::FiveHour)));
        assert_eq!(got[0].at.as_millisecond(), 1_789_041_300_000);
        assert!(read(&file("b")).is_empty());
        for none in [json!({}), json!(null), json!({"cachedUsageUtilization":{"utilization":{}}})] {
            assert!(read(&none).is_empty());
        }
    }
}
