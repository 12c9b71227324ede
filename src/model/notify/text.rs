//! What a message says: plain text, in which words of tasks and programs stand as they are and can do nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::record::Message;
use super::{Event, Severity};

/// A message, ready for whatever carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The id of the message.
    pub id: String,
    /// One line. Begins with our own words.
    pub title: String,
    /// The rest: lines. Begins with our own words.
    pub text: String,
    /// The gravest of its events.
    pub severity: Severity,
    /// When it was put together.
    pub at: Timestamp,
    /// Whose it is.
    pub host: String,
    /// What it tells, the gravest first. Empty in a test message.
    pub events: Vec<Event>,
    /// Whether an earlier try of the same message may have arrived.
    pub again: bool,
}

/// The most lines of a digest.
const LINES: usize = 20;

/// The most characters of a title: of a header of Slack's.
const TITLE: usize = 150;

/// The most characters of a reason in a message of its own, and in a digest.
const WHY: (usize, usize) = (1500, 200);

/// Puts a message together. The same message comes to the same text, whenever that is.
#[must_use]
pub fn compose(message: &Message, events: &[Event], zone: &TimeZone, host: &str) -> Content {
    let mut its: Vec<Event> = events.iter().filter(|e| message.events.contains(&e.id)).cloned().collect();
    its.sort_by(|a, b| {
        (std::cmp::Reverse(a.severity()), a.at, &a.id).cmp(&(std::cmp::Reverse(b.severity()), b.at, &b.id))
    });
    let severity = its.first().map_or(Severity::Info, Event::severity);
    let groups = alike(&its);
    let (title, text) = match &groups[..] {
        [one] => single(one, zone),
        many => digest(many, its.len(), zone),
    };
    let word = if severity >= Severity::Warning { format!(" {severity}") } else { String::new() };
    Content {
        id: message.id.clone(),
        title: line(&format!("claude-failover{word}: {title}"), TITLE),
        text: format!("{text}\nhost {}", line(host, 80)),
        severity,
        at: message.composed,
        host: line(host, 80),
        events: its,
        again: message.again,
    }
}

/// A message that says nothing but that it arrives.
#[must_use]
pub fn test_message(now: Timestamp, target: &str, host: &str) -> Content {
    let id = format!("claude-failover-test-{:016x}", super::hash(&[target, &now.as_nanosecond().to_string()]));
    Content {
        id,
        title: "claude-failover: test".to_owned(),
        text: format!("test message to `{target}`: notifications arrive here\nhost {}", line(host, 80)),
        severity: Severity::Info,
        at: now,
        host: line(host, 80),
        events: Vec::new(),
        again: false,
    }
}

/// Events that are alike, together; in the order of the first of each.
fn alike(events: &[Event]) -> Vec<Vec<&Event>> {
    let mut groups: Vec<Vec<&Event>> = Vec::new();
    for event in events {
        match groups.iter_mut().find(|g| g[0].likeness() == event.likeness()) {
            Some(group) => group.push(event),
            None => groups.push(vec![event]),
        }
    }
    groups
}

fn head(event: &Event) -> String {
    let subject = line(&event.subject, 100);
    if subject.is_empty() { event.what.clone() } else { format!("{}: {subject}", event.what) }
}

fn times(group: &[&Event]) -> String {
    if group.len() == 1 { String::new() } else { format!(" ({} times)", group.len()) }
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %H:%M %Z").to_string()
}

fn single(group: &[&Event], zone: &TimeZone) -> (String, String) {
    let last = group.iter().max_by_key(|e| (e.at, &e.id)).copied().unwrap_or(group[0]);
    let mut text = format!("why: {}\n", line(&last.why, WHY.0));
    for (word, value) in [("task", &last.task), ("session", &last.session), ("account", &last.account)] {
        if let Some(value) = value.as_ref().filter(|v| **v != last.subject) {
            text.push_str(&format!("{word} {}\n", line(value, 200)));
        }
    }
    let since = group.iter().map(|e| e.at).min().unwrap_or(last.at);
    let span = if since == last.at { String::new() } else { format!(", first {}", clock(since, zone)) };
    text.push_str(&format!("{} {}{span}", last.kind, clock(last.at, zone)));
    (format!("{}{}", head(last), times(group)), text)
}

fn digest(groups: &[Vec<&Event>], events: usize, zone: &TimeZone) -> (String, String) {
    let critical = groups.iter().flatten().filter(|e| e.severity() == Severity::Critical).count();
    let grave = if critical == 0 { String::new() } else { format!(", {critical} critical") };
    let mut text = String::from("what happened:\n");
    for group in groups.iter().take(LINES) {
        let last = group.iter().max_by_key(|e| (e.at, &e.id)).copied().unwrap_or(group[0]);
        let (when, word) = (clock(last.at, zone), last.severity());
        text.push_str(&format!("- {when} {word}: {}{}: {}\n", head(last), times(group), line(&last.why, WHY.1)));
    }
    let rest = &groups[groups.len().min(LINES)..];
    if !rest.is_empty() {
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for event in rest.iter().flatten() {
            match kinds.iter_mut().find(|(kind, _)| *kind == event.kind.as_str()) {
                Some((_, count)) => *count += 1,
                None => kinds.push((event.kind.as_str(), 1)),
            }
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        text.push_str(&format!("- and {}\n", kinds.join(", ")));
    }
    text.push_str("`claude-failover log` has everything");
    (format!("{events} events{grave}"), text)
}

/// A text on one line, at most so many characters, without anything that is not seen or turns the rest around.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let hidden = |c: char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().filter(|c| !hidden(*c)));
        if out.len() > most * 4 {
            break;
        }
    }
    if out.chars().count() <= most {
        return out;
    }
    out.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The beginning of a text, at most so many UTF-16 units: what Telegram counts.
#[must_use]
pub fn cut_utf16(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut units = 1;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= most
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A text for what reads markup (a desktop's notification).
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::event;
    use super::*;
    use proptest::prelude::*;

    fn message(events: &[Event]) -> Message {
        let ids = events.iter().map(|e| e.id.clone()).collect();
        Message {
            id: "m".into(),
            events: ids,
            composed: Timestamp::UNIX_EPOCH,
            tries: 0,
            unsure: false,
            again: false,
        }
    }

    #[test]
    fn one_event_says_what_why_and_when() {
        let mut one = event(Kind::TaskGivenUp, "app:parser", 60);
        one.session = Some("p-1".into());
        one.why = "the tests\nfail \u{1b}[31mred\u{202e}".into();
        let c = compose(&message(&[one.clone()]), &[one], &TimeZone::UTC, "box");
        assert_eq!(c.title, "claude-failover warning: gave a task up: app:parser");
        assert_eq!(c.text, "why: the tests fail [31mred\nsession p-1\ntask.given_up Thu 00:01 UTC\nhost box");
    }

    #[test]
    fn a_flood_is_a_digest_that_counts_everything() {
        let mut all: Vec<Event> = (0..40).map(|n| event(Kind::TaskGivenUp, &format!("t{n}"), n)).collect();
        all.extend((0..5).map(|n| event(Kind::SessionStalled, "p-1", 100 + n)));
        all.push(event(Kind::Exhausted, "", 7));
        let c = compose(&message(&all), &all, &TimeZone::UTC, "box");
        assert_eq!(
            (c.title.as_str(), c.severity),
            ("claude-failover critical: 46 events, 1 critical", Severity::Critical)
        );
        assert!(
            c.text.starts_with("what happened:\n- Thu 00:00 UTC critical: gave a task up: it failed\n"),
            "{}",
            c.text
        );
        assert!(c.text.contains("\n- and 21 task.given_up, 5 session.stalled\n"), "{}", c.text);
        assert!(c.text.len() < 4000);
        assert_eq!(c, compose(&message(&all), &all, &TimeZone::UTC, "box"));
    }

    proptest! {
        #[test]
        fn foreign_words_never_break_a_line_and_never_grow(text in "\\PC*|[\\x00-\\x20\\u{202e}a]{0,50}", most in 1_usize..50) {
            let shown = line(&text, most);
            prop_assert!(shown.chars().count() <= most);
            prop_assert!(!shown.contains(|c: char| c.is_control()));
            prop_assert!(cut_utf16(&text, most).encode_utf16().count() <= most);
            let xml = escaped(&text);
            prop_assert!(!xml.contains(['<', '>']));
        }
    }
}
