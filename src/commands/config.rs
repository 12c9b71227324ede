//! `config check`: what the configuration comes to.

use anyhow::Result;

use crate::cli::Global;
use crate::env;
use crate::error::Exit;
use crate::output::Output;
use crate::sys::paths::Roots;

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
    let (config, path) = env::load(&roots, global, true)?;
    let out = Output { json: global.json, quiet: global.quiet };
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
