//! The last switches, step by step.

use maud::{Markup, html};

use super::PageData;
use super::text::prose;
use crate::model::journal::{Journal, Noted};
use crate::model::observe::words;

/// So many steps of each are listed, the newest.
const STEPS: usize = 80;

pub fn section(page: &PageData) -> Markup {
    html! {
        section #switches aria-labelledby="switches-h" {
            h2 #switches-h { "Last switches" }
            @if page.switches.is_empty() { p .lead { "No switch was made yet." } }
            @for journal in &page.switches { (of_journal(page, journal)) }
        }
    }
}

fn of_journal(page: &PageData, journal: &Journal) -> Markup {
    let took = match journal.ended {
        Some(ended) => format!("took {}", words(ended.duration_since(journal.begun))),
        None => "under way".to_owned(),
    };
    let left_out = journal.steps.len().saturating_sub(STEPS);
    // It came from a file: part of an id of the document is only what can be.
    let id: String =
        journal.id.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).take(40).collect();
    html! {
        details .switch id=(format!("switch-{id}")) open[journal.ended.is_none()] {
            summary id=(format!("switch-{id}-s")) {
                span .when { (page.clock().at(journal.begun)) }
                " " b { (journal.from) " → " (journal.to) }
                " " span .faint { (journal.outcome()) ", " (took) }
            }
            p .reason {
                (prose(&journal.why))
            }
            @for dead in &journal.dead {
                p .why { code { (dead.account) } " does not work: " (prose(&dead.why)) }
            }
            @if left_out > 0 {
                p .more { (left_out) " earlier steps: " code { "claude-failover log switches " (id) } }
            }
            ol .steps { @for step in journal.steps.iter().skip(left_out) { (of_step(step, journal)) } }
            @for fault in &journal.faults { p .why { (prose(fault)) } }
        }
    }
}

fn of_step(step: &Noted, journal: &Journal) -> Markup {
    let after = step.at.duration_since(journal.begun);
    let after = match after.as_secs() {
        0..60 => format!("{:.1}s", after.as_secs_f64()),
        _ => words(after),
    };
    html! {
        li {
            span .after { "+" (after) }
            span { @if let Some(session) = &step.session { b { (session) } " " } (prose(&step.what)) }
        }
    }
}
