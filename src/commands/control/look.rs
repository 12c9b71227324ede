//! What `GET` shows: the same as the commands print with `--json`.

use serde_json::{Value, json};

use crate::act;
use crate::act::status::{gather, health};
use crate::commands::task::list;
use crate::commands::{account, log, task};
use crate::env::Env;
use crate::model::control::query::Query;
use crate::model::control::route::View;
use crate::model::control::{Answer, Refusal, openapi};
use crate::model::log::Filter;
use crate::model::session::State;
use crate::model::{metrics, page};
use crate::sys::queue;

/// The most lines of the log in one answer.
const MOST_LINES: usize = 10_000;

/// So many unless another number, or a time, is asked for.
const LINES: usize = 1_000;

/// Shows it.
///
/// # Errors
/// If it is asked for in a way that is not known, or cannot be read.
pub fn at(env: &Env, view: View, query: &str) -> Result<Answer, Refusal> {
    let asked = |known: &[&str]| Query::read(query, known);
    let value = match view {
        View::Page => {
            asked(&[])?;
            let mut data = act::page::gather(env, false)?;
            data.trigger = env.config.control.enable_trigger;
            return Ok(Answer::page(page::render(&data), page::csp()));
        }
        View::Metrics => {
            asked(&[])?;
            return Ok(Answer::of(metrics::MEDIA_TYPE, metrics::render(&gather(env, false)?)));
        }
        View::Health => {
            asked(&[])?;
            return well(env);
        }
        View::Status => status(env, &asked(&["cached"])?)?,
        View::Sessions => {
            let query = asked(&["cached", "state"])?;
            let state = match query.text("state") {
                None => None,
                Some(text) => Some(serde_json::from_value::<State>(text.into()).map_err(|_| {
                    Refusal::new(400, format!("not a state of a session: `{}`", crate::model::name::shown(text)))
                })?),
            };
            let mut status = gather(env, query.flag("cached")?)?;
            status.sessions.retain(|s| state.is_none_or(|state| s.state == state));
            json!({ "version": 1, "at": status.at, "sessions": status.sessions, "pool": status.pool })
        }
        View::Accounts => {
            asked(&[])?;
            account::list::all(env)
        }
        View::Tasks => tasks(env, &asked(&["project", "all"])?)?,
        View::Events => {
            events(env, &asked(&["since", "limit", "session", "task", "account", "project", "command"])?)?
        }
        View::OpenApi => {
            asked(&[])?;
            openapi::document()
        }
    };
    Ok(Answer::json(200, &value))
}

fn status(env: &Env, query: &Query) -> Result<Value, Refusal> {
    let status = gather(env, query.flag("cached")?)?;
    serde_json::to_value(&status).map_err(|e| Refusal::from(anyhow::Error::from(e)))
}

/// Whether anything looks after it all: for monitors, which ask for nothing but the status code.
fn well(env: &Env) -> Result<Answer, Refusal> {
    match health(env)?.first() {
        None => {
            let value = json!({ "version": 1, "at": env.now, "program": env!("CARGO_PKG_VERSION"), "ok": true });
            Ok(Answer::json(200, &value))
        }
        Some(need) => {
            let refusal = Refusal::new(503, format!("`{}` {}", need.subject, need.what));
            Err(match &need.hint {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            })
        }
    }
}

fn tasks(env: &Env, query: &Query) -> Result<Value, Refusal> {
    let projects = match query.text("project") {
        Some(name) => vec![task::project(env, Some(name))?],
        None => queue::projects(&env.config),
    };
    Ok(list::json(&list::rows(env, &projects, query.flag("all")?)?))
}

fn events(env: &Env, query: &Query) -> Result<Value, Refusal> {
    let text = |name: &str| query.text(name).map(str::to_owned);
    let filter = Filter {
        since: query.text("since").map(|text| log::time(env, text)).transpose()?,
        session: text("session"),
        task: text("task"),
        account: text("account"),
        project: text("project"),
        command: text("command"),
        ..Filter::default()
    };
    // Who says since when wants all of it.
    let usual = if filter.since.is_some() { MOST_LINES } else { LINES };
    let most = query.number("limit", 1..=MOST_LINES)?.unwrap_or(usual);
    let lines = env.store.log(most, filter.since, |line| filter.wants(line));
    Ok(json!({ "version": 1, "lines": lines }))
}
