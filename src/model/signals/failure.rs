//! A turn that failed (`StopFailure`, client 2.1.78 and later): the surest sign that a limit was hit,
//! and the surest that it was something else.

use serde::{Deserialize, Serialize};

use crate::model::event::Seen;
use crate::model::name::SessionName;
use crate::model::quota::{Signal, Source, Window};

/// What a failed turn says about the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A usage limit was hit. Of which window, if the words name one; when it ends they do not say.
    Limit(Option<Window>),
    /// The account cannot be used until a person has done something.
    Trouble(Trouble),
    /// The service, the network or the request: says nothing about the account.
    Other,
}

/// Why an account needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Its login is refused.
    Login,
    /// Its money is spent: waiting does not help.
    Money,
}

impl Trouble {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "its login was refused",
            Self::Money => "its credit or spend limit is used up",
        }
    }
}

/// Judges a failed turn. The words are those of the client, never the agent's: they stand in the
/// hook's own message. `rate_limit` alone is also a short-term 429, which is no usage limit.
#[must_use]
pub fn read(failure: &Seen) -> Failure {
    let text = failure.text.as_str();
    match failure.what.as_str() {
        "authentication_failed" | "oauth_org_not_allowed" => Failure::Trouble(Trouble::Login),
        "billing_error" => Failure::Trouble(Trouble::Money),
        "rate_limit" => {
            let Some(words) =
                text.strip_prefix("You've hit your ").or_else(|| text.strip_prefix("You've reached your "))
            else {
                let money =
                    ["You're out of extra usage", "Usage credits required"].iter().any(|w| text.starts_with(w));
                return if money { Failure::Trouble(Trouble::Money) } else { Failure::Other };
            };
            // `session limit · resets …`, `5-hour limit`, `weekly limit`, `Opus limit`, `limit · resets …`.
            let name = words.split("limit").next().unwrap_or_default().trim().to_lowercase();
            if name.contains("spend") {
                return Failure::Trouble(Trouble::Money);
            }
            let window = match name.as_str() {
                "session" | "5-hour" => Some(Window::FiveHour),
                "weekly" => Some(Window::SevenDay),
                "" | "usage" => None,
                model => Window::parse(&format!("model:{model}")),
            };
            Failure::Limit(window)
        }
        _ => Failure::Other,
    }
}

/// The signal of a limit that was hit.
#[must_use]
pub fn signal(failure: &Seen, window: Option<Window>, session: &SessionName) -> Signal {
    Signal {
        at: failure.at,
        source: Source::Failure,
        window,
        percent: None,
        resets_at: None,
        hit: true,
        session: Some(session.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(what: &str, text: &str) -> Failure {
        let seen = Seen { what: what.into(), text: text.into(), ..Seen::default() };
        read(&seen)
    }

    fn limit(text: &str) -> Option<Window> {
        match judged("rate_limit", text) {
            Failure::Limit(window) => window,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn limits_of_old_and_new_clients() {
        assert_eq!(limit("You've hit your session limit · resets 9am (UTC)"), Some(Window::FiveHour));
        assert_eq!(limit("You've hit your 5-hour limit · resets 10am (UTC)"), Some(Window::FiveHour));
        assert_eq!(limit("You've hit your weekly limit · resets Nov 26, 12am (UTC)"), Some(Window::SevenDay));
        assert_eq!(limit("You've hit your limit · resets 7pm (America/Los_Angeles)"), None);
        assert_eq!(limit("You've hit your Opus limit · resets 3:45pm"), Some(Window::Model("opus".into())));
        assert_eq!(limit("You've reached your Fable limit."), Some(Window::Model("fable".into())));
    }

    #[test]
    fn what_is_no_limit() {
        for (what, text) in [
            ("rate_limit", "API Error: Server is temporarily limiting requests (not your usage limit) · x"),
            ("rate_limit", "API Error: Request rejected (429)"),
            ("rate_limit", "You've used 91% of your session limit · resets 12:40pm (Europe/Paris)"),
            ("overloaded", "API Error: 529 Overloaded."),
            ("server_error", "API Error: 500 Internal server error: rate limit"),
            ("server_error", "You've hit your session limit"),
            ("unknown", "You've hit your session limit"),
            ("", ""),
        ] {
            assert_eq!(judged(what, text), Failure::Other, "{what}: {text}");
        }
    }

    #[test]
    fn what_needs_a_person() {
        for (what, text, want) in [
            (
                "authentication_failed",
                "Please run /login · API Error: 401 OAuth token has expired",
                Trouble::Login,
            ),
            ("oauth_org_not_allowed", "", Trouble::Login),
            ("billing_error", "Credit balance is too low", Trouble::Money),
            ("rate_limit", "You've hit your monthly spend limit", Trouble::Money),
            ("rate_limit", "You're out of extra usage · resets 5pm", Trouble::Money),
        ] {
            assert_eq!(judged(what, text), Failure::Trouble(want), "{text}");
        }
    }
}
