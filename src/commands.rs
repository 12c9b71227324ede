//! One file a subcommand; here the one match.

pub mod account;
pub mod checkpoint;
pub mod config;
pub mod control;
pub mod deploy_hook;
pub mod dispatch;
pub mod doctor;
pub mod event;
pub mod explain;
pub mod guard;
pub mod init;
pub mod janitor;
pub mod launch;
pub mod log;
pub mod notify;
pub mod quota_check;
pub mod status;
pub mod statusline;
pub mod stop;
pub mod switch;
pub mod task;
pub mod timers;
pub mod watch;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::env::Env;
use crate::error::Exit;

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever the command could not do.
pub fn run(cli: &Cli) -> Result<Exit> {
    let env = || Env::new(&cli.global);
    match &cli.command {
        Command::Account(args) => account::run(&env()?, args),
        Command::Checkpoint(args) => checkpoint::run(&env()?, args),
        Command::Config(args) => config::run(&cli.global, args),
        Command::Control(args) => control::run(&cli.global, args),
        Command::DeployHook(args) if args.managed => deploy_hook::run(&Env::of_machine(&cli.global)?, args),
        Command::DeployHook(args) => deploy_hook::run(&env()?, args),
        Command::Dispatch(args) => dispatch::run(&env()?, args),
        Command::Doctor(args) => doctor::run(&cli.global, args),
        Command::Event(args) => event::run(&cli.global, args),
        Command::Explain(args) => explain::run(&env()?, args),
        Command::Guard(args) => guard::run(&cli.global, args),
        Command::Janitor(args) => janitor::run(&env()?, args),
        Command::Init(args) => init::run(&cli.global, args),
        Command::Launch(args) => launch::run(&env()?, args),
        Command::Log(args) => log::run(&env()?, args),
        Command::Notify(args) => match env() {
            Ok(env) => notify::run(&env, args),
            Err(e) => notify::without_configuration(&cli.global, args, e),
        },
        Command::QuotaCheck(args) => quota_check::run(&env()?, args),
        Command::Status(args) => status::run(&env()?, args),
        Command::Statusline(args) => statusline::run(&cli.global, args),
        Command::Stop(args) => stop::run(&env()?, args),
        Command::Switch(args) => switch::run(&env()?, args),
        Command::Task(args) => task::run(&env()?, args),
        Command::Timers(args) => timers::run(&cli.global, args),
        Command::Watch(args) => watch::run(&env()?, args),
    }
}
