//! The units that run the commands: which there are, how they are filled in, what an install has to do.
//!
//! The texts lie in `timers/` at the top of the repository. What is filled into them comes from the
//! configuration and may be anything: it is refused where a unit cannot name it, and quoted otherwise.

pub mod cron;
pub mod plan;
mod quote;
mod render;

use jiff::SignedDuration;
use std::fmt;

pub use quote::Unfit;
use quote::{assigned, path, word, words};
pub use render::{Unit, names, units};

/// The first line of every file that we write. Only files that begin so are ever overwritten or removed.
pub const HEADER: &str = "# made by claude-failover timers install: edit with systemctl edit";

/// The socket of `control`: installed only where that is asked for.
pub const CONTROL: &str = "claude-failover-control.socket";

/// The unit of the tmux server: the home of all sessions, never restarted, never stopped unasked.
pub const TMUX: &str = "claude-failover-tmux.service";

/// The unit that looks after all sessions.
pub const WATCH: &str = "claude-failover-watch.service";

/// The unit that sends what people are told.
pub const NOTIFY: &str = "claude-failover-notify.service";

/// The most inboxes that are watched: each costs one of the 128 inotify instances of a user.
pub const MOST_INBOXES: usize = 64;

/// Whose manager runs the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The user's own: `systemctl --user`.
    User,
    /// The machine's, on behalf of a user.
    System {
        /// The user to whom the sessions belong.
        user: String,
    },
}

impl Flavour {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System { .. } => "system",
        }
    }
}

/// How often the timers run their commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// `dispatch`.
    pub dispatch: SignedDuration,
    /// `watch`.
    pub watch: SignedDuration,
    /// `quota-check`.
    pub quota_check: SignedDuration,
    /// `checkpoint`.
    pub checkpoint: SignedDuration,
    /// `notify`.
    pub notify: SignedDuration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            dispatch: SignedDuration::from_mins(1),
            watch: SignedDuration::from_secs(30),
            quota_check: SignedDuration::from_mins(1),
            checkpoint: SignedDuration::from_mins(5),
            notify: SignedDuration::from_mins(1),
        }
    }
}

/// A command that a timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The subcommand; `claude-failover-NAME.service` and `.timer` are its units.
    pub name: &'static str,
    /// After which a run is ended: the `TimeoutStartSec=` of its unit.
    pub limit: SignedDuration,
}

/// The commands that run by themselves, in the order in which they first do.
pub const JOBS: [Job; 6] = [
    Job { name: "watch", limit: SignedDuration::from_mins(15) },
    Job { name: "quota-check", limit: SignedDuration::from_mins(30) },
    Job { name: "dispatch", limit: SignedDuration::from_mins(15) },
    Job { name: "notify", limit: SignedDuration::from_mins(10) },
    Job { name: "checkpoint", limit: SignedDuration::from_mins(10) },
    Job { name: "janitor", limit: SignedDuration::from_mins(60) },
];

impl Intervals {
    /// From the end of a run to the next; `None` for what runs once an hour, by the calendar.
    #[must_use]
    pub fn of(&self, job: &str) -> Option<SignedDuration> {
        match job {
            "dispatch" => Some(self.dispatch),
            "watch" => Some(self.watch),
            "quota-check" => Some(self.quota_check),
            "checkpoint" => Some(self.checkpoint),
            "notify" => Some(self.notify),
            _ => None,
        }
    }
}

/// What is filled into the units, as it is on the machine: absolute paths, nothing quoted.
#[derive(Clone, Debug)]
pub struct Place {
    /// Whose manager.
    pub flavour: Flavour,
    /// This program.
    pub program: String,
    /// The configuration.
    pub config: String,
    /// The state directory.
    pub state: String,
    /// A `PATH` on which tmux and the client are found.
    pub path: String,
    /// `TMUX_TMPDIR`, where whoever installs has one: it says where a named socket lies.
    pub tmux_tmpdir: Option<String>,
    /// The command that starts the tmux server.
    pub tmux: Vec<String>,
    /// The directory of the server's socket, if it is not tmux's own.
    pub socket_dir: Option<String>,
    /// The inboxes of all projects.
    pub inboxes: Vec<String>,
    /// Where requests come in: a path or `127.0.0.1:PORT`; none for the default place.
    pub listen: Option<String>,
    /// How often.
    pub intervals: Intervals,
}

/// What stands in the placeholders, quoted.
#[derive(Clone, Debug)]
pub struct Filling {
    flavour: Flavour,
    run: String,
    environment: String,
    user: String,
    tmux: String,
    socket_dir: String,
    kick: String,
    touch: String,
    inboxes: Vec<String>,
    listen: String,
    socket_user: String,
    intervals: Intervals,
}

/// Where requests come in unless the configuration says something else: in the manager's own runtime directory.
pub const SOCKET: &str = "%t/claude-failover/control.sock";

impl Filling {
    /// Checks and quotes what is to be filled in.
    ///
    /// # Errors
    /// If a unit file cannot name it.
    pub fn of(place: &Place) -> Result<Self, Unfit> {
        let run = [&place.program, "--config", &place.config, "--state-dir", &place.state, "-q"];
        let mut environment = vec![
            "# Without it the manager's own holds, and that has no ~/.local/bin.".to_owned(),
            format!("Environment={}", assigned("PATH", &place.path)?),
        ];
        if let Some(dir) = &place.tmux_tmpdir {
            environment.push("# Where the named socket lies for whoever has installed this.".to_owned());
            environment.push(format!("Environment={}", assigned("TMUX_TMPDIR", dir)?));
        }
        let user = match &place.flavour {
            Flavour::User => String::new(),
            Flavour::System { user } => {
                format!("# The sessions and their logins are this user's.\nUser={}", quote::user(user)?)
            }
        };
        let socket_user = match &place.flavour {
            Flavour::User => String::new(),
            Flavour::System { user } => {
                format!("# And that is this user, not root alone.\nSocketUser={}", quote::user(user)?)
            }
        };
        let listen = match &place.listen {
            None => SOCKET.to_owned(),
            Some(at) if at.parse::<std::net::SocketAddr>().is_ok() => at.clone(),
            Some(at) => path(at)?,
        };
        let socket_dir = match &place.socket_dir {
            Some(dir) => format!(
                "# The directory of the socket may lie where a restart of the machine empties it.\n\
                 ExecStartPre=/bin/mkdir -p -m 700 {}",
                word(dir)?
            ),
            None => String::new(),
        };
        Ok(Self {
            flavour: place.flavour.clone(),
            run: words(run)?,
            environment: environment.join("\n"),
            user,
            tmux: words(place.tmux.iter().map(String::as_str))?,
            socket_dir,
            kick: path(&format!("{}/kick", place.state))?,
            touch: word(&format!("{}/kick/task", place.state))?,
            inboxes: place.inboxes.iter().map(|inbox| path(inbox)).collect::<Result<_, _>>()?,
            listen,
            socket_user,
            intervals: place.intervals,
        })
    }

    /// For a package: user units that fit whoever enables them, with everything in its default place.
    ///
    /// # Errors
    /// If a unit file cannot name the program.
    pub fn generic(program: &str) -> Result<Self, Unfit> {
        Ok(Self {
            flavour: Flavour::User,
            run: format!("{} --state-dir %h/.local/state/claude-failover -q", word(program)?),
            environment: "# Without it the manager's own holds, and that has no ~/.local/bin.\n\
                          Environment=PATH=%h/.local/bin:/usr/local/bin:/usr/bin:/bin"
                .to_owned(),
            user: String::new(),
            tmux: words(["/usr/bin/tmux", "-u", "-L", "claude-failover"].into_iter().chain(START_SERVER))?,
            socket_dir: String::new(),
            kick: "%h/.local/state/claude-failover/kick".to_owned(),
            touch: "%h/.local/state/claude-failover/kick/task".to_owned(),
            inboxes: Vec::new(),
            listen: SOCKET.to_owned(),
            socket_user: String::new(),
            intervals: Intervals::default(),
        })
    }
}

/// The words that make tmux start a server which stays without a session.
pub const START_SERVER: [&str; 6] = ["start-server", ";", "set-option", "-g", "exit-empty", "off"];

/// All names that any version of ours gives to a unit begin so.
#[must_use]
pub fn is_our_name(name: &str) -> bool {
    name.strip_prefix("claude-failover-").is_some_and(|rest| {
        [".service", ".timer", ".path", ".socket"].iter().any(|end| rest.len() > end.len() && rest.ends_with(end))
    })
}

/// Whether a file was written by us.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    text.lines().next() == Some(HEADER)
}

/// A time span as systemd reads it.
#[must_use]
pub fn span(time: SignedDuration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
