//! The last step of `init`: what runs everything from now on.

use super::{Args, ask};
use crate::act::timers::{Units, dir, manager, steps};
use crate::env::Env;
use crate::model::report::{Item, Report};
use crate::model::timers::{Flavour, plan};
use crate::output::Output;
use crate::sys::systemd::unit_files;
use crate::sys::user;

/// What is done about the units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timers {
    /// They are installed.
    Install,
    /// They are as they should be.
    AreThere,
    /// They are left alone, although systemd could run them.
    Leave,
    /// There is no systemd that would run them.
    Cron,
}

impl Timers {
    /// By flags, and on a terminal by asking where there is something to ask.
    pub(super) fn wanted(env: &Env, args: &Args, asks: bool) -> Self {
        // Whoever asks for them is told why they cannot be installed.
        if args.timers {
            return Self::Install;
        }
        if manager(&Flavour::User).is_err() {
            return Self::Cron;
        }
        if are_there(env) {
            return Self::AreThere;
        }
        let question = "let systemd run it from now on, with units of your own user?";
        if !args.no_timers && asks && ask::yes(question, &env.out) { Self::Install } else { Self::Leave }
    }

    /// Installs them if that is wanted, or says what an install would do; what goes wrong keeps nothing else from
    /// being done.
    pub(super) fn install(self, env: &Env, report: &mut Report) {
        if self != Self::Install {
            return;
        }
        let done = Units::of(env, Flavour::User).and_then(|units| steps::install(&units, report.dry_run));
        match done {
            Ok(own) => {
                report.actions.extend(own.actions);
                // `doctor` is next, and tells of lingering.
                let is_news = |item: &Item| report.dry_run || item.subject != steps::LINGERING;
                report.waiting.extend(own.waiting.into_iter().filter(is_news));
            }
            Err(e) => report.actions.push(Item::error("timers", "not installed", &e)),
        }
    }

    /// What is left to do for a person.
    pub(super) fn next_step(self, out: &Output) {
        match self {
            Self::Install | Self::AreThere => {}
            Self::Leave => out.note("to let systemd run it: `claude-failover timers install`"),
            Self::Cron => {
                out.note(
                    "to let cron run it: `claude-failover timers print --cron` prints the lines for `crontab -e`",
                );
            }
        }
    }
}

/// Whether an install would do nothing, or the machine's own manager has units of ours.
fn are_there(env: &Env) -> bool {
    let machine = Flavour::System { user: user::name() };
    if dir(&machine).and_then(|dir| Ok(unit_files(&dir)?)).is_ok_and(|files| !files.is_empty()) {
        return true;
    }
    let before = || {
        let units = Units::of(env, Flavour::User).ok()?;
        let before = units.before(&units.systemctl().ok()?).ok()?;
        Some(plan::install(&units.units, &before).is_empty())
    };
    before().unwrap_or(false)
}
