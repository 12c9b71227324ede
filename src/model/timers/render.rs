//! The unit files: the templates of `timers/`, filled in.

use jiff::SignedDuration;

use super::{Filling, Flavour, HEADER, MOST_INBOXES, span};

/// One unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: &'static str,
    /// Its text, with [`HEADER`].
    pub text: String,
}

impl Unit {
    /// Whether it is started by itself, and not by another unit: it is enabled.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.text.contains("\n[Install]\n")
    }
}

macro_rules! templates {
    ($($name:literal,)*) => { &[$(($name, include_str!(concat!("../../../timers/", $name))),)*] };
}

/// Every unit, as it lies in `timers/`.
const TEMPLATES: &[(&str, &str)] = templates!(
    "claude-failover-tmux.service",
    "claude-failover-watch.service",
    "claude-failover-watch.timer",
    "claude-failover-quota-check.service",
    "claude-failover-quota-check.timer",
    "claude-failover-dispatch.service",
    "claude-failover-dispatch.timer",
    "claude-failover-notify.service",
    "claude-failover-notify.timer",
    "claude-failover-notify.path",
    "claude-failover-checkpoint.service",
    "claude-failover-checkpoint.timer",
    "claude-failover-janitor.service",
    "claude-failover-janitor.timer",
    "claude-failover-kick.service",
    "claude-failover-kick.path",
    "claude-failover-inbox.service",
    "claude-failover-inbox.path",
    "claude-failover-failed@.service",
    "claude-failover-control.socket",
    "claude-failover-control@.service",
);
const HARDENING: &str = include_str!("../../../timers/hardening.conf");
const HARDENING_SYSTEM: &str = include_str!("../../../timers/hardening-system.conf");

/// The names of all units.
pub fn names() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|(name, _)| *name)
}

/// A tenth of the interval, at least a second and at most half a minute.
fn jitter(interval: SignedDuration) -> SignedDuration {
    (interval / 10).clamp(SignedDuration::from_secs(1), SignedDuration::from_secs(30))
}

/// All units of a place; those of `control` where they are wanted.
#[must_use]
pub fn units(filling: &Filling, control: bool) -> Vec<Unit> {
    let unused = |name: &str| {
        (filling.inboxes.is_empty() && name.starts_with("claude-failover-inbox."))
            || (!control && name.starts_with("claude-failover-control"))
    };
    let all = TEMPLATES.iter().filter(|(name, _)| !unused(name));
    all.map(|(name, template)| Unit { name, text: rendered(name, template, filling) }).collect()
}

fn rendered(name: &str, template: &str, f: &Filling) -> String {
    let job = name.trim_start_matches("claude-failover-").split(['.', '@']).next().unwrap_or_default();
    let interval = f.intervals.of(job).unwrap_or_default();
    let inboxes: Vec<String> =
        f.inboxes.iter().take(MOST_INBOXES).map(|inbox| format!("PathChanged={inbox}")).collect();
    let hardening = match f.flavour {
        Flavour::User => HARDENING.to_owned(),
        Flavour::System { .. } => format!("{HARDENING}{HARDENING_SYSTEM}"),
    };
    let target = match f.flavour {
        Flavour::User => "default.target",
        Flavour::System { .. } => "multi-user.target",
    };
    let mut text = format!("{HEADER}\n");
    for line in template.lines() {
        // One pass over the template: what is filled in is never looked at again.
        let full = fill(line, |key| {
            Some(match key {
                "RUN" => f.run.clone(),
                "ENVIRONMENT" => f.environment.clone(),
                "USER" => f.user.clone(),
                "TMUX" => f.tmux.clone(),
                "LISTEN" => f.listen.clone(),
                "SOCKET_USER" => f.socket_user.clone(),
                "SOCKET_DIR" => f.socket_dir.clone(),
                "KICK" => f.kick.clone(),
                "TOUCH" => f.touch.clone(),
                "INBOXES" => inboxes.join("\n"),
                "INTERVAL" => span(interval),
                "JITTER" => span(jitter(interval)),
                "TARGET" => target.to_owned(),
                "HARDENING" => hardening.trim_end().to_owned(),
                _ => return None,
            })
        });
        // A line that held a placeholder and nothing else goes with it; so does a second empty line.
        let is_gone = full.is_empty() && (!line.is_empty() || text.ends_with("\n\n"));
        if !is_gone {
            text.push_str(&full);
            text.push('\n');
        }
    }
    text
}

/// Puts the values of the `@NAME@` of a line in their places; what is no name of ours stays.
fn fill(line: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut full = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('@') {
        full.push_str(before);
        match after.split_once('@').and_then(|(key, behind)| Some((value(key)?, behind))) {
            Some((value, behind)) => {
                full.push_str(&value);
                rest = behind;
            }
            None => {
                full.push('@');
                rest = after;
            }
        }
    }
    full + rest
}
