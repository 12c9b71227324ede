//! Placeholders in what an operator writes for a webhook or a command: `{{title}}`.
//!
//! They are filled into single values of a parsed document, never into its text: what they hold can end no string
//! and begin no field.

use serde_json::{Value, json};

use super::text::{Content, line};

/// The placeholders, each with what it holds.
pub const PLACEHOLDERS: [(&str, &str); 17] = [
    ("id", "the id of the message: the same when it is sent again"),
    ("title", "one line"),
    ("text", "the rest, lines"),
    ("severity", "`info`, `notice`, `warning`, `critical`: the gravest of its events"),
    ("priority", "the same from 2 to 5, a number where it stands alone"),
    ("urgency", "the same as `low`, `normal`, `critical`"),
    ("syslog", "the same from 6 down to 2"),
    ("kind", "the kind of its event; `digest` if there are several"),
    ("subject", "what it is about: a task, a session, an account, a unit"),
    ("task", "the task"),
    ("session", "the session"),
    ("account", "the account"),
    ("count", "how many events it tells"),
    ("at", "when it was put together, RFC 3339"),
    ("unix_nanos", "the same in nanoseconds since 1970"),
    ("host", "whose it is"),
    ("events", "its events as a list, where it stands alone"),
];

/// The secret's placeholder, in an address, in headers and in bodies.
pub const SECRET: &str = "{{secret}}";

/// The first placeholder of a text that there is none of.
#[must_use]
pub fn unknown(text: &str) -> Option<&str> {
    let names = text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or(rest));
    names.into_iter().find(|name| *name != "secret" && !PLACEHOLDERS.iter().any(|(known, _)| known == name))
}

/// A document with its placeholders filled, the secret's among them: in one pass, so that a message which names it
/// gets none. A value that is nothing but one keeps the kind of what it holds.
#[must_use]
pub fn fill(template: &Value, content: &Content, secret: &str) -> Value {
    match template {
        Value::String(text) => match whole(text) {
            Some(name) => value(name, content, secret),
            None => Value::String(filled(text, content, secret)),
        },
        Value::Array(list) => list.iter().map(|v| fill(v, content, secret)).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), fill(v, content, secret))).collect(),
        other => other.clone(),
    }
}

/// A text with its placeholders filled, but for the secret's.
#[must_use]
pub fn fill_text(text: &str, content: &Content) -> String {
    filled(text, content, "")
}

fn filled(text: &str, content: &Content, secret: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // Once, from left to right: what was filled in is not looked at again.
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = behind.split_once("}}") else {
            out.push_str("{{");
            rest = behind;
            continue;
        };
        match value(name, content, secret) {
            Value::String(text) => out.push_str(&text),
            other => out.push_str(&other.to_string()),
        }
        rest = after;
    }
    out + rest
}

fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?;
    (!name.contains(['{', '}'])).then_some(name)
}

fn value(name: &str, content: &Content, secret: &str) -> Value {
    // Of several events only what all of them have in common.
    let common = |field: fn(&super::Event) -> Option<&str>| {
        let first = content.events.first().and_then(field).unwrap_or_default();
        let same = content.events.iter().all(|e| field(e).unwrap_or_default() == first);
        json!(if same { line(first, 300) } else { String::new() })
    };
    match name {
        "id" => json!(content.id),
        "title" => json!(content.title),
        "text" => json!(content.text),
        "severity" => json!(content.severity),
        "priority" => json!(content.severity.priority()),
        "urgency" => json!(content.severity.urgency()),
        "syslog" => json!(content.severity.syslog()),
        "kind" => match &content.events[..] {
            [] => json!("test"),
            [first, rest @ ..] if rest.iter().all(|e| e.kind == first.kind) => json!(first.kind),
            _ => json!("digest"),
        },
        "subject" => common(|e| Some(&e.subject)),
        "task" => common(|e| e.task.as_deref()),
        "session" => common(|e| e.session.as_deref()),
        "account" => common(|e| e.account.as_deref()),
        "count" => json!(content.events.len()),
        "at" => json!(content.at.to_string()),
        "unix_nanos" => json!(content.at.as_nanosecond().to_string()),
        "host" => json!(content.host),
        "secret" => json!(secret),
        "events" => content.events.iter().map(event).collect(),
        _ => Value::Null,
    }
}

fn event(e: &super::Event) -> Value {
    json!({
        "id": e.id, "kind": e.kind, "severity": e.severity(), "at": e.at, "what": e.what,
        "why": line(&e.why, 500), "subject": e.subject, "session": e.session, "task": e.task,
        "account": e.account, "project": e.project,
    })
}

/// What a webhook gets that has no template: everything.
#[must_use]
pub fn default_body() -> Value {
    let names = ["id", "title", "text", "severity", "kind", "subject", "count", "at", "host", "events"];
    names.iter().map(|name| ((*name).to_owned(), json!(format!("{{{{{name}}}}}")))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::Message;
    use super::super::tests::event;
    use super::super::{Event, Kind, text::compose};
    use super::*;
    use jiff::{Timestamp, tz::TimeZone};

    fn content(why: &str) -> Content {
        let one = Event { why: why.to_owned(), ..event(Kind::TaskGivenUp, "app:x", 1) };
        let events = vec![one.id.clone()];
        let m = Message {
            id: "m".into(),
            events,
            composed: Timestamp::UNIX_EPOCH,
            tries: 0,
            unsure: false,
            again: false,
        };
        compose(&m, &[one], &TimeZone::UTC, "box")
    }

    #[test]
    fn what_is_filled_in_ends_no_string_and_is_not_filled_again() {
        let c = content("\",\"chat\":\"x\"}{{id}}{{secret}}");
        let template = json!({
            "a": ["{{text}}", 1, {"b": "<{{subject}}> {{nothing"}], "p": "{{priority}}", "k": "{{secret}}",
            "t": "{{secret}}/{{text}}"
        });
        let filled = fill(&template, &c, "{{text}}");
        let again: Value = serde_json::from_str(&filled.to_string()).unwrap();
        assert_eq!((&again["p"], &again["a"][2]["b"]), (&json!(4), &json!("<app:x> {{nothing")));
        assert!(again["a"][0].as_str().unwrap().contains("\"chat\":\"x\"}{{id}}{{secret}}"), "{again}");
        // Nor is what the secret holds, and what is told cannot ask for it.
        assert_eq!(again["k"], "{{text}}");
        let both = again["t"].as_str().unwrap();
        assert!(both.starts_with("{{text}}/why: ") && both.contains("{{id}}{{secret}}"), "{both}");
        assert_eq!(fill(&default_body(), &c, "")["events"][0]["kind"], "task.given_up");
    }

    #[test]
    fn unknown_placeholders_are_found() {
        assert_eq!(unknown("{{title}} {{text}}"), None);
        assert_eq!(unknown("{{title}} {{txt}}"), Some("txt"));
        assert_eq!(unknown("{{titel"), Some("titel"));
        for (name, _) in PLACEHOLDERS {
            assert_ne!(value(name, &content("x"), ""), Value::Null, "{name}");
        }
    }
}
