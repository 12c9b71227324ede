//! What can be started from the page. It lies in templates, which are nothing until the script takes them out: a
//! page without JavaScript has no buttons that do not work.

use maud::{Markup, html};

use super::PageData;

/// Commands that take nothing but being asked for, as in `POST /trigger/NAME`.
const COMMANDS: [&str; 4] = ["dispatch", "watch", "quota-check", "checkpoint"];

/// The forms, if commands can be started.
pub fn template(page: &PageData) -> Markup {
    html! {
        @if page.trigger {
            template #act-template {
                section #act aria-labelledby="act-h" {
                    h2 #act-h { "Run now" }
                    form #act-form autocomplete="off" {
                        div .row {
                            @for command in COMMANDS { button type="submit" value=(command) { (command) } }
                        }
                        div .row {
                            label for="act-to" { "Switch to" }
                            select #act-to {
                                @for account in &page.status.accounts {
                                    @if account.name != page.status.active_account { option { (account.name) } }
                                }
                            }
                            button type="submit" value="switch" { "switch" }
                        }
                        div .row {
                            label for="act-token" { "Token" }
                            input #act-token type="password" autocomplete="off" spellcheck="false"
                                aria-describedby="act-token-d";
                            span #act-token-d .faint {
                                "where one is asked for; kept by this tab alone, until it is closed"
                            }
                        }
                        p #act-answer role="status" {}
                    }
                }
            }
        }
    }
}
