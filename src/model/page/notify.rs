//! Whether people are told.

use maud::{Markup, html};

use super::PageData;
use super::text::said;

pub fn section(page: &PageData) -> Markup {
    let targets = page.status.notify.as_ref().map(|n| n.targets.as_slice()).unwrap_or_default();
    html! {
        section #notify aria-labelledby="notify-h" hidden[targets.is_empty()] {
            h2 #notify-h { "Notifications" }
            table {
                caption .unseen { "Targets of notifications" }
                thead {
                    tr {
                        th scope="col" { "Target" }
                        th scope="col" { "Kind" }
                        th scope="col" .n { "Waiting" }
                        th scope="col" .n { "Refused" }
                    }
                }
                tbody {
                    @for t in targets {
                        tr {
                            th scope="row" {
                                (said(&t.name, 80))
                                @if let Some(trouble) = &t.trouble { p .why { (said(&trouble.why, 200)) } }
                            }
                            td { (t.kind) }
                            td .n { (t.waiting) }
                            td .n { (t.parked) }
                        }
                    }
                }
            }
        }
    }
}
