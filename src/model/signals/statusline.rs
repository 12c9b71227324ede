//! The status line's `rate_limits`: pushed by every session after each turn, for nothing.
//!
//! Percent used, 0 to 100, resets in epoch seconds (client 2.1.80 and later). Absent for API keys and
//! before the first answer; each window may be absent on its own. After a failed turn the *old* object
//! is sent again, so the time of the file is only the latest at which it may have been true.

use jiff::Timestamp;
use serde_json::Value;

use super::time;
use crate::model::name::SessionName;
use crate::model::quota::{Signal, Source, Window};

/// Reads what a session pushed at a moment.
#[must_use]
pub fn read(value: &Value, at: Timestamp, session: &SessionName) -> Vec<Signal> {
    let Some(limits) = value.get("rate_limits").and_then(Value::as_object) else { return Vec::new() };
    limits
        .iter()
        .filter_map(|(word, limit)| {
            Some(Signal {
                at,
                source: Source::StatusLine,
                window: Some(Window::parse(word)?),
                percent: Some(limit.get("used_percentage")?.as_f64()?),
                resets_at: limit.get("resets_at").and_then(time),
                hit: false,
                session: Some(session.clone()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_windows_one_or_none() {
        let session = SessionName::new("p-0").unwrap();
        let at = Timestamp::from_second(1_789_041_300).unwrap();
        let read = |v: &Value| read(v, at, &session);
        // 2.1.197 and 2.1.330, recorded.
        let got = read(&json!({"session_id":"2222","version":"2.1.197","rate_limits":{
            "five_hour":{"used_percentage":63.5,"resets_at":1_789_050_600},
            "seven_day":{"used_percentage":100,"resets_at":1_789_462_800}}}));
        assert_eq!(got.len(), 2);
        assert_eq!((&got[0].window, got[0].percent), (&Some(Window::FiveHour), Some(63.5)));
        assert_eq!(got[1].resets_at.unwrap().as_second(), 1_789_462_800);
        // A gateway's spend limit is no window, a null is none, an API key has none at all.
        let odd = json!({"rate_limits":{"spend_limit":{"used_percentage":99},"five_hour":null,
            "seven_day":{"used_percentage":7,"resets_at":null}}});
        assert_eq!(read(&odd).iter().map(|s| (s.percent, s.resets_at)).collect::<Vec<_>>(), [(Some(7.0), None)]);
        for none in [json!({}), json!(null), json!([]), json!({"rate_limits":null}), json!({"rate_limits":7})] {
            assert!(read(&none).is_empty(), "{none}");
        }
    }
}
