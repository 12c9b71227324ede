//! The sessions: state, since when, task, account, context.

use maud::{Markup, html};

use super::PageData;
use super::text::{prose, said};
use crate::model::checkpoint::Context;
use crate::model::session::{Kind, Lease, Phase, State};
use crate::model::status::SessionStatus;

/// So many are listed.
const MOST: usize = 200;

pub fn section(page: &PageData) -> Markup {
    let live: Vec<&SessionStatus> = page.status.sessions.iter().filter(|s| s.is_live()).collect();
    let ended = page.status.sessions.len() - live.len();
    html! {
        section #sessions aria-labelledby="sessions-h" {
            h2 #sessions-h { "Sessions" }
            @if live.is_empty() {
                p .lead { "No session runs." }
            } @else {
                (table(page, &live))
            }
            @if live.len() > MOST {
                p .more { (live.len() - MOST) " more: " code { "claude-failover status" } }
            }
            @if ended > 0 {
                p .more { (ended) " more that do not run" }
            }
        }
    }
}

/// On a narrow screen its rows are blocks: the roles say what it still is.
fn table(page: &PageData, live: &[&SessionStatus]) -> Markup {
    html! {
        table .stack role="table" {
            caption .unseen { "Sessions that run" }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["Session", "State", "Since", "Task", "Project", "Account", "Context"] {
                        th scope="col" role="columnheader" .n[head == "Context" || head == "Since"] { (head) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for s in live.iter().take(MOST) { (row(page, s)) }
            }
        }
    }
}

fn row(page: &PageData, s: &SessionStatus) -> Markup {
    let none = || html! { span .faint { "–" } };
    // Of the usual states nobody asks why.
    let why = match s.state {
        State::Working | State::Idle | State::Starting => None,
        _ => s.evidence.last(),
    };
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                (s.name)
                @if s.kind == Kind::Dedicated { " " span .tag { "dedicated" } }
            }
            td role="cell" data-label="State" .is {
                span class={ "state " (s.state) } { (s.state) }
                @if let Some(why) = why { p .why { (prose(why)) } }
            }
            td role="cell" data-label="Since" .n { (page.clock().age(s.since)) }
            td role="cell" data-label="Task" .wide {
                @match &s.lease { Some(lease) => (task(page, lease)), None => (none()) }
            }
            td role="cell" data-label="Project" {
                @match &s.project { Some(project) => (project), None => (none()) }
            }
            td role="cell" data-label="Account" {
                @match &s.account { Some(account) => (account), None => (none()) }
                @if let Some(model) = &s.model { p .why { (said(model, 40)) } }
            }
            td role="cell" data-label="Context" .n {
                @match page.contexts.get(&s.name) { Some(context) => (full(context)), None => (none()) }
            }
        }
    }
}

fn task(page: &PageData, lease: &Lease) -> Markup {
    html! {
        code { (said(lease.task.id.as_str(), 60)) }
        @if lease.attempt > 1 { " " span .tag { "attempt " (lease.attempt) } }
        @if lease.phase != Phase::Confirmed { " " span .tag { (lease.phase.as_str()) } }
        @if let Some(title) = page.titles.get(&lease.task) { p .why { (said(title, 120)) } }
    }
}

fn full(context: &Context) -> Markup {
    let tokens = |n: u64| if n < 1000 { n.to_string() } else { format!("{}k", n / 1000) };
    html! {
        @match context.percent {
            Some(percent) => { (percent) " %" }
            None => { (tokens(context.tokens)) " tokens" }
        }
        @if let (Some(_), Some(size)) = (context.percent, context.size) {
            p .why { (tokens(context.tokens)) " of " (tokens(size)) }
        }
    }
}
