//! `control`: one HTTP exchange on standard input and output. The rules are in `model/control`; what is seen and done
//! is what the commands see and do.

mod change;
mod look;

use anyhow::{Result, anyhow};

use crate::env::{Env, Global};
use crate::error::{Exit, Mark, messages_of};
use crate::model::control::request::Head;
use crate::model::control::route::{Route, route};
use crate::model::control::{Answer, Refusal, door, openapi};
use crate::output::Output;
use crate::sys::http::{Connection, Peer, ReadError};
use crate::sys::secret;

/// Answer one HTTP request on standard input and output
///
/// Started for each connection by the socket unit that `timers install --control` makes: there is no server that runs.
/// `GET /health`, `/status`, `/accounts`, `/sessions`, `/tasks`, `/events?since=2h`; and, where
/// `control.enable_trigger` allows it, `POST /tasks`, `/tasks/ID/retry`, `/tasks/ID/cancel` and `/trigger/dispatch`,
/// `/trigger/quota-check`, `/trigger/watch`, `/trigger/checkpoint`, `/trigger/switch`. `GET /openapi.json` describes
/// them all. Over a port a request must show the token of `control.token`; a Unix socket is guarded by its mode.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the OpenAPI description and answer nothing
    #[arg(long)]
    openapi: bool,
}

/// Runs the command.
///
/// # Errors
/// If there is nobody to answer. A request that cannot be answered as it was meant to be is an answer too.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    if args.openapi {
        Output::default().object(&openapi::document());
        return Ok(Exit::Done);
    }
    if Connection::is_terminal() {
        return Err(anyhow!("a terminal sends no HTTP requests"))
            .hint("`claude-failover timers install --control` makes the socket that it answers on")
            .exit(Exit::Usage);
    }
    let mut connection = Connection::take();
    let (head, answer) = match read_head(&mut connection) {
        Ok(head) => {
            let answer = answered(global, &mut connection, &head);
            (head, answer)
        }
        Err(None) => return Ok(Exit::Done),
        Err(Some(refusal)) => (Head::default(), Err(refusal)),
    };
    let answer = answer.unwrap_or_else(|refusal| {
        if refusal.status >= 500 {
            log::error!("{}", messages_of(&refusal.error).join(": "));
        }
        refusal.answer()
    });
    log::info!("{} {}: {}", head.method, crate::model::name::shown(&head.path), answer.status);
    connection.answer(&answer.bytes(head.method == "HEAD"));
    Ok(Exit::Done)
}

/// The head of the request; nothing if nobody wants an answer.
fn read_head(connection: &mut Connection) -> Result<Head, Option<Refusal>> {
    let mut begun = false;
    let read = connection.read(|received| {
        begun |= !received.is_empty();
        match Head::read(received) {
            Ok(found) => found.map(|(head, length)| (Ok(head), length)),
            Err(refusal) => Some((Err(refusal), received.len())),
        }
    });
    match read {
        Ok(head) => head.map_err(Some),
        Err(ReadError::Late) if begun => Err(Some(late())),
        Err(_) => Err(None),
    }
}

fn late() -> Refusal {
    Refusal::new(408, "the request did not arrive in time")
}

fn answered(global: &Global, connection: &mut Connection, head: &Head) -> Result<Answer, Refusal> {
    // Whatever it asks for: before anything is read or said.
    door::admit(head)?;
    let peer = connection.peer();
    if peer == Peer::Remote {
        return Err(Refusal::new(403, "only this machine is answered"));
    }
    let env = Env::new(global).map(|env| Env { origin: Some("control"), ..env }).map_err(|e| match peer {
        // Who has shown nothing is not told what stands in the configuration.
        Peer::Local => Refusal { status: 500, ..Refusal::from(e) },
        _ => {
            log::error!("{}", messages_of(&e).join(": "));
            Refusal::new(500, "the configuration or the state directory cannot be used")
        }
    })?;
    if peer == Peer::Loopback {
        door::authorise(head, &token(&env)?)?;
    }
    match route(&head.method, &head.path)? {
        Route::Look(view) => {
            connection.looks();
            look::at(&env, view, &head.query)
        }
        Route::Change(what) => {
            head.is_json()?;
            if !env.config.control.enable_trigger {
                return Err(Refusal::new(403, "nothing can be changed this way")
                    .hint("set `control.enable_trigger: true` in the configuration"));
            }
            let body = read_body(connection, head)?;
            connection.no_haste();
            change::make(&env, &what, &head.query, &body)
        }
    }
}

/// The token that a request over a port must show.
fn token(env: &Env) -> Result<String, Refusal> {
    let unusable = |e: anyhow::Error| {
        log::error!("{}", messages_of(&e).join(": "));
        Refusal::new(403, "no request over a port is answered: there is no usable token")
            .hint("set `control.token`, see `examples/config.yaml`; the journal of the unit tells more")
    };
    let source =
        env.config.control.token.as_ref().ok_or_else(|| unusable(anyhow!("`control.token` is not set")))?;
    let token = secret::read(source).map_err(unusable)?;
    if token.expose().len() < door::SHORTEST_TOKEN {
        let short = format!("the token of `control.token` is shorter than {} bytes", door::SHORTEST_TOKEN);
        return Err(unusable(anyhow!(short)));
    }
    Ok(token.expose().to_owned())
}

fn read_body(connection: &mut Connection, head: &Head) -> Result<Vec<u8>, Refusal> {
    let length = head.length()?;
    if head.waits()? && length > 0 {
        connection.go_on();
    }
    let whole = |received: &[u8]| received.get(..length).map(|body| (body.to_vec(), length));
    connection.read(whole).map_err(|e| match e {
        ReadError::Late => late(),
        ReadError::Gone => Refusal::new(400, "the body is shorter than its `content-length`"),
    })
}
