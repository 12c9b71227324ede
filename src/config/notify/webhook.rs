//! Targets over HTTP: addresses and headers without a secret in them, bodies with placeholders that there are.

use serde_json::Value;

use super::Via;
use crate::config::check::{Faults, has_userinfo};
use crate::config::line::distance;
use crate::config::schema::{Method, RawTarget};
use crate::model::name::shown;
use crate::model::notify::template::{PLACEHOLDERS, SECRET, default_body, unknown};

/// The most characters of `{{text}}` where nothing else is said: of a section of Slack's.
const MOST_TEXT: usize = 3000;

/// The same for Discord, which takes 2000 with the title and what is put around them.
const DISCORD: usize = 1800;

/// Whether an address does not leave this machine.
#[must_use]
pub fn is_local(url: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]", "http://localhost"]
        .iter()
        .any(|local| url.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
}

pub(super) fn address(at: &str, url: &str, with_secret: bool, f: &mut Faults) {
    if has_userinfo(url) {
        f.hinted(at, "holds a password", "put it into a header: `Authorization: \"Bearer {{secret}}\"`");
    } else if ["hooks.slack.com/services/", "discord.com/api/webhooks/"]
        .iter()
        .any(|known| url.split_once(known).is_some_and(|(_, rest)| !rest.starts_with("{{")))
        || url.split_once('?').is_some_and(|(_, query)| query.split('&').any(is_secret))
    {
        f.hinted(
            at,
            "holds a secret",
            "write `{{secret}}` in its place, and name under `secret` where it is read",
        );
    } else if url.replace(SECRET, "").bytes().any(|b| b <= b' ' || b >= 0x7f || b"\"<>\\^`|{}".contains(&b)) {
        f.add(at, "not an address: it has a character that none may have");
    } else if !url.starts_with("https://") && !is_local(url) && (with_secret || !url.starts_with("http://")) {
        let what = if with_secret {
            "a secret goes over it: it must begin with `https://`"
        } else {
            "not an http or https address"
        };
        f.add(at, what);
    }
}

/// Whether a part of a query gives something away: `token=abc`.
fn is_secret(part: &str) -> bool {
    part.split_once('=').is_some_and(|(name, value)| names_secret(name) && !value.contains(SECRET))
}

fn names_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["authorization", "token", "key", "cookie", "secret", "password"].iter().any(|word| lower.contains(word))
}

pub(super) fn webhook(at: &str, raw: &RawTarget, has_secret: bool, f: &mut Faults) -> Via {
    let key = |key: &str| format!("{at}.{key}");
    let url = raw.url.clone().unwrap_or_default();
    if raw.url.is_some() {
        address(&key("url"), &url, has_secret, f);
    }
    let uses = |text: &str| text.contains(SECRET);
    let body = match &raw.body {
        None => default_body(),
        Some(body) => serde_json::to_value(body).unwrap_or_else(|_| {
            f.add(key("body"), "cannot be written as JSON");
            Value::Null
        }),
    };
    let used = uses(&url) || raw.headers.values().any(|v| uses(v)) || in_body(&body);
    if has_secret && !used {
        f.hinted(
            key("secret"),
            "is not used",
            "write `{{secret}}` in `url`, in one of the `headers`, or in `body`",
        );
    }
    if used && raw.secret.is_none() {
        f.add(key("secret"), "missing: `{{secret}}` is used, and nothing says where it is read");
    }
    for (name, value) in &raw.headers {
        let at = format!("{at}.headers.{name}");
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) || value.contains(char::is_control) {
            f.add(&at, "not a header");
        }
        if let Some(other) = value.replace(SECRET, "").split_once("{{").map(|(_, rest)| rest) {
            let name = shown(other.split("}}").next().unwrap_or(other));
            let hint = "what is told stands in `body`";
            f.hinted(&at, format!("a header has no placeholder but `{{{{secret}}}}`: `{name}`"), hint);
        }
        if names_secret(name) && !name.eq_ignore_ascii_case("idempotency-key") && !uses(value) {
            f.hinted(
                &at,
                "looks like a secret",
                "write `{{secret}}` in its place, and name under `secret` where it is read",
            );
        }
    }
    fields(&key("body"), &body, f);
    let usual = if url.starts_with("https://discord.com/") { DISCORD } else { MOST_TEXT };
    let max_text = raw.max_text.unwrap_or(usual);
    if !(100..=100_000).contains(&max_text) {
        f.add(key("max_text"), "must be a number from 100 to 100000");
    }
    Via::Webhook { url, method: raw.method.unwrap_or(Method::Post), headers: raw.headers.clone(), body, max_text }
}

fn in_body(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(SECRET),
        Value::Array(list) => list.iter().any(in_body),
        Value::Object(map) => map.values().any(in_body),
        _ => false,
    }
}

fn fields(at: &str, value: &Value, f: &mut Faults) {
    match value {
        Value::String(text) => placeholders(at, text, f),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, v)| fields(&format!("{at}.{n}"), v, f)),
        Value::Object(map) => map.iter().for_each(|(k, v)| fields(&format!("{at}.{k}"), v, f)),
        _ => {}
    }
}

pub(super) fn placeholders(at: &str, text: &str, f: &mut Faults) {
    if let Some(name) = unknown(text) {
        let nearest = PLACEHOLDERS.iter().map(|(known, _)| (distance(name, known), *known)).min();
        let hint = nearest.map_or(String::new(), |(_, known)| format!("did you mean `{{{{{known}}}}}`?"));
        f.hinted(at, format!("no such placeholder: `{}`", shown(name)), &hint);
    }
}
