//! The page: the status for people, as one HTML document that needs nothing else.
//!
//! It is readable without JavaScript; a little of it fetches the page again and swaps what has changed. Every text
//! is escaped by the macro that the page is written in (`maud`); what is not escaped are the style sheet and the
//! script, which are constants. No size of a pool makes it large: what is listed is bounded, the rest is a count.

mod accounts;
mod chart;
mod figures;
mod needs;
mod notify;
mod queue;
mod sessions;
mod switches;
mod text;
mod trigger;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use self::text::{Clock, said};
use super::checkpoint::Context;
use super::journal::Journal;
use super::name::{AccountName, SessionName, TaskRef};
use super::queue::ProjectQueue;
use super::quota::Signal;
use super::status::Status;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// A mark for the tab; in the document, so that no browser asks for another one.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect width='16' height='16' rx='4' fill='%23274b8f'/%3E\
    %3Cpath d='M3.5 6h8l-2-2m3 6h-8l2 2' fill='none' stroke='%23fff' stroke-width='1.5'/%3E%3C/svg%3E";

/// Everything that the page shows.
#[derive(Clone, Debug)]
pub struct PageData {
    /// What is.
    pub status: Status,
    /// The name of the machine.
    pub host: String,
    /// The zone in which its times are shown.
    pub zone: TimeZone,
    /// What each waiting task asks for, in the order of the status' projects.
    pub queues: Vec<ProjectQueue>,
    /// Titles of the tasks that sessions have.
    pub titles: BTreeMap<TaskRef, String>,
    /// How full the contexts of the sessions are.
    pub contexts: BTreeMap<SessionName, Context>,
    /// What was heard of each account's usage, oldest first.
    pub histories: BTreeMap<AccountName, Vec<Signal>>,
    /// The last switches, newest first; one under way before all others.
    pub switches: Vec<Journal>,
    /// Whether commands can be started from the page: only where something answers its requests.
    pub trigger: bool,
}

impl PageData {
    fn now(&self) -> Timestamp {
        self.status.at
    }

    fn clock(&self) -> Clock<'_> {
        Clock { now: self.status.at, zone: &self.zone }
    }
}

/// How often the page is fetched again, in seconds.
const EVERY: u32 = 15;

/// The page, as one HTML document.
#[must_use]
pub fn render(page: &PageData) -> String {
    let needs = page.status.needs_person.len();
    let count = if needs > 0 { format!("({needs}) ") } else { String::new() };
    let title = format!("{count}claude-failover · {}", said(&page.host, 80));
    let at = page.status.at;
    let main = html! {
        main #main tabindex="-1" data-at=(at.as_millisecond()) {
            (needs::section(page))
            (figures::section(page))
            (accounts::section(page))
            (sessions::section(page))
            (queue::section(page))
            (switches::section(page))
            (notify::section(page))
        }
    };
    let asof = html! { "as of " (page.clock().full(at)) };
    document(&title, &page.host, &asof, &main, &trigger::template(page)).into_string()
}

fn document(title: &str, host: &str, asof: &Markup, main: &Markup, more: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                meta name="generator" content=(VERSION);
                title { (title) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body data-every=(EVERY) {
                a .skip href="#main" { "Skip to the content" }
                header {
                    p .name { "claude-failover" span { (said(host, 80)) } }
                    p .asof {
                        span #at { (asof) }
                        span #live role="status" {}
                        button #pause type="button" hidden { "Pause" }
                    }
                    p #said .unseen role="status" {}
                }
                (main)
                footer { p { (VERSION) } }
                (more)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

const VERSION: &str = concat!("claude-failover ", env!("CARGO_PKG_VERSION"));

/// The content security policy of the page, for the header of an answer: nothing is loaded, only its own style and
/// script count, and it talks to nobody but where it came from.
#[must_use]
pub fn csp() -> String {
    format!("{}; frame-ancestors 'none'", policy())
}

/// What of it can stand in the document itself.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

#[cfg(test)]
mod tests;
