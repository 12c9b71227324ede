//! The proofs of the guard.
//!
//! What is proved, and how:
//! - **No bypass** (`guard-lab run`). Known-bad commands, mutated by every class of bypass and put inside one another
//!   ([`generate`]), are given to a real bash. The guard reads the same text. Where bash did something that the rules
//!   forbid and the guard had allowed the text, there is a bypass ([`judge`]).
//! - These are commands that destroy. They run **only** in a root of their own: new user, mount, process, network, IPC
//!   and name namespaces, a root file system in memory that holds a copied bash and stand-ins at the paths of the real
//!   programs ([`root`]), nothing of the host mounted, an ordinary user without any capability, limits on processes,
//!   memory, files and time ([`outer`]). The process inside looks for itself before it runs anything and refuses when
//!   anything of the host is in reach (`inside/seal.rs`); `tests/guard_lab.rs` leaves one part of the seal out after
//!   the other and shows that it does.
//! - **No false block** (`guard-lab corpus`). The commands that others' tests take for harmless, read from a checkout.
//! - **No panic, nothing slow** (`fuzz/`, with coverage).
//!
//! Nothing here gives text to a shell of this machine.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a program of the developers"
)]

mod base;
mod corpus;
mod generate;
mod judge;
mod machine;
mod outer;
mod places;
mod root;
mod run;
mod sealed;
mod words;
mod world;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Proofs of the guard
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run generated commands in sealed roots and compare with the guard; exit 1 on a bypass
    Run {
        /// Seed of the random commands
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many random commands
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        /// First every single mutation of every known-bad command
        #[arg(long)]
        singles: bool,
        /// Sealed roots side by side
        #[arg(long)]
        jobs: Option<usize>,
        /// Write the full lists there
        #[arg(long)]
        report: Option<PathBuf>,
    },
    /// Print generated commands, one escaped line each
    Generate {
        /// The seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many
        #[arg(long, default_value_t = 20)]
        count: u64,
    },
    /// Run the lines of a file in a sealed root, one command a line, and print what each did
    Try {
        /// The file; `\n` in a line is a line break
        file: PathBuf,
    },
    /// Judge what others' tests take for harmless; exit 1 if anything is blocked
    Corpus {
        /// A checkout of ldayton/Dippy
        #[arg(long)]
        dippy: Option<PathBuf>,
        /// A checkout of michaeldhopkins/safe-chains
        #[arg(long)]
        safe_chains: Option<PathBuf>,
    },
    /// Make a sealed root and serve it on standard input and output
    Outer {
        /// Leave a part of the seal out, to see it refused
        #[arg(long)]
        leave: Option<String>,
    },
}

fn main() {
    let code = match Cli::parse().command {
        Command::Outer { leave } => sealed::outer(leave.as_deref()),
        Command::Generate { seed, count } => {
            let bases = base::all();
            for index in 0..count {
                let made = generate::any(&bases, seed, index);
                println!("{} [{}] {}", made.rule, made.by.join(" + "), made.text.escape_debug());
            }
            0
        }
        Command::Run { seed, count, singles, jobs, report } => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let order = run::Order { seed, count, singles, jobs: jobs.unwrap_or(cores), report };
            match run::run(&order) {
                Ok(outcome) => {
                    print!("{}", outcome.told(40));
                    i32::from(outcome.failures() > 0)
                }
                Err(why) => {
                    eprintln!("guard-lab: {why}");
                    98
                }
            }
        }
        Command::Corpus { dippy, safe_chains } => {
            let mut report = String::new();
            let mut blocked = 0;
            for (name, commands) in [
                ("Dippy", dippy.map(|dir| corpus::dippy(&dir))),
                ("safe-chains", safe_chains.map(|dir| corpus::safe_chains(&dir))),
            ] {
                let Some(commands) = commands else { continue };
                assert!(!commands.is_empty(), "no commands of {name} were found");
                blocked += corpus::judge(name, &commands, &mut report);
            }
            print!("{report}");
            i32::from(blocked > 0)
        }
        Command::Try { file } => {
            let text = std::fs::read_to_string(file).unwrap();
            let mut sealed = sealed::Sealed::new().unwrap();
            let judge = judge::Judge::default();
            for line in text.lines() {
                let line = line.replace("\\n", "\n");
                let ran = sealed.run(&line, "bash").unwrap();
                println!("{line}\n  {ran:?}\n  {:?}", judge.compare(&line, &ran));
            }
            0
        }
    };
    std::process::exit(code);
}
