//! `config check`: what the configuration comes to.

use anyhow::Result;

use crate::env::{self, Global};
use crate::error::Exit;
use crate::output::Output;
use crate::sys::paths::{self, Roots};
use crate::sys::queue;

/// Look at the configuration
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Check the configuration and print it with every default filled in
    Check,
}

/// Runs the command.
///
/// # Errors
/// If the configuration is invalid (exit 6).
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let Verb::Check = args.verb;
    let roots = Roots::from_env()?;
    let (mut config, path) = env::load(&roots, global, true)?;
    let out = Output { json: global.json, quiet: global.quiet };
    config.projects = queue::projects(&config);
    let state = roots.state_dir(global.state_dir.as_deref(), config.state_dir.as_deref());
    config.state_dir = Some(paths::absolute_path(&state)?);
    for account in config.accounts.iter().filter(|a| !a.home.is_dir()) {
        let why = format!("account `{}` has no home yet: `{}`", account.name, account.home.display());
        config.warnings.push(why);
    }
    if paths::find_program(&config.client.program, &config.client.path).is_none() {
        let why = format!("client.program is not installed: `{}`", config.client.program.display());
        config.warnings.push(why);
    }
    if out.json {
        let mut value = serde_json::to_value(&config)?;
        value["version"] = 1.into();
        value["warnings"] = serde_json::to_value(&config.warnings)?;
        out.object(&value);
        return Ok(Exit::Done);
    }
    for warning in &config.warnings {
        out.warn(&format!("{}: {warning}", path.display()));
    }
    if !out.quiet {
        out.text(&config.resolved_yaml()?);
    }
    Ok(Exit::Done)
}
