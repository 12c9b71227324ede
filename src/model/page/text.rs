//! Times, durations and untrusted words, as the page shows them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::model::name::is_plain;
use crate::model::observe::words;

/// A text on one line, at most so many characters: what would steer a terminal or turn the direction of writing is
/// shown instead of done.
pub fn said(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == most {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_plain(c) => out.push(c),
            c => out.extend(c.escape_default()),
        }
    }
    out
}

/// A sentence in which names and commands stand between backticks.
pub fn prose(text: &str) -> Markup {
    let text = said(text, 400);
    let even = text.matches('`').count().is_multiple_of(2);
    html! {
        @if even {
            @for (n, part) in text.split('`').enumerate() {
                @if n % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else {
            (text)
        }
    }
}

/// What to do about something: a command as a whole, or a sentence.
pub fn hint(text: &str) -> Markup {
    let command = ["claude-failover ", "tmux "].iter().any(|word| text.starts_with(word)) && !text.contains('`');
    html! {
        @if command { code .command { (said(text, 400)) } } @else { (prose(text)) }
    }
}

/// So many of a thing, in words.
pub fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// Per cent without decimals, never parted from its sign.
pub fn percent(n: f64) -> String {
    format!("{n:.0}\u{a0}%")
}

/// Times as seen from a moment in a place.
#[derive(Clone, Copy)]
pub struct Clock<'a> {
    /// That moment.
    pub now: Timestamp,
    /// That place.
    pub zone: &'a TimeZone,
}

impl Clock<'_> {
    fn form(&self, at: Timestamp, form: &str) -> String {
        at.to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    /// Day, time and zone.
    pub fn full(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) { (self.form(at, "%Y-%m-%d %H:%M:%S %Z")) } }
    }

    /// As short as it is clear: the time today, the weekday within the week, else the day as well.
    pub fn short(&self, at: Timestamp) -> String {
        let (at_day, today) = (self.date(at), self.date(self.now));
        match (at_day - today).get_days() {
            0 => self.form(at, "%H:%M"),
            -6..=6 => self.form(at, "%a %H:%M"),
            _ => format!("{} {}", self.day(at), self.form(at, "%H:%M")),
        }
    }

    /// The day, with its year where it is another one.
    pub fn day(&self, at: Timestamp) -> String {
        let same = self.date(at).year() == self.date(self.now).year();
        self.form(at, if same { "%-d %b" } else { "%-d %b %Y" })
    }

    fn date(&self, at: Timestamp) -> jiff::civil::Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// … as an element that knows the rest.
    pub fn at(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) title=(self.form(at, "%Y-%m-%d %H:%M:%S %Z")) { (self.short(at)) } }
    }

    /// How long ago it was; the time itself is in the element.
    pub fn age(&self, at: Timestamp) -> Markup {
        let title = self.form(at, "%Y-%m-%d %H:%M:%S %Z");
        html! { time datetime=(at) title=(title) { (words(self.now.duration_since(at))) } }
    }

    /// How long it is until then.
    pub fn until(&self, at: Timestamp) -> String {
        words(at.duration_since(self.now))
    }
}
