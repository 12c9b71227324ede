//! `account`: the operator's logins and their homes.

mod add;
mod check;
mod drop;
pub mod list;
mod login;

use anyhow::{Result, anyhow};

use crate::config::Account;
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::name::AccountName;

/// Look after the accounts: their homes, links and logins
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Add(add::Add),
    List(list::List),
    Login(login::Login),
    Check(check::Check),
    Drop(drop::Drop),
}

/// Runs the command.
///
/// # Errors
/// If the account is unknown, its home cannot be used, or a step fails.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.verb {
        Verb::Add(args) => add::add(env, args),
        Verb::List(args) => list::list(env, args),
        Verb::Login(args) => login::login(env, args),
        Verb::Check(args) => check::check(env, args),
        Verb::Drop(args) => drop::drop(env, args),
    }
}

/// Logs an account in, as `account login` does: for `init`.
///
/// # Errors
/// If the client does not log in.
pub fn log_in(env: &Env, name: &AccountName) -> Result<Exit> {
    login::login(env, &login::Login { name: name.clone(), print: false })
}

/// An account of the configuration.
fn account<'a>(env: &'a Env, name: &AccountName) -> Result<&'a Account> {
    env.config
        .account(name)
        .ok_or_else(|| anyhow!("no account `{name}` in the configuration"))
        .hint("`claude-failover account list` lists them")
}
