//! `event`: what a hook of the client reports. Runs inside a session: fast, and it never fails it.

use anyhow::Result;

use crate::env::Global;
use crate::error::Exit;
use crate::model::event::Event;
use crate::model::name::SessionName;
use crate::sys::store::Store;
use crate::sys::{atomic, clock, input};

/// Record a hook event of the client (called by its hooks)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session that reports
    #[arg(long)]
    pub(crate) session: String,
}

/// The most of a hook's input that is read, in bytes; a tool's result may be large.
const MAX_INPUT: usize = 8 << 20;

/// Runs the command. Whatever goes wrong, the session goes on: a hook that fails would block it.
///
/// # Errors
/// None.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    if let Err(e) = record(global, args) {
        log::debug!("event lost: {e:#}");
    }
    Ok(Exit::Done)
}

fn record(global: &Global, args: &Args) -> Result<()> {
    let Some(dir) = &global.state_dir else { anyhow::bail!("no state directory") };
    let session = SessionName::new(args.session.as_str())?;
    let Some(input) = input::read(MAX_INPUT) else { anyhow::bail!("the input does not end") };
    let value = serde_json::from_slice(&input)?;
    let event = Event::from_hook(&value, clock::now());
    let store = Store::at(dir);
    atomic::append_line(&store.events_path(&session), &serde_json::to_string(&event)?)?;
    if event.is_news() {
        store.kick(session.as_str());
    }
    // A limit, perhaps: what `quota-check` has to tell.
    if event.event == "StopFailure" && !event.subagent {
        store.kick("quota");
    }
    Ok(())
}
