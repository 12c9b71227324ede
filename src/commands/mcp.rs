//! `mcp`: serves one client of the Model Context Protocol on standard input and output. What is shown and done is
//! what the commands show and do; the rules of the protocol are in `model/mcp`.
//!
//! One process a client, which ends when its input does. Between two requests it holds nothing: each reads the
//! configuration and the state anew, and takes the locks that the command would take.

mod call;
mod lines;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use crate::act::status::gather;
use crate::commands::task::list;
use crate::env::{Env, Global};
use crate::error::{Exit, Mark, hints_of, messages_of};
use crate::model::mcp::bounded::bounded;
use crate::model::mcp::protocol::{self, Ask, Client, Heard, Request, code};
use crate::model::mcp::resources::{self, LOG_LINES, Resource};
use crate::model::mcp::tools::{self, Refusal};
use crate::model::name::shown;
use crate::output::Output;
use crate::sys::queue;
use lines::Line;

/// Serve a client of the Model Context Protocol on standard input and output
///
/// Started by the client, by an entry of its `.mcp.json` (see `examples/mcp.json`); one process a client, which ends
/// when its input does. Tools: `status`, `list_tasks`, `add_task`, `retry_task`, `explain`, and `switch` where
/// `control.enable_trigger` allows it. Resources: the status, the queue, the newest lines of the log. A task that is
/// added this way says so in its front matter (`origin: mcp`).
#[derive(Debug, clap::Args)]
pub struct Args {}

/// The longest line that is read, in bytes: the longest text, each of its characters escaped.
const LONGEST: usize = 6 * tools::MAX_TEXT + (64 << 10);

/// In milliseconds: whether `switch` is among the tools may change.
const TOOLS_STAY: u64 = 60_000;

/// Runs the command.
///
/// # Errors
/// If standard input cannot be read. A request that cannot be answered as it was meant to be is an answer too.
pub fn run(global: &Global, _: &Args) -> Result<Exit> {
    let mut input = lines::Lines::of_stdin(LONGEST);
    if input.is_terminal() {
        return Err(anyhow!("a terminal does not speak the Model Context Protocol"))
            .hint("an entry of `.mcp.json` starts it, see `claude-failover mcp --help`")
            .exit(Exit::Usage);
    }
    let (mut client, output) = (Client::default(), Output::default());
    loop {
        let answer = match input.next()? {
            None => return Ok(Exit::Done),
            Some(Line::TooLong) => protocol::too_long(LONGEST),
            Some(Line::Whole(line)) => match client.hear(&line) {
                Heard::Nothing => continue,
                Heard::Answer(answer) => answer,
                Heard::Asked(request, ask) => answered(global, &request, ask),
            },
        };
        output.text(&answer.to_string());
    }
}

fn answered(global: &Global, request: &Request, ask: Ask) -> Value {
    match ask {
        Ask::Tools => {
            // What it would be refused is not offered; a configuration that cannot be read allows nothing.
            let steering = env(global).is_ok_and(|env| env.config.control.enable_trigger);
            request.cacheable(json!({ "tools": tools::declared(steering) }), TOOLS_STAY)
        }
        Ask::Read(uri) => match Resource::at(&uri).map(|r| (r, env(global).and_then(|env| read(&env, r)))) {
            None => request.no_resource(&uri),
            Some((resource, Ok(value))) => request.cacheable(resources::contents(resource, &bounded(value)), 0),
            Some((_, Err(e))) => request.error(code::INTERNAL, &words(&e)),
        },
        Ask::Call { tool, arguments } => match tools::read(&tool, arguments) {
            Err(Refusal::Unknown) => {
                request.error(code::INVALID_PARAMS, &format!("unknown tool: `{}`", shown(&tool)))
            }
            Err(Refusal::Arguments(why)) => request.result(tools::failure(&format!("{tool}: {why}"))),
            Ok(asked) => request.result(match env(global).and_then(|env| call::make(&env, asked)) {
                Ok(value) => tools::result(bounded(value)),
                Err(e) => tools::failure(&words(&e)),
            }),
        },
    }
}

/// What a request runs in: everything as it is now.
fn env(global: &Global) -> Result<Env> {
    let env = Env::new(global)?;
    // Whatever a command prints would be taken for an answer.
    Ok(Env { origin: Some("mcp"), out: Output { json: true, quiet: true }, ..env })
}

fn read(env: &Env, resource: Resource) -> Result<Value> {
    Ok(match resource {
        Resource::Status => serde_json::to_value(gather(env, false)?)?,
        Resource::Queue => list::json(&list::rows(env, &queue::projects(&env.config), false)?),
        Resource::Log => {
            let mut lines = env.store.log(LOG_LINES, None, |_| true);
            // The first ones stay where an answer is cut.
            lines.reverse();
            json!({ "version": 1, "lines": lines })
        }
    })
}

/// A failure for a model: what, why, and what to do about it.
fn words(error: &anyhow::Error) -> String {
    let hints = hints_of(error).into_iter().map(|hint| format!("hint: {hint}"));
    std::iter::once(messages_of(error).join(": ")).chain(hints).collect::<Vec<_>>().join("\n")
}
