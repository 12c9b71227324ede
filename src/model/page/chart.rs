//! A window's history and forecast as a drawing: time from its beginning to its reset, per cent upwards.

use jiff::Timestamp;
use maud::{Markup, html};

use super::text::{Clock, percent};
use crate::model::forecast::{Forecast, Point};

/// What is drawn.
pub struct Chart<'a> {
    /// An id that no other one has in the page.
    pub id: String,
    /// What it is, for those who do not see it.
    pub title: String,
    /// When the window began.
    pub begins: Timestamp,
    /// When it begins anew.
    pub ends: Timestamp,
    /// What was read, oldest first; at least one.
    pub points: &'a [Point],
    /// Per cent from which on sessions leave.
    pub threshold: f64,
    /// How it goes on.
    pub forecast: Option<Forecast>,
}

/// Units from the left to the right edge; upwards a unit is one per cent.
const WIDTH: f64 = 400.0;

/// So many points of the history are drawn.
const MOST: usize = 80;

impl Chart<'_> {
    fn hours(&self, at: Timestamp) -> f64 {
        at.duration_since(self.begins).as_secs_f64() / 3600.0
    }

    fn x(&self, hours: f64) -> f64 {
        let all = self.hours(self.ends);
        if all > 0.0 { (hours / all).clamp(0.0, 1.0) * WIDTH } else { 0.0 }
    }

    /// A place of the drawing.
    fn place(&self, hours: f64, percent: f64) -> String {
        format!("{:.1},{:.1}", self.x(hours), 100.0 - percent.clamp(0.0, 100.0))
    }

    /// From a point on at a rate: where it reaches 100 %, if it does before the end, and where it ends.
    fn ray(&self, from: Point, rate: f64) -> Vec<(f64, f64)> {
        let (begin, end) = (self.hours(from.at), self.hours(self.ends));
        let full = begin + (100.0 - from.percent).max(0.0) / rate.max(1e-9);
        let mut way = Vec::new();
        if full < end {
            way.push((full, 100.0));
        }
        way.push((end, (from.percent + rate * (end - begin)).min(100.0)));
        way
    }
}

/// The drawing, with the same in words.
pub fn svg(chart: &Chart<'_>, clock: Clock<'_>) -> Markup {
    let Some(last) = chart.points.last().copied() else { return html! {} };
    let shown = thin(chart.points);
    let join = |places: &[String]| places.join(" ");
    let line: Vec<String> = shown.iter().map(|p| chart.place(chart.hours(p.at), p.percent)).collect();
    let foot = |p: &Point| chart.place(chart.hours(p.at), 0.0);
    let area: Vec<String> =
        shown.first().map(foot).into_iter().chain(line.iter().cloned()).chain([foot(&last)]).collect();
    let start = chart.place(chart.hours(last.at), last.percent);
    let places = |way: Vec<(f64, f64)>| way.into_iter().map(|(h, p)| chart.place(h, p)).collect::<Vec<String>>();
    let ahead = chart.forecast.filter(|_| last.percent < 100.0).map(|f| {
        let likely = [vec![start.clone()], places(chart.ray(last, f.rate))].concat();
        let high = places(chart.ray(last, f.rate + f.spread));
        let mut low = places(chart.ray(last, (f.rate - f.spread).max(0.0)));
        low.reverse();
        (join(&likely), join(&[vec![start.clone()], high, low].concat()))
    });
    let now = format!("{:.1}", chart.x(chart.hours(clock.now)));
    let threshold = format!("{:.1}", 100.0 - chart.threshold.clamp(0.0, 100.0));
    let (title, desc) = (format!("{}-t", chart.id), format!("{}-d", chart.id));
    html! {
        svg .chart role="img" viewBox=(format!("0 -3 {WIDTH} 106")) preserveAspectRatio="none"
            aria-labelledby=(title) aria-describedby=(desc) {
            title #(title) { (chart.title) }
            desc #(desc) { (in_words(chart, clock, last)) }
            path .grid d=(format!("M0 100H{WIDTH}M0 50H{WIDTH}M0 0H{WIDTH}")) {}
            path .now d=(format!("M{now} 0V100")) {}
            @if let Some((likely, cone)) = &ahead {
                polygon .cone points=(cone) {}
                polyline .ahead points=(likely) {}
            }
            polygon .area points=(join(&area)) {}
            polyline .line points=(join(&line)) {}
            path .threshold d=(format!("M0 {threshold}H{WIDTH}")) {}
        }
    }
}

fn in_words(chart: &Chart<'_>, clock: Clock<'_>, last: Point) -> String {
    let first = chart.points.first().copied().unwrap_or(last);
    let mut text = format!(
        "From {} to {}. {} used at {}, {} at {}.",
        clock.short(chart.begins),
        clock.short(chart.ends),
        percent(first.percent),
        clock.short(first.at),
        percent(last.percent),
        clock.short(last.at)
    );
    if let Some(f) = chart.forecast.filter(|_| last.percent < 100.0) {
        let ends = (last.percent + f.rate * (chart.hours(chart.ends) - chart.hours(last.at))).min(100.0);
        let line = format!(" At {:.1} points an hour it ends at {}.", f.rate, percent(ends));
        text.push_str(&line);
    }
    text
}

/// Fewer points with the same course: the first, the last, and of those between each n-th.
fn thin(points: &[Point]) -> Vec<Point> {
    let step = points.len().div_ceil(MOST).max(1);
    let last = points.len().saturating_sub(1);
    points.iter().enumerate().filter(|(n, _)| n % step == 0 || *n == last).map(|(_, p)| *p).collect()
}
