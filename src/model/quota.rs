//! Usage of an account: windows, readings of them, and what a new signal makes of an old reading.
//!
//! A percentage is what was *used*, 0 to 100 and now and then a little more. A reading dies at its
//! `resets_at`; after that the window is unknown, which is neither 0 nor 100.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

use super::name::SessionName;

/// A span over which the service counts usage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The five hours that begin with the first message.
    FiveHour,
    /// The week.
    SevenDay,
    /// A week of its own for one model, by the model's name in lower case.
    Model(String),
}

impl Window {
    /// How long it lasts.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        match self {
            Self::FiveHour => SignedDuration::from_hours(5),
            Self::SevenDay | Self::Model(_) => SignedDuration::from_hours(7 * 24),
        }
    }

    /// Whether a full one stops the whole account, and not only one model.
    #[must_use]
    pub fn binds_account(&self) -> bool {
        !matches!(self, Self::Model(_))
    }

    /// Reads the words of the service: `five_hour`, `seven_day`, `seven_day_opus`; `None` for one that
    /// is no window of the plan (`overage`, a surface, a name not heard of).
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "five_hour" | "session" => Some(Self::FiveHour),
            "seven_day" | "weekly_all" => Some(Self::SevenDay),
            "seven_day_opus" => Some(Self::Model("opus".to_owned())),
            "seven_day_sonnet" => Some(Self::Model("sonnet".to_owned())),
            _ => {
                let name = word.strip_prefix("model:")?;
                let fits = |b: u8| b.is_ascii_alphanumeric() || b"._- ".contains(&b);
                (!name.is_empty() && name.len() <= 40 && name.bytes().all(fits))
                    .then(|| Self::Model(name.to_owned()))
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FiveHour => f.pad("five_hour"),
            Self::SevenDay => f.pad("seven_day"),
            Self::Model(name) => f.pad(&format!("model:{name}")),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let word = String::deserialize(d)?;
        Self::parse(&word).ok_or_else(|| serde::de::Error::custom(format!("not a usage window: `{word}`")))
    }
}

/// Who says it, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The status line that a session pushes after each turn.
    StatusLine,
    /// The hook that reports a failed turn.
    Failure,
    /// The limit's record in a transcript.
    Transcript,
    /// What the client keeps in its home.
    Cached,
    /// The service's own answer.
    Endpoint,
    /// The screen of a session. Weak: it shows what anybody wrote.
    Pane,
}

impl Source {
    /// Whether one sighting of it may decide anything.
    #[must_use]
    pub fn is_strong(self) -> bool {
        self != Self::Pane
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::StatusLine => "status line",
            Self::Failure => "failed turn",
            Self::Transcript => "transcript",
            Self::Cached => "client's cache",
            Self::Endpoint => "usage endpoint",
            Self::Pane => "screen",
        })
    }
}

/// One observation about the usage of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// When the value was true, as far as its source says: never later than it was seen.
    pub at: Timestamp,
    /// Who says it.
    pub source: Source,
    /// The window; `None` for a limit that was hit and does not say which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Percent used; `None` if only the limit is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// When the window ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Timestamp>,
    /// Whether a turn was refused because of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hit: bool,
    /// The session that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionName>,
}

/// The newest that is known of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Percent used.
    pub percent: f64,
    /// When the window ends.
    pub resets_at: Timestamp,
    /// When that was true.
    pub at: Timestamp,
    /// Who said it.
    pub source: Source,
}

impl Reading {
    /// Whether it still says something.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.resets_at
    }

    /// How old it is; a clock that went back makes nothing younger than new.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.at).max(SignedDuration::ZERO)
    }
}

/// Every window of an account of which something is known.
pub type Readings = BTreeMap<Window, Reading>;

/// Two reset times of the same window differ by rounding, and by a little drift between servers.
const SAME_RESET: SignedDuration = SignedDuration::from_mins(5);

/// Why a signal was not taken as a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It names no window, or gives no percentage.
    NoValue,
    /// Its window is over: what it says is of an earlier one.
    Over,
    /// Nothing used and no end: a window that has not begun, or, since a while, a busy one.
    NotBegun,
    /// Its end lies further away than the window is long, or its value is none.
    Nonsense,
    /// A newer or a later reading is known.
    Older,
}

/// Takes a signal into the readings, or says why not.
///
/// Within one window usage only grows, and each session repeats the last that it has heard: from
/// status lines the highest value of a window counts. The endpoint's newest value replaces.
///
/// # Errors
/// Says why it was ignored; the readings are then as they were.
pub fn take(readings: &mut Readings, signal: &Signal, now: Timestamp) -> Result<(), Ignored> {
    let (Some(window), Some(percent)) = (&signal.window, signal.percent) else { return Err(Ignored::NoValue) };
    if !percent.is_finite() || !(0.0..=200.0).contains(&percent) {
        return Err(Ignored::Nonsense);
    }
    let Some(resets_at) = signal.resets_at else { return Err(Ignored::NotBegun) };
    if resets_at <= now {
        return Err(Ignored::Over);
    }
    if resets_at.duration_since(now) > window.length() + SignedDuration::from_hours(1) {
        return Err(Ignored::Nonsense);
    }
    let new = Reading { percent, resets_at, at: signal.at.min(now), source: signal.source };
    if let Some(old) = readings.get(window).filter(|old| old.is_alive(now)) {
        let apart = new.resets_at.duration_since(old.resets_at);
        if apart < -SAME_RESET {
            return Err(Ignored::Older);
        }
        let same_window = apart <= SAME_RESET;
        let repeats = signal.source == Source::StatusLine && new.percent < old.percent;
        if same_window && (new.at < old.at || (repeats && old.source != Source::Endpoint)) {
            return Err(Ignored::Older);
        }
        // A session's old word after the endpoint's newer one: lower means that it is older.
        if same_window && repeats && new.percent < old.percent - LAG {
            return Err(Ignored::Older);
        }
    }
    readings.insert(window.clone(), new);
    Ok(())
}

/// By how much the endpoint's number may lag behind the truth, in points.
pub const LAG: f64 = 5.0;

/// A limit that was hit: the service refused a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// When.
    pub at: Timestamp,
    /// When it is over; `None` if nothing has said so yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who said it.
    pub source: Source,
}

/// How long a limit without an end is believed before it is tried again.
pub const BLIND: SignedDuration = SignedDuration::from_mins(30);

/// How long after a reset the account is tried again.
pub const MARGIN: SignedDuration = SignedDuration::from_mins(1);

impl Limit {
    /// When the account (or the model) can be tried again: a moment after the reset, since the
    /// service's clock is not ours.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        let (from, wait) = self.until.map_or((self.at, BLIND), |until| (until, MARGIN));
        from.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// Whether it still holds. One that began in the future (the clock went back) holds no longer
    /// than a window is long.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.ends() && self.ends().duration_since(now) <= SignedDuration::from_hours(8 * 24)
    }
}

/// Bar of a percentage, ten cells wide.
#[must_use]
pub fn bar(percent: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 10")]
    let full = (percent.clamp(0.0, 100.0) / 10.0).round() as usize;
    "█".repeat(full) + &"░".repeat(10 - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn signal(source: Source, at: i64, percent: f64, resets: i64) -> Signal {
        Signal {
            at: t(at),
            source,
            window: Some(Window::FiveHour),
            percent: Some(percent),
            resets_at: Some(t(resets)),
            hit: false,
            session: None,
        }
    }

    fn percent(r: &Readings) -> Option<f64> {
        r.get(&Window::FiveHour).map(|r| r.percent)
    }

    #[test]
    fn the_highest_of_a_window_counts_and_a_new_window_begins_anew() {
        let mut r = Readings::new();
        take(&mut r, &signal(Source::StatusLine, 0, 40.0, 200), t(0)).unwrap();
        // Another session repeats what it heard an hour ago.
        assert_eq!(take(&mut r, &signal(Source::StatusLine, 1, 31.0, 200), t(1)), Err(Ignored::Older));
        take(&mut r, &signal(Source::StatusLine, 2, 41.0, 201), t(2)).unwrap();
        assert_eq!(percent(&r), Some(41.0));
        // After the reset a session still repeats the old window.
        take(&mut r, &signal(Source::StatusLine, 210, 3.0, 500), t(210)).unwrap();
        assert_eq!(take(&mut r, &signal(Source::StatusLine, 211, 99.0, 200), t(211)), Err(Ignored::Over));
        assert_eq!(percent(&r), Some(3.0));
        assert_eq!(take(&mut r, &signal(Source::Cached, 211, 50.0, 400), t(211)), Err(Ignored::Older));
    }

    #[test]
    fn the_endpoint_corrects_and_an_older_word_does_not() {
        let mut r = Readings::new();
        take(&mut r, &signal(Source::StatusLine, 0, 60.0, 200), t(0)).unwrap();
        take(&mut r, &signal(Source::Endpoint, 5, 57.0, 200), t(5)).unwrap();
        assert_eq!(percent(&r), Some(57.0));
        assert_eq!(take(&mut r, &signal(Source::StatusLine, 6, 40.0, 200), t(6)), Err(Ignored::Older));
        take(&mut r, &signal(Source::StatusLine, 7, 56.0, 200), t(7)).unwrap();
        assert_eq!(take(&mut r, &signal(Source::Endpoint, 3, 90.0, 200), t(8)), Err(Ignored::Older));
    }

    #[test]
    fn what_is_no_reading_is_ignored_with_its_reason() {
        let mut r = Readings::new();
        let plain = signal(Source::Endpoint, 0, 10.0, 200);
        for (change, why) in [
            (Signal { window: None, ..plain.clone() }, Ignored::NoValue),
            (Signal { percent: None, hit: true, ..plain.clone() }, Ignored::NoValue),
            (Signal { percent: Some(f64::NAN), ..plain.clone() }, Ignored::Nonsense),
            (Signal { percent: Some(-1.0), ..plain.clone() }, Ignored::Nonsense),
            (Signal { percent: Some(0.0), resets_at: None, ..plain.clone() }, Ignored::NotBegun),
            (Signal { resets_at: Some(t(-1)), ..plain.clone() }, Ignored::Over),
            (Signal { resets_at: Some(t(7 * 60)), ..plain.clone() }, Ignored::Nonsense),
        ] {
            assert_eq!(take(&mut r, &change, t(0)), Err(why), "{change:?}");
        }
        assert!(r.is_empty());
        take(&mut r, &Signal { percent: Some(105.0), ..plain }, t(0)).unwrap();
    }

    #[test]
    fn a_limit_ends_at_its_reset_or_after_half_an_hour() {
        let limit = Limit { at: t(0), until: Some(t(100)), source: Source::Transcript };
        assert!(limit.holds(t(100)) && !limit.holds(t(101)));
        let blind = Limit { until: None, ..limit };
        assert!(blind.holds(t(29)) && !blind.holds(t(30)));
        assert!(!blind.holds(t(-60 * 24 * 30)), "the clock went back by a month");
    }

    #[test]
    fn windows_have_words() {
        for word in ["five_hour", "seven_day", "model:fable", "model:opus"] {
            assert_eq!(Window::parse(word).unwrap().to_string(), word);
        }
        for word in ["overage", "seven_day_overage_included", "model:", "model:$(id)", "iguana_necktie", ""] {
            assert_eq!(Window::parse(word), None, "{word}");
        }
        assert_eq!((bar(0.0), bar(47.0)), ("░".repeat(10), "█████░░░░░".to_owned()));
    }
}
