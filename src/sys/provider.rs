//! The service's usage endpoint (`GET /api/oauth/usage`; undocumented, optional): the only place where
//! a login leaves this program, and only to the service itself.

use jiff::Timestamp;
use serde_json::Value;

use super::login::Token;
use crate::config::Endpoint;
use crate::model::endpoint_budget::Outcome;
use crate::model::signals::endpoint::{Usage, read};

/// Who asks. Honest, whatever others send.
const USER_AGENT: &str = concat!("claude-failover/", env!("CARGO_PKG_VERSION"));

/// The longest answer that is read, in bytes.
const MOST: u64 = 1 << 20;

/// Asks for the usage of the account of a token, within the configured time.
#[must_use]
pub fn usage(endpoint: &Endpoint, token: &Token, now: Timestamp) -> (Outcome, Option<Usage>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(endpoint.timeout))
        // A login is not sent on to wherever an answer points.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(USER_AGENT)
        .build()
        .into();
    let asked = agent
        .get(&endpoint.url)
        .header("Authorization", token.bearer())
        .header("anthropic-beta", "oauth-2025-04-20")
        .header("Accept", "application/json")
        .call();
    let mut answer = match asked {
        Ok(answer) => answer,
        Err(e) => return (Outcome::Failed(format!("no answer: {e}")), None),
    };
    match answer.status().as_u16() {
        200 => {}
        429 => {
            let wait = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.trim().parse().ok());
            return (Outcome::TooMany(wait), None);
        }
        refused @ (401 | 403) => return (Outcome::Refused(refused), None),
        other => return (Outcome::Failed(format!("it answered {other}")), None),
    }
    let body = answer.body_mut().with_config().limit(MOST).read_to_vec();
    let body = match body {
        Ok(body) => body,
        Err(e) => return (Outcome::Failed(format!("its answer broke off: {e}")), None),
    };
    match serde_json::from_slice::<Value>(&body) {
        Ok(value) if value.is_object() => {
            let usage = read(&value, now);
            if usage == Usage::default() {
                // A shape that is not known is told, and says nothing about the account.
                return (Outcome::Failed("its answer names no window".to_owned()), None);
            }
            (Outcome::Good, Some(usage))
        }
        _ => (Outcome::Failed("its answer is not JSON".to_owned()), None),
    }
}
