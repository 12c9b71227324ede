//! What will not go on by itself, first of all.

use maud::{Markup, html};

use super::PageData;
use super::text::{hint, prose, said};
use crate::model::status::Need;

/// So many are listed at once …
const FIRST: usize = 12;

/// … and so many behind them, where somebody asks for the rest.
const MOST: usize = 100;

pub fn section(page: &PageData) -> Markup {
    let needs = &page.status.needs_person;
    html! {
        section #needs aria-labelledby="count" {
            h1 #count .calm[needs.is_empty()] {
                @match needs.len() {
                    0 => "Nothing needs a person",
                    1 => "1 thing needs a person",
                    n => { (n) " things need a person" }
                }
            }
            @if !needs.is_empty() { (list(&needs[..FIRST.min(needs.len())])) }
            @if needs.len() > FIRST {
                details #needs-more {
                    summary #needs-more-s { (needs.len() - FIRST) " more" }
                    (list(&needs[FIRST..MOST.min(needs.len())]))
                    @if needs.len() > MOST {
                        p .more { (needs.len() - MOST) " more: " code { "claude-failover status" } }
                    }
                }
            }
        }
    }
}

fn list(needs: &[Need]) -> Markup {
    html! {
        ul .needs {
            @for need in needs {
                li {
                    b .subject { (said(&need.subject, 120)) }
                    div {
                        p { (prose(&need.what)) }
                        @if let Some(text) = &need.hint {
                            p .hint { span .unseen { "what to do: " } (hint(text)) }
                        }
                    }
                }
            }
        }
    }
}
