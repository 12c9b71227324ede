//! How fast a window fills, and when it will cross a threshold: a straight line through the recent
//! readings of one window, with its uncertainty. Pure arithmetic; the decision uses the early bound.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::quota::{Reading, Signal, Window};

/// One point of the history of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Percent used.
    pub percent: f64,
}

/// How a window goes on, as far as its history tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Points per hour.
    pub rate: f64,
    /// The rate is within so much of that in nine cases of ten.
    pub spread: f64,
    /// Percent used now: the last reading, carried on at that rate.
    pub now: f64,
    /// How many readings it rests on.
    pub points: usize,
}

/// How far back a history tells something of the present.
#[must_use]
pub fn memory(window: &Window) -> SignedDuration {
    match window {
        Window::FiveHour => SignedDuration::from_mins(45),
        Window::SevenDay | Window::Model(_) => SignedDuration::from_hours(12),
    }
}

/// The points of a window's present span: what belongs to an earlier reset, or lies too far back, is
/// left out. Only rises are kept, since a session may repeat an older value.
#[must_use]
pub fn points(history: &[Signal], window: &Window, reading: &Reading, now: Timestamp) -> Vec<Point> {
    // Counted from the last word: when signals vanish, the window fills on as before, and does not stop.
    let since = reading.at.min(now).checked_sub(memory(window)).unwrap_or(Timestamp::MIN);
    points_since(history, window, reading, since, now)
}

/// … however far back they lie, from a moment on.
#[must_use]
pub fn points_since(
    history: &[Signal],
    window: &Window,
    reading: &Reading,
    since: Timestamp,
    now: Timestamp,
) -> Vec<Point> {
    let mut found: Vec<Point> = history
        .iter()
        .filter(|s| s.window.as_ref() == Some(window) && s.at >= since && s.at <= now)
        .filter(|s| {
            let apart = s.resets_at.map(|r| r.duration_since(reading.resets_at).abs());
            apart.is_some_and(|apart| apart <= SignedDuration::from_mins(5))
        })
        .filter_map(|s| Some(Point { at: s.at, percent: s.percent? }))
        .collect();
    found.push(Point { at: reading.at, percent: reading.percent });
    found.sort_by_key(|p| p.at);
    let mut high = f64::MIN;
    found.retain(|p| {
        let rises = p.percent >= high;
        high = high.max(p.percent);
        rises
    });
    found
}

/// The line through the points; `None` if there are too few, or they lie too near to one another.
#[must_use]
pub fn forecast(points: &[Point], reading: &Reading, now: Timestamp) -> Option<Forecast> {
    let (first, last) = (points.first()?, points.last()?);
    let hours = |at: Timestamp| at.duration_since(first.at).as_secs_f64() / 3600.0;
    // Readings are whole points: a minute apart they say nothing of a rate.
    if points.len() < 3 || hours(last.at) < 3.0 / 60.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred points")]
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| hours(p.at)).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.percent).sum::<f64>() / n;
    let sxx = points.iter().map(|p| (hours(p.at) - mean_x).powi(2)).sum::<f64>();
    let sxy = points.iter().map(|p| (hours(p.at) - mean_x) * (p.percent - mean_y)).sum::<f64>();
    if sxx <= f64::EPSILON {
        return None;
    }
    let rate = (sxy / sxx).max(0.0);
    let rest = points.iter().map(|p| (p.percent - mean_y - rate * (hours(p.at) - mean_x)).powi(2)).sum::<f64>();
    // The values are rounded to a point, which alone spreads them by a third of one.
    let variance = (rest / (n - 2.0).max(1.0)).max(1.0 / 12.0);
    let spread = 1.64 * (variance / sxx).sqrt();
    let ahead = now.duration_since(reading.at).as_secs_f64().max(0.0) / 3600.0;
    Some(Forecast { rate, spread, now: reading.percent + rate * ahead, points: points.len() })
}

/// When a threshold is crossed: soonest, most likely and latest. `None` where the line never gets
/// there within a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Crossing {
    /// At the highest rate that is likely.
    pub soonest: Option<SignedDuration>,
    /// At the rate itself.
    pub likely: Option<SignedDuration>,
    /// At the lowest rate that is likely.
    pub latest: Option<SignedDuration>,
}

impl Forecast {
    /// The time until a threshold is reached; nothing is left if it is reached already.
    #[must_use]
    pub fn crossing(&self, threshold: f64) -> Crossing {
        let left = threshold - self.now;
        let at = |rate: f64| {
            if left <= 0.0 {
                return Some(SignedDuration::ZERO);
            }
            let hours = left / rate;
            (rate > 0.0 && hours <= 168.0)
                .then(|| SignedDuration::try_from_secs_f64(hours * 3600.0).ok())
                .flatten()
        };
        Crossing {
            soonest: at(self.rate + self.spread),
            likely: at(self.rate),
            latest: at((self.rate - self.spread).max(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quota::Source;
    use proptest::prelude::*;

    fn t(minute: f64) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "a literal")]
        Timestamp::from_second(1_800_000_000 + (minute * 60.0) as i64).unwrap()
    }

    fn reading(minute: f64, percent: f64) -> Reading {
        Reading { percent, resets_at: t(300.0), at: t(minute), source: Source::StatusLine }
    }

    fn line(rate_per_hour: f64, minutes: &[f64]) -> Vec<Point> {
        minutes.iter().map(|m| Point { at: t(*m), percent: (20.0 + rate_per_hour * m / 60.0).round() }).collect()
    }

    #[test]
    fn a_steady_burn_is_seen_with_a_small_spread() {
        let points = line(30.0, &[0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0]);
        let f = forecast(&points, &reading(28.0, 34.0), t(30.0)).unwrap();
        assert!((f.rate - 30.0).abs() < 2.0 && f.spread < 3.0, "{f:?}");
        assert!((f.now - 35.0).abs() < 0.5, "{f:?}");
        let c = f.crossing(85.0);
        let likely = c.likely.unwrap().as_mins();
        assert!((95..=105).contains(&likely) && c.soonest < c.likely && c.likely < c.latest, "{c:?}");
    }

    #[test]
    fn too_little_says_nothing_and_a_rest_never_crosses() {
        assert_eq!(forecast(&line(30.0, &[0.0, 10.0]), &reading(10.0, 25.0), t(10.0)), None);
        assert_eq!(forecast(&line(30.0, &[0.0, 0.5, 1.0]), &reading(1.0, 20.0), t(1.0)), None);
        let still = line(0.0, &[0.0, 10.0, 20.0, 30.0, 40.0]);
        let f = forecast(&still, &reading(40.0, 20.0), t(40.0)).unwrap();
        assert_eq!(f.crossing(85.0).likely, None);
        assert_eq!(f.crossing(15.0).likely, Some(SignedDuration::ZERO));
    }

    #[test]
    fn only_this_window_and_only_rises_count() {
        let signal = |minute: f64, percent: f64, resets: f64, window: Window| Signal {
            at: t(minute),
            source: Source::StatusLine,
            window: Some(window),
            percent: Some(percent),
            resets_at: Some(t(resets)),
            hit: false,
            session: None,
        };
        let history = [
            signal(1.0, 90.0, 10.0, Window::FiveHour),
            signal(20.0, 20.0, 300.0, Window::FiveHour),
            signal(25.0, 70.0, 300.0, Window::SevenDay),
            signal(30.0, 30.0, 301.0, Window::FiveHour),
            signal(35.0, 25.0, 300.0, Window::FiveHour),
        ];
        let got = points(&history, &Window::FiveHour, &reading(40.0, 40.0), t(41.0));
        let values: Vec<f64> = got.iter().map(|p| p.percent).collect();
        assert_eq!(values, [20.0, 30.0, 40.0]);
    }

    #[test]
    fn a_window_fills_on_when_signals_vanish() {
        let history: Vec<Signal> = line(30.0, &[0.0, 5.0, 10.0, 15.0])
            .iter()
            .map(|p| Signal {
                at: p.at,
                source: Source::StatusLine,
                window: Some(Window::FiveHour),
                percent: Some(p.percent),
                resets_at: Some(t(300.0)),
                hit: false,
                session: None,
            })
            .collect();
        let last = reading(20.0, 30.0);
        for (minute, percent) in [(20.0, 30.0), (50.0, 45.0), (110.0, 75.0)] {
            let points = points(&history, &Window::FiveHour, &last, t(minute));
            let f = forecast(&points, &last, t(minute)).unwrap();
            assert!((f.now - percent).abs() < 3.0, "minute {minute}: {f:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_always_a_number(values in prop::collection::vec((0.0f64..400.0, 0.0f64..120.0), 0..40)) {
            let mut points: Vec<Point> = values.iter().map(|(m, p)| Point { at: t(*m), percent: *p }).collect();
            points.sort_by_key(|p| p.at);
            if let Some(f) = forecast(&points, &reading(0.0, 50.0), t(10.0)) {
                prop_assert!(f.rate.is_finite() && f.rate >= 0.0 && f.spread.is_finite() && f.spread > 0.0);
                let c = f.crossing(85.0);
                if let (Some(a), Some(b)) = (c.soonest, c.likely) {
                    prop_assert!(a <= b);
                }
            }
        }
    }
}
