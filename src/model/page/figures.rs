//! The few numbers that a glance is for.

use maud::{Markup, html};

use super::PageData;
use super::text::count;
use crate::model::session::State;

pub fn section(page: &PageData) -> Markup {
    let status = &page.status;
    let live = || status.sessions.iter().filter(|s| s.is_live());
    let working = live().filter(|s| s.state == State::Working).count();
    let waiting: usize = status.projects.iter().map(|p| p.waiting).sum();
    let claimed: usize = status.projects.iter().map(|p| p.claimed).sum();
    let clock = page.clock();
    let ran = |at: Option<jiff::Timestamp>| match at {
        Some(at) => html! { b { (clock.age(at)) } " ago" },
        None => html! { b { "never" } },
    };
    html! {
        section #figures aria-label="At a glance" {
            dl .figures {
                div {
                    dt { "Pool" }
                    dd { b { (status.pool.running) } " of " (status.pool.max) }
                }
                div {
                    dt { "Working" }
                    dd { b { (working) } " of " (count(live().count(), "session", "sessions")) }
                }
                div {
                    dt { "Tasks" }
                    dd { b { (waiting) } " wait, " (claimed) " at work" }
                }
                div {
                    dt { "Account" }
                    dd { b { (status.active_account) } }
                }
                div {
                    dt { "dispatch ran" }
                    dd { (ran(status.last_run.dispatch)) }
                }
                div {
                    dt { "watch ran" }
                    dd { (ran(status.last_run.watch)) }
                }
            }
        }
    }
}
