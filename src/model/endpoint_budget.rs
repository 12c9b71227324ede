//! How often the usage endpoint may be asked for one account. Measured by others: about 28 questions an
//! hour are answered, shared with the client's own; after that the account is blocked for up to an hour,
//! whoever asks. So: few, spread, and never in vain.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The most questions in an hour.
pub const MOST: usize = 20;

/// What was asked, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointBudget {
    /// The questions of the last hour, oldest first; noted before they are asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Timestamp>,
    /// None before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whether a change of the login lifts that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub for_this_login: bool,
    /// When the last answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// When it last refused because there were too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Timestamp>,
    /// Good answers since then.
    pub since: u32,
    /// What went wrong the last time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// How much an account's usage matters now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Sessions run on it.
    Active,
    /// It may be chosen.
    Candidate,
    /// It is full: nothing changes before its reset.
    Exhausted,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Good,
    /// Too many (429), with the wait that it asks for.
    TooMany(Option<u64>),
    /// The login is not accepted (401) or has no scope for it (403).
    Refused(u16),
    /// Anything else: the service, the network, an answer that is none.
    Failed(String),
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl EndpointBudget {
    /// Why it is not asked now; `None` if it may be. `age` is that of the newest reading.
    #[must_use]
    pub fn blocked(
        &self,
        now: Timestamp,
        interest: Interest,
        age: Option<SignedDuration>,
        login_changed: Option<Timestamp>,
        name: &str,
    ) -> Option<String> {
        let hour = SignedDuration::from_hours(1);
        // A time in the future is of a clock that went back: it blocks no longer than it ever could.
        if let Some(until) = self.not_before
            && now < until
            && until.duration_since(now) <= SignedDuration::from_secs(CAP)
            && !(self.for_this_login && login_changed > self.answered)
        {
            return Some(format!("not before {until}: {}", self.error));
        }
        let recent = |at: &&Timestamp| (SignedDuration::ZERO..hour).contains(&now.duration_since(**at));
        if self.calls.iter().filter(recent).count() >= MOST {
            return Some(format!("asked {MOST} times in the last hour"));
        }
        let pace = self.pace(now, interest, name);
        let last = self.calls.iter().rfind(recent).map(|at| now.duration_since(*at));
        // A session has told it for nothing a moment ago.
        let known = age.filter(|age| *age < 3 * MINUTE);
        match last.filter(|last| *last < pace) {
            Some(last) => Some(format!("asked {}s ago, every {}s is enough", last.as_secs(), pace.as_secs())),
            None if known.is_some() => Some("known well enough".to_owned()),
            None => None,
        }
    }

    /// The time between two questions.
    fn pace(&self, now: Timestamp, interest: Interest, name: &str) -> SignedDuration {
        let usual = match interest {
            Interest::Active => 240.0,
            Interest::Candidate => 450.0,
            Interest::Exhausted => 660.0,
        };
        let hour = SignedDuration::from_hours(1);
        let careful = self.refused.is_some_and(|at| now.duration_since(at) < hour);
        let floor =
            if careful { (360.0 * 1.5_f64.powi(self.since.min(8).cast_signed())).min(1800.0) } else { 0.0 };
        // Ten per cent either way, by the name and the count: several accounts do not ask in step.
        let seed = name.bytes().fold(self.calls.len() + 7, |n, b| (n * 31 + usize::from(b)) % 9973);
        #[expect(clippy::cast_precision_loss, reason = "below ten thousand")]
        let jitter = 0.9 + 0.2 * (seed as f64 / 9973.0);
        SignedDuration::try_from_secs_f64(f64::max(usual, floor) * jitter).unwrap_or(hour)
    }

    /// Notes a question, before it is asked: a run that is killed has asked all the same.
    pub fn asks(&mut self, now: Timestamp) {
        let hour = SignedDuration::from_hours(1);
        self.calls.retain(|at| (SignedDuration::ZERO..hour).contains(&now.duration_since(*at)));
        self.calls.push(now);
    }

    /// Notes what came of it.
    pub fn answered(&mut self, now: Timestamp, outcome: &Outcome) {
        self.answered = Some(now);
        self.for_this_login = matches!(outcome, Outcome::Refused(_));
        let wait = match outcome {
            Outcome::Good => {
                self.since += 1;
                (self.not_before, self.error) = (None, String::new());
                return;
            }
            // Most blocks that had lapsed were followed by another within a quarter of an hour.
            Outcome::TooMany(wait) => {
                (self.refused, self.since) = (Some(now), 0);
                self.error = "too many questions (429)".to_owned();
                wait.filter(|w| *w > 0).map_or(300, |w| i64::try_from(w).unwrap_or(CAP).saturating_add(900))
            }
            Outcome::Refused(status) => {
                self.error = format!("the login was not accepted ({status})");
                CAP
            }
            Outcome::Failed(why) => {
                self.error.clone_from(why);
                120
            }
        };
        self.not_before = now.checked_add(SignedDuration::from_secs(wait.min(CAP))).ok();
    }
}

/// The longest that one answer keeps us from asking, in seconds.
const CAP: i64 = 4500;

#[cfg(test)]
mod tests {
    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn free(b: &EndpointBudget, at: i64, interest: Interest) -> bool {
        b.blocked(t(at), interest, None, None, "main").is_none()
    }

    #[test]
    fn never_more_than_twenty_in_an_hour() {
        let mut b = EndpointBudget::default();
        let mut asked = Vec::new();
        for second in 0..4 * 3600 {
            if free(&b, second, Interest::Active) {
                b.asks(t(second));
                b.answered(t(second), &Outcome::Good);
                asked.push(second);
            }
        }
        let worst =
            asked.iter().map(|from| asked.iter().filter(|a| (*from..from + 3600).contains(a)).count()).max();
        assert!(worst.is_some_and(|n| (12..=MOST).contains(&n)), "{worst:?}");
        assert!(asked.windows(2).all(|w| w[1] - w[0] >= 180));
    }

    #[test]
    fn answers_are_obeyed() {
        let after = |outcome: Outcome| {
            let mut b = EndpointBudget::default();
            b.asks(t(0));
            b.answered(t(0), &outcome);
            let at = (0..6000).find(|s| free(&b, *s, Interest::Active)).unwrap();
            (b, at)
        };
        assert_eq!(after(Outcome::TooMany(Some(0))).1.max(300), after(Outcome::TooMany(None)).1);
        assert_eq!(after(Outcome::TooMany(Some(1022))).1, 1922);
        assert_eq!(after(Outcome::TooMany(Some(3600))).1, 4500);
        let (refused, at) = after(Outcome::Refused(403));
        assert_eq!(at, 4500);
        assert!(refused.blocked(t(600), Interest::Active, None, Some(t(5)), "main").is_none());
        assert!((200..300).contains(&after(Outcome::Failed("x".into())).1));
        let (mut b, _) = after(Outcome::TooMany(Some(1)));
        assert!(free(&b, 901, Interest::Active) && b.error.contains("429"));
        b.asks(t(901));
        b.answered(t(901), &Outcome::Good);
        assert!(!free(&b, 901 + 400, Interest::Active), "slower for an hour");
        // A clock that went back a year.
        assert!(b.blocked(t(-31_000_000), Interest::Active, None, None, "main").is_none());
    }

    #[test]
    fn what_a_session_has_just_told_is_not_asked() {
        let b = EndpointBudget::default();
        let age = |s| Some(SignedDuration::from_secs(s));
        assert!(b.blocked(t(0), Interest::Active, age(60), None, "a").is_some());
        assert!(b.blocked(t(0), Interest::Active, age(600), None, "a").is_none());
    }
}
