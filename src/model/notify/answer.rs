//! What a target's answer means, and how long to wait after one that did not take the message.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::hash;

/// The longest pause of any kind.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken; what the target said.
    Sent(String),
    /// Not now. It is tried again.
    Later {
        /// After so long, if the target said so.
        after: Option<SignedDuration>,
        /// Why.
        why: String,
        /// Whether it may have arrived all the same.
        unsure: bool,
    },
    /// This message is not taken, however often it is sent.
    Refused {
        /// Why.
        why: String,
    },
    /// No message is taken: a secret, an address, a permission. It is tried again, at long intervals.
    Fault {
        /// Why.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl Outcome {
    /// Not now, and surely not arrived.
    #[must_use]
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { after: None, why: why.into(), unsure: false }
    }

    /// Nothing is taken.
    #[must_use]
    pub fn fault(why: impl Into<String>) -> Self {
        Self::Fault { why: why.into(), hint: None }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Sent(said) => said,
            Self::Later { why, .. } | Self::Refused { why } | Self::Fault { why, .. } => why,
        }
    }
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Telegram's bot API.
    Telegram,
    /// Resend's e-mail API.
    Resend,
    /// Anything that speaks HTTP.
    Other,
}

/// An answer over HTTP.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// Whether there was more of it, or should have been.
    pub cut: bool,
}

/// What an answer over HTTP means; `again` if an earlier try of the very same message may have arrived.
#[must_use]
pub fn judge(service: Service, answer: &Answer, again: bool, now: Timestamp) -> Outcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = words(&body, &answer.body);
    let why = match said.is_empty() {
        true => format!("it answered {}", answer.status),
        false => format!("it answered {}: {said}", answer.status),
    };
    let has = |words: &[&str]| words.iter().any(|w| said.to_lowercase().contains(w));
    match answer.status {
        200..=299 => match service {
            Service::Telegram | Service::Resend if answer.cut => {
                Outcome::Later { after: None, why: "its answer broke off".to_owned(), unsure: true }
            }
            // A portal of a hotel answers 200 as well.
            Service::Telegram if body["ok"] != true => Outcome::later("its answer is not Telegram's"),
            Service::Resend if !body["id"].is_string() => Outcome::later("its answer is not Resend's"),
            _ => Outcome::Sent(format!("it answered {}", answer.status)),
        },
        429 if has(&["quota"]) => {
            Outcome::Later { after: Some(SignedDuration::from_hours(1)), why, unsure: false }
        }
        408 | 425 | 429 | 500..=599 => {
            let header = answer.retry_after.as_deref().and_then(|text| wait(text, now));
            let inside = body["parameters"]["retry_after"].as_u64().and_then(|s| i64::try_from(s).ok());
            let after =
                header.or(inside.map(SignedDuration::from_secs)).map(|a| a.clamp(SignedDuration::ZERO, LONGEST));
            // A gateway that gave up waiting does not know what became of it.
            Outcome::Later { after, why, unsure: matches!(answer.status, 408 | 502 | 504) }
        }
        // The key was used for this message already: an earlier try had arrived.
        409 if service == Service::Resend && again && has(&["invalid_idempotent_request"]) => {
            Outcome::Sent("it had taken it already".to_owned())
        }
        409 if service == Service::Resend => Outcome::later(why),
        400 if service == Service::Telegram && body["parameters"]["migrate_to_chat_id"].is_number() => {
            let to = body["parameters"]["migrate_to_chat_id"].to_string();
            Outcome::Fault { why, hint: Some(format!("the group has another id now: set `chat: \"{to}\"`")) }
        }
        400 if service == Service::Telegram
            && has(&["chat not found", "chat_id", "thread not found", "upgraded"]) =>
        {
            Outcome::Fault {
                why,
                hint: Some("write to the bot once, or put it into the group; then check `chat`".to_owned()),
            }
        }
        400 | 409 | 411..=417 | 421..=424 | 426 | 428 | 431 | 451 => Outcome::Refused { why },
        401 | 403 | 407 => {
            Outcome::Fault { why, hint: Some("look at its secret and what that may do".to_owned()) }
        }
        404 | 405 | 410 => Outcome::Fault { why, hint: Some("look at its address, and at its secret".to_owned()) },
        300..=399 => Outcome::Fault { why, hint: Some("it sends elsewhere: configure that address".to_owned()) },
        _ => Outcome::fault(why),
    }
}

/// What the target says of it, in its own words: short, on one line.
fn words(body: &Value, bytes: &[u8]) -> String {
    let field = |key: &str| body[key].as_str();
    let text = match (field("name"), field("description").or_else(|| field("message")).or_else(|| field("error")))
    {
        (Some(name), Some(text)) => format!("{name}: {text}"),
        (None, Some(text)) => text.to_owned(),
        (Some(name), None) => name.to_owned(),
        (None, None) if body.is_object() || body.is_array() => String::new(),
        // A page of HTML says nothing; a word or two in plain text does.
        (None, None) if bytes.len() > 200 || bytes.starts_with(b"<") => String::new(),
        (None, None) => String::from_utf8_lossy(bytes).trim().to_owned(),
    };
    super::text::line(&text, 200)
}

/// What `Retry-After` asks for: seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<SignedDuration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(SignedDuration::from_secs(seconds.into()));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(date.timestamp().duration_since(now))
}

/// The pause after so many tries in a row that did not arrive: doubled each time, up to an hour, a fifth more or
/// less so that many machines do not come back at once. What the target asks for is the least.
#[must_use]
pub fn backoff(failures: u32, after: Option<SignedDuration>, fault: bool, seed: &str) -> SignedDuration {
    let first: i64 = if fault { 300 } else { 30 };
    let seconds = first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(3600);
    let percent = 80 + i64::try_from(hash(&[seed, &failures.to_string()]) % 41).unwrap_or(20);
    let pause = SignedDuration::from_millis(seconds * 10 * percent);
    match after {
        // A moment more than was asked for; what is as good as nothing, or in the past, was not meant so.
        Some(after) if after >= SignedDuration::from_secs(30) => {
            (after + SignedDuration::from_millis(10 * percent)).min(LONGEST)
        }
        Some(after) => pause.max(after),
        None => pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(service: Service, status: u16, body: &str) -> Outcome {
        let now = Timestamp::from_second(0).unwrap();
        judge(service, &Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() }, false, now)
    }

    fn short(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Sent(_) => "sent".to_owned(),
            Outcome::Later { after, unsure, .. } => {
                format!("later {}{}", after.map_or(-1, |a| a.as_secs()), if *unsure { " unsure" } else { "" })
            }
            Outcome::Refused { .. } => "refused".to_owned(),
            Outcome::Fault { .. } => "fault".to_owned(),
        }
    }

    #[test]
    fn answers_mean_what_they_mean() {
        use Service::{Other, Resend, Telegram};
        for (service, status, body, want) in [
            (Telegram, 200, r#"{"ok":true,"result":{}}"#, "sent"),
            (Telegram, 200, "<html>Log in to our wifi", "later -1"),
            (
                Telegram,
                429,
                r#"{"ok":false,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
                "later 7",
            ),
            (Telegram, 400, r#"{"ok":false,"description":"Bad Request: chat not found"}"#, "fault"),
            (Telegram, 400, r#"{"ok":false,"description":"Bad Request: message is too long"}"#, "refused"),
            (Telegram, 401, r#"{"ok":false,"description":"Unauthorized"}"#, "fault"),
            (Telegram, 404, r#"{"ok":false,"description":"Not Found"}"#, "fault"),
            (Resend, 200, r#"{"id":"x"}"#, "sent"),
            (Resend, 200, "{}", "later -1"),
            (Resend, 409, r#"{"name":"invalid_idempotent_request","message":"Same key"}"#, "later -1"),
            (Resend, 409, r#"{"name":"concurrent_idempotent_requests","message":"Wait"}"#, "later -1"),
            (Resend, 422, r#"{"name":"validation_error","message":"Invalid `to`"}"#, "refused"),
            (Resend, 429, r#"{"name":"daily_quota_exceeded","message":"daily quota"}"#, "later 3600"),
            (Other, 204, "", "sent"),
            (Other, 302, "", "fault"),
            (Other, 503, "", "later -1"),
            (Other, 504, "", "later -1 unsure"),
            (Other, 413, "", "refused"),
            (Other, 418, "", "fault"),
        ] {
            assert_eq!(short(&judged(service, status, body)), want, "{service:?} {status} {body}");
        }
        let words = judged(Other, 500, "no\nroom\u{7}");
        assert_eq!(words.words(), "it answered 500: no room");
        assert_eq!(judged(Other, 500, "<html>…").words(), "it answered 500");
    }

    #[test]
    fn a_key_that_was_used_means_arrived_only_if_a_try_went_before_and_half_an_answer_nothing() {
        let of = |service, status, body: &str, again, cut| {
            let answer = Answer { status, body: body.as_bytes().to_vec(), cut, ..Answer::default() };
            short(&judge(service, &answer, again, Timestamp::UNIX_EPOCH))
        };
        let used = r#"{"name":"invalid_idempotent_request"}"#;
        assert_eq!(of(Service::Resend, 409, used, true, false), "sent");
        assert_eq!(of(Service::Resend, 409, used, false, false), "later -1");
        for service in [Service::Resend, Service::Telegram] {
            assert_eq!(of(service, 200, r#"{"ok":tr"#, false, true), "later -1 unsure");
        }
        assert_eq!(of(Service::Other, 200, "th", false, true), "sent", "its status says all");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let of = |text: &str| {
            let answer = Answer { status: 429, retry_after: Some(text.to_owned()), ..Answer::default() };
            short(&judge(Service::Other, &answer, false, now))
        };
        assert_eq!(of("12"), "later 12");
        assert_eq!(of("Wed, 25 Nov 2026 10:01:30 GMT"), "later 90");
        assert_eq!(of("Wed, 25 Nov 2026 09:00:00 GMT"), "later 0");
        assert_eq!(of("99999999"), "later 86400");
        assert_eq!(of("soon"), "later -1");
    }

    proptest! {
        #[test]
        fn pauses_grow_to_an_hour_and_no_longer(failures in 1_u32..2000, fault in any::<bool>(), seed in ".{0,20}") {
            let pause = backoff(failures, None, fault, &seed);
            prop_assert!(pause >= SignedDuration::from_secs(24));
            prop_assert!(pause <= SignedDuration::from_mins(72));
            // Twice as long, a fifth more or less: never shorter than the one before.
            let next = backoff(failures + 1, None, fault, &seed);
            let before = 30_i64.saturating_mul(1 << failures.min(10));
            if !fault && before <= 3600 {
                prop_assert!(next > pause, "{pause:?} {next:?}");
            }
        }

        #[test]
        fn what_is_asked_for_is_the_least(seconds in 0_i64..80_000, failures in 1_u32..50) {
            let after = SignedDuration::from_secs(seconds);
            let pause = backoff(failures, Some(after), false, "x");
            prop_assert!(pause >= after);
            prop_assert!(seconds < 30 || pause <= after + SignedDuration::from_secs(3));
            // Of a target that asks for nothing the usual pause holds.
            prop_assert!(seconds >= 30 || pause >= backoff(failures, None, false, "x"));
        }
    }
}
