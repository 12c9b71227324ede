//! The limit's record in a transcript: the window and its end, where the client writes them (2.1.3xx).
//!
//! Only the latest turn of the main conversation counts, and only what is newer than the launch of the
//! client that wrote it: a transcript names no account, and a turn that was under way at a switch
//! writes its limit after it.

use jiff::Timestamp;
use serde_json::Value;

use super::time;
use crate::model::name::SessionName;
use crate::model::quota::{Signal, Source, Window};

/// The longest line that is read, in bytes: `/compact` writes lines of megabytes.
pub const MAX_LINE: usize = 1 << 20;

/// Reads the end of a transcript (whole lines, oldest first). `since` is the launch of its client.
#[must_use]
pub fn read(tail: &[u8], since: Timestamp, now: Timestamp, session: &SessionName) -> Option<Signal> {
    for line in tail.rsplit(|b| *b == b'\n').filter(|l| !l.is_empty() && l.len() <= MAX_LINE) {
        // The first line of a tail may be torn, and the last one too: neither parses.
        let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
        if value["type"] != "assistant" || value["isSidechain"] == true {
            continue;
        }
        let at = value.get("timestamp").and_then(time)?;
        // The latest turn decides: a good one after a limit clears it.
        if at < since || at > now || value["isApiErrorMessage"] != true {
            return None;
        }
        if value["apiErrorStatus"] != 429 || value["error"] != "rate_limit" {
            return None;
        }
        let limits = value.get("quotaLimits").or_else(|| value.pointer("/apiErrorParams/rate_limit_info"))?;
        if limits["status"] != "rejected" {
            return None;
        }
        // A spend cap comes as `five_hour` with the reason beside it; waiting does not end it.
        let spent = limits["overageDisabledReason"] == "org_spend_cap_reached";
        let window = Window::parse(limits["rateLimitType"].as_str()?).filter(|_| !spent)?;
        return Some(Signal {
            at,
            source: Source::Transcript,
            window: Some(window),
            percent: Some(100.0),
            resets_at: limits.get("resetsAt").and_then(time),
            hit: true,
            session: Some(session.clone()),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = r#"{"type":"assistant","timestamp":"2026-09-10T12:00:00.000Z","isSidechain":false,"message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your 5-hour limit · resets 10am (UTC)"}]},"apiError":"usage_limit_reached","quotaLimits":{"status":"rejected","resetsAt":1789050600,"rateLimitType":"five_hour","overageStatus":"rejected","overageDisabledReason":"org_level_disabled"},"error":"rate_limit","isApiErrorMessage":true,"apiErrorStatus":429}"#;
    const OLD: &str = r#"{"type":"assistant","timestamp":"2026-09-10T12:00:00.000Z","message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your session limit · resets 9am (UTC)"}]},"error":"rate_limit","isApiErrorMessage":true,"apiErrorStatus":429}"#;
    const GOOD: &str = r#"{"type":"assistant","timestamp":"2026-09-10T12:05:00.000Z","message":{"content":[{"type":"text","text":"You've hit your 5-hour limit, it says: quotaLimits rejected"}]}}"#;
    const AGENT: &str = r#"{"type":"assistant","timestamp":"2026-09-10T12:05:00.000Z","isSidechain":true,"message":{"content":[]}}"#;

    fn got(lines: &[&str], since: &str) -> Option<Signal> {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let tail = lines.join("\n");
        read(tail.as_bytes(), at(since), at("2026-09-10T12:30:00Z"), &SessionName::new("p-0").unwrap())
    }

    const BEFORE: &str = "2026-09-10T11:00:00Z";

    #[test]
    fn the_new_client_names_window_and_end() {
        let signal = got(&["torn {", NEW, AGENT, r#"{"type":"system"}"#, "{\"torn"], BEFORE).unwrap();
        assert_eq!(
            (signal.window, signal.resets_at.unwrap().as_second()),
            (Some(Window::FiveHour), 1_789_050_600)
        );
        assert!(got(&[&NEW.replace("1789050600", "1789050600000")], BEFORE).unwrap().resets_at.is_some());
    }

    #[test]
    fn nothing_else_is_a_limit() {
        assert_eq!(got(&[OLD], BEFORE), None, "the old client names neither: its hook and status line do");
        assert_eq!(got(&[NEW, GOOD], BEFORE), None, "a good turn after it");
        assert_eq!(got(&[NEW], "2026-09-10T12:10:00Z"), None, "of an earlier client, under another account");
        assert_eq!(got(&[&NEW.replace("429", "529")], BEFORE), None);
        assert_eq!(got(&[&NEW.replace("\"rejected\",\"resetsAt\"", "\"allowed\",\"resetsAt\"")], BEFORE), None);
        assert_eq!(got(&[&NEW.replace("org_level_disabled", "org_spend_cap_reached")], BEFORE), None);
        assert_eq!(got(&[&NEW.replace("2026-09-10T12:00", "2026-09-11T12:00")], BEFORE), None, "the future");
        assert_eq!(got(&[], BEFORE), None);
        let long = format!("{}{}", NEW.replace('}', ""), "x".repeat(MAX_LINE));
        assert_eq!(got(&[&long], BEFORE), None);
    }
}
