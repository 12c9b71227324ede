//! `notifications`: the targets, each with its rules and where its secret is read.

mod policy;
mod webhook;

pub use webhook::is_local;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::policy::policy;
use self::webhook::{address, placeholders, webhook};
use super::check::{Faults, positive, program, repeated};
use super::line::line_of;
use super::schema::{Method, RawNotifications, RawSecret, RawTarget, TargetKind};
use crate::model::name::{SessionName, shown};
use crate::model::notify::policy::Policy;
use crate::model::notify::template::SECRET;

/// Who is told what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notify {
    /// In the order of the file.
    pub targets: Vec<Target>,
    /// How long one try may take.
    pub timeout: Duration,
    /// What could not be delivered for so long is parked.
    pub keep: SignedDuration,
}

impl Notify {
    /// The files that hold secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &Path> {
        self.targets.iter().filter_map(|t| match &t.secret {
            Some(SecretSource::File(path)) => Some(path.as_path()),
            _ => None,
        })
    }
}

/// Somewhere that messages are sent to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// Its name: a file name as well.
    pub name: String,
    /// What it is told, and how often.
    pub policy: Policy,
    /// Where its secret is read, if it has one.
    pub secret: Option<SecretSource>,
    /// How it is reached.
    pub via: Via,
}

/// How a target is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A bot of Telegram.
    Telegram {
        /// The address of the bot API.
        api: String,
        /// Who is written to: a number, or `@channel`.
        chat: String,
        /// A topic of a group.
        thread: Option<i64>,
        /// Whether only critical messages make a sound.
        silent: bool,
    },
    /// E-mail through Resend.
    Resend {
        /// The address of its API.
        api: String,
        /// The sender.
        from: String,
        /// The receivers.
        to: Vec<String>,
    },
    /// JSON over HTTP.
    Webhook {
        /// The address. May hold the secret's placeholder.
        url: String,
        /// How it is called.
        method: Method,
        /// Further headers. May hold the secret's placeholder.
        headers: BTreeMap<String, String>,
        /// What is sent, with placeholders.
        body: Value,
        /// The most characters of `{{text}}`.
        max_text: usize,
    },
    /// A program, with placeholders in its arguments.
    Desktop {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
    /// The journal.
    Journal {
        /// Its socket.
        socket: PathBuf,
    },
}

/// Where a secret is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A credential that the service manager hands to the unit (`LoadCredential=`).
    Credential(String),
    /// A file, mode 0600 or less.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
}

impl Via {
    /// Its kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Telegram { .. } => TargetKind::Telegram,
            Self::Resend { .. } => TargetKind::Resend,
            Self::Webhook { .. } => TargetKind::Webhook,
            Self::Desktop { .. } => TargetKind::Desktop,
            Self::Journal { .. } => TargetKind::Journal,
        }
    }

    /// Whether it takes a message only once that is sent again with its id.
    #[must_use]
    pub fn knows_ids(&self) -> bool {
        matches!(self, Self::Resend { .. } | Self::Webhook { .. })
    }
}

const TELEGRAM: &str = "https://api.telegram.org";
const RESEND: &str = "https://api.resend.com";
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Reads markup, so its text is escaped; what begins with a dash cannot be an option behind `--`.
const DESKTOP: [&str; 5] = ["--app-name=claude-failover", "--urgency={{urgency}}", "--", "{{title}}", "{{text}}"];

pub(super) fn targets(
    raw: &RawNotifications,
    home: &Path,
    text: &str,
    f: &mut Faults,
    warnings: &mut Vec<String>,
) -> Notify {
    let keep = positive("notifications.keep", raw.keep, SignedDuration::from_hours(168), f);
    if keep > SignedDuration::from_hours(24 * 90) {
        f.add("notifications.keep", "longer than ninety days");
    }
    let timeout = positive("notifications.timeout", raw.timeout, SignedDuration::from_secs(10), f);
    if timeout > SignedDuration::from_mins(1) {
        f.add("notifications.timeout", "longer than a minute");
    }
    let (mut names, mut targets) = (HashMap::new(), Vec::new());
    for (n, target) in raw.targets.iter().enumerate() {
        let at = format!("notifications.targets.{n}");
        let name = format!("{at}.name");
        // The same letters as a session's: it is part of a path and of a command line.
        f.name(&name, SessionName::new(target.name.clone()));
        if repeated(&mut names, target.name.clone(), &name).is_some() {
            f.add(&name, format!("target `{}` is listed twice", shown(&target.name)));
        }
        let policy = policy(&at, target, keep, f);
        let secret = target.secret.as_ref().and_then(|raw| secret(&format!("{at}.secret"), raw, home, f));
        if let Some(via) = via(&at, target, secret.is_some(), home, f) {
            if let Some(SecretSource::Env(name)) = &secret {
                let line = line_of(text, &format!("{at}.secret.env")).unwrap_or(1);
                warnings.push(format!(
                    "line {line}: {at}.secret.env: every process of yours can read the environment (`{name}`): \
                     a credential or a file is better"
                ));
            }
            targets.push(Target { name: target.name.clone(), policy, secret, via });
        }
    }
    Notify { targets, timeout: timeout.try_into().unwrap_or(Duration::from_secs(10)), keep }
}

pub(super) fn secret(at: &str, raw: &RawSecret, home: &Path, f: &mut Faults) -> Option<SecretSource> {
    let keys = &raw.0;
    let name = |text: &String| {
        !text.is_empty()
            && text.len() < 200
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    match (&keys.credential, &keys.file, &keys.env) {
        (Some(credential), None, None) if name(credential) && !credential.starts_with('.') => {
            Some(SecretSource::Credential(credential.clone()))
        }
        (None, Some(file), None) => f.path(&format!("{at}.file"), file, home).map(SecretSource::File),
        (None, None, Some(env)) if name(env) && !env.starts_with("CLAUDE_FAILOVER_") => {
            Some(SecretSource::Env(env.clone()))
        }
        (Some(_), None, None) => {
            f.add(format!("{at}.credential"), "not the name of a credential");
            None
        }
        (None, None, Some(_)) => {
            f.add(format!("{at}.env"), "not the name of a variable");
            None
        }
        _ => {
            f.add(at, "needs one of `credential`, `file`, `env`");
            None
        }
    }
}

/// The keys of a target that only some kinds have.
fn special(raw: &RawTarget) -> [(&'static str, bool, &'static [TargetKind]); 14] {
    use TargetKind::{Desktop, Journal, Resend, Telegram, Webhook};
    [
        ("secret", raw.secret.is_some(), &[Telegram, Resend, Webhook]),
        ("api", raw.api.is_some(), &[Telegram, Resend]),
        ("chat", raw.chat.is_some(), &[Telegram]),
        ("thread", raw.thread.is_some(), &[Telegram]),
        ("silent", raw.silent.is_some(), &[Telegram]),
        ("from", raw.from.is_some(), &[Resend]),
        ("to", !raw.to.is_empty(), &[Resend]),
        ("url", raw.url.is_some(), &[Webhook]),
        ("method", raw.method.is_some(), &[Webhook]),
        ("headers", !raw.headers.is_empty(), &[Webhook]),
        ("body", raw.body.is_some(), &[Webhook]),
        ("max_text", raw.max_text.is_some(), &[Webhook]),
        ("command", !raw.command.is_empty(), &[Desktop]),
        ("socket", raw.socket.is_some(), &[Journal]),
    ]
}

fn via(at: &str, raw: &RawTarget, has_secret: bool, home: &Path, f: &mut Faults) -> Option<Via> {
    let key = |key: &str| format!("{at}.{key}");
    let Some(kind) = raw.kind else {
        f.add(key("kind"), "missing: `telegram`, `resend`, `webhook`, `desktop` or `journal`");
        return None;
    };
    for (name, given, kinds) in special(raw) {
        if given && !kinds.contains(&kind) {
            f.add(key(name), format!("a target of kind `{}` has no such key", kind.as_str()));
        }
    }
    let mut needs = |name: &str, given: bool, what: &str| {
        if !given {
            f.add(key(name), format!("missing: {what}"));
        }
    };
    match kind {
        TargetKind::Telegram => {
            needs("secret", raw.secret.is_some(), "where the bot's token is read");
            needs("chat", raw.chat.is_some(), "whom the bot writes to");
            let api = raw.api.clone().unwrap_or_else(|| TELEGRAM.to_owned());
            address(&key("api"), &api, true, f);
            let chat = raw.chat.as_ref().map(|t| t.0.clone()).unwrap_or_default();
            let number = chat.strip_prefix('-').unwrap_or(&chat).bytes().all(|b| b.is_ascii_digit());
            let channel = |c: &str| c.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !number && !chat.strip_prefix('@').is_some_and(channel) {
                f.hinted(key("chat"), format!("not a chat: `{}`", shown(&chat)), "a number, or `@channel`");
            }
            Some(Via::Telegram { api, chat, thread: raw.thread, silent: raw.silent.unwrap_or(false) })
        }
        TargetKind::Resend => {
            needs("secret", raw.secret.is_some(), "where the API key is read");
            needs("from", raw.from.is_some(), "the sender, of a domain that Resend has verified");
            needs("to", !raw.to.is_empty(), "the receivers");
            let api = raw.api.clone().unwrap_or_else(|| RESEND.to_owned());
            address(&key("api"), &api, true, f);
            let from = raw.from.clone().unwrap_or_default();
            let mail = |text: &str| text.contains('@') && !text.contains(char::is_control);
            if raw.from.is_some() && !mail(&from) {
                f.add(key("from"), format!("not an e-mail address: `{}`", shown(&from)));
            }
            for (n, to) in raw.to.iter().enumerate().filter(|(_, to)| !mail(to)) {
                f.add(format!("{at}.to.{n}"), format!("not an e-mail address: `{}`", shown(to)));
            }
            Some(Via::Resend { api, from, to: raw.to.clone() })
        }
        TargetKind::Webhook => {
            needs("url", raw.url.is_some(), "where it is");
            Some(webhook(at, raw, has_secret, f))
        }
        TargetKind::Desktop => {
            let words: Vec<String> = match &raw.command[..] {
                [] => std::iter::once("notify-send").chain(DESKTOP).map(str::to_owned).collect(),
                given => given.to_vec(),
            };
            for (n, word) in words.iter().enumerate() {
                if word.contains(SECRET) {
                    f.add(
                        format!("{at}.command.{n}"),
                        "arguments can be seen by every process: no secret goes there",
                    );
                } else {
                    placeholders(&format!("{at}.command.{n}"), word, f);
                }
            }
            let program = program(&key("command"), words.first().map(String::as_str), "notify-send", home, f);
            Some(Via::Desktop { program, args: words[1..].to_vec() })
        }
        TargetKind::Journal => {
            let socket = raw.socket.as_deref().unwrap_or(JOURNAL);
            Some(Via::Journal { socket: f.path(&key("socket"), socket, home)? })
        }
    }
}

#[cfg(test)]
mod tests;
