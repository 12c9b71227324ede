//! Replays weeks of work against the very decision that the program makes, beside simpler ones and one
//! that knows everything: how often sessions run into a limit, how long they stand still, how often
//! they are moved, and what goes to waste. `--sweep` looks for the best settings.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the developers"
)]

mod eyes;
mod oracle;
mod policy;
mod report;
mod rng;
mod run;
mod sweep;
#[cfg(test)]
mod tests;
mod workload;
mod world;

use clap::Parser;
use std::process::ExitCode;

/// Simulate weeks of work under several switching policies
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Args {
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many weeks
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=52))]
    weeks: u8,
    /// Only workloads whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Vary the settings and rank them
    #[arg(long)]
    sweep: bool,
    /// How many seeds each setting is tried with
    #[arg(long, default_value_t = 2, requires = "sweep")]
    seeds: u8,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let wanted = |w: &&workload::Workload| args.only.as_ref().is_none_or(|o| w.name.contains(o.as_str()));
    let workloads: Vec<workload::Workload> = workload::ALL.iter().filter(wanted).copied().collect();
    if workloads.is_empty() {
        eprintln!("no workload of that name");
        return ExitCode::from(2);
    }
    let weeks = usize::from(args.weeks);
    if args.sweep {
        let rows = sweep::sweep(&workloads, weeks, args.seed, args.seeds);
        report::print_sweep(&rows, args.json);
    } else {
        let rows = report::compare(&workloads, weeks, args.seed, policy::DEFAULTS);
        report::print(&rows, args.seed, weeks, args.json);
    }
    ExitCode::SUCCESS
}
