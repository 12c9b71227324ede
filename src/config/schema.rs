//! The file as people write it. Every key is here; anything else is refused by name and line.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::model::account::{AccountKind, MoneyPolicy};
use crate::model::guard::policy::Effect;
use crate::model::notify::Severity;

/// A duration as people write it: `30s`, `5m`, `1h 30m`, `30d`. A day has 24 hours, a week seven days.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub SignedDuration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // A visitor and not a `Value`: an error from inside it is given the key and the line.
        d.deserialize_any(TimeVisitor)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0.as_secs() {
            days if days > 0 && days % 86_400 == 0 && self.0.subsec_nanos() == 0 => {
                s.serialize_str(&format!("{}d", days / 86_400))
            }
            _ => s.serialize_str(&format!("{:#}", self.0)),
        }
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `30s` or `1h 30m`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
        let days = |span: Span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
        let time = text.parse::<SignedDuration>().ok().or_else(|| text.parse::<Span>().ok().and_then(days));
        match time.ok_or(()) {
            Ok(time) if !time.is_negative() => Ok(Time(time)),
            Ok(_) => Err(E::custom(format!("a duration cannot be negative: `{text}`"))),
            Err(_) => Err(E::custom(format!("not a duration: `{text}`; write `30s` or `1h 30m`"))),
        }
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Time, E> {
        Err(E::custom("not a duration: write it with its unit, such as `30s` or `1h 30m`"))
    }
}

/// A size in bytes: a number, or a number with `KiB` or `MiB`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, `512KiB` or `1MiB`")
    }
    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        if bytes == 0 { Err(E::custom("a size of nothing")) } else { Ok(Size(bytes)) }
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        let unit =
            |suffix: &str, bytes: u64| text.strip_suffix(suffix)?.trim().parse::<u64>().ok()?.checked_mul(bytes);
        match unit("MiB", 1 << 20).or_else(|| unit("KiB", 1 << 10)) {
            Some(bytes) => self.visit_u64(bytes),
            None => Err(E::custom("not a size: write a number of bytes, `512KiB` or `1MiB`")),
        }
    }
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[$attr])* pub $field: $type,)* }

        impl $name {
            /// Its keys.
            #[cfg(test)]
            pub const KEYS: &[&str] = &[$(stringify!($field)),*];
        }
    };
}

section!(
    /// The whole file.
    Raw {
        home: Option<String>,
        state_dir: Option<String>,
        runtime_dir: Option<String>,
        allow_volatile_state: bool,
        active_account: Option<String>,
        accounts: Vec<RawAccount>,
        projects: Vec<RawProject>,
        projects_dir: Option<String>,
        pool: RawPool,
        client: RawClient,
        tmux: RawTmux,
        dispatcher: RawDispatcher,
        watcher: RawWatcher,
        quota: RawQuota,
        switch: RawSwitch,
        guard: RawGuard,
        checkpoint: RawCheckpoint,
        mcp_http: RawMcpHttp,
        control: RawControl,
        janitor: RawJanitor,
        notifications: RawNotifications,
    }
);
section!(
    /// `accounts[]`.
    RawAccount {
        name: String,
        home: String,
        priority: Option<i64>,
        kind: Option<AccountKind>,
        token_file: Option<String>,
        env: BTreeMap<String, String>,
        disabled: bool,
        window_5h_threshold: Option<f64>,
        window_week_threshold: Option<f64>,
        model_threshold: Option<f64>,
        reserve: Option<f64>,
        limits: Option<RawLimits>,
    }
);
section!(
    /// `accounts[].limits`: the daemon's, without effect.
    RawLimits { hourly_msgs: Option<u64>, weekly_msgs: Option<u64>, }
);
section!(
    /// `projects[]`.
    RawProject {
        name: Option<String>,
        path: String,
        max_sessions: Option<u32>,
        model: Option<String>,
        account: Option<String>,
        guard: Option<RawGuard>,
    }
);
section!(
    /// `guard` and `projects[].guard`: what is changed of the guard's built-in rules.
    RawGuard {
        deploy: Option<bool>,
        rules: BTreeMap<String, Effect>,
        branches: Vec<String>,
        paths: Vec<String>,
        exceptions: Vec<String>,
        sudo: Vec<String>,
    }
);
section!(
    /// `pool`.
    RawPool { dedicated: Vec<RawDedicated>, autonomous: RawAutonomous, shared_projects_dir: Option<String>, }
);
section!(
    /// `pool.dedicated[]`.
    RawDedicated { name: String, project: String, account: Option<String>, model: Option<String>, }
);
section!(
    /// `pool.autonomous`.
    RawAutonomous { prefix: Option<String>, start_index: Option<u32>, min: Option<u32>, max: Option<u32>, }
);
section!(
    /// `client`.
    RawClient {
        program: Option<String>,
        args: Option<Vec<String>>,
        env: BTreeMap<String, String>,
        path: Option<String>,
        shell: Option<String>,
        api_base: Option<String>,
        model: Option<String>,
        model_critical: Option<String>,
        ready_timeout: Option<Time>,
        stop_timeout: Option<Time>,
    }
);
section!(
    /// `tmux`.
    RawTmux {
        program: Option<String>,
        socket: Option<String>,
        config: Option<String>,
        columns: Option<u16>,
        rows: Option<u16>,
        timeout: Option<Time>,
    }
);
section!(
    /// `dispatcher`.
    RawDispatcher {
        projects_dir: Option<String>,
        ramp: Option<u32>,
        cooldown: Option<Time>,
        max_attempts: Option<u32>,
        reuse_sessions: Option<bool>,
        max_task_bytes: Option<Size>,
        interval: Option<Time>,
    }
);
section!(
    /// `watcher`.
    RawWatcher {
        interval: Option<Time>,
        idle_timeout: Option<Time>,
        done_signal_dir: Option<String>,
        max_resumes: Option<u32>,
        dedicated_resume: Option<bool>,
    }
);
section!(
    /// `quota`: when an account counts as full.
    RawQuota {
        poll_interval: Option<Time>,
        window_5h_threshold: Option<f64>,
        window_week_threshold: Option<f64>,
        model_threshold: Option<f64>,
        hysteresis: Option<f64>,
        lookahead: Option<Time>,
        reactivate_cooldown: Option<Time>,
        max_switches_per_hour: Option<usize>,
        fail_back: Option<bool>,
        money: Option<MoneyPolicy>,
        auto_switch: Option<bool>,
        endpoint: RawEndpoint,
    }
);
section!(
    /// `quota.endpoint`: asking the service itself.
    RawEndpoint { enabled: bool, url: Option<String>, timeout: Option<Time>, }
);
section!(
    /// `switch`: how sessions are moved.
    RawSwitch {
        ramp: Option<u32>,
        drain_timeout: Option<Time>,
        verify_timeout: Option<Time>,
        link: Option<String>,
    }
);
section!(
    /// `checkpoint`: snapshots of sessions.
    RawCheckpoint {
        dir: Option<String>,
        interval: Option<Time>,
        keep: Option<u32>,
        keep_days: Option<u32>,
        pane_lines: Option<u32>,
    }
);
section!(
    /// `janitor`: what is archived and removed, and when.
    RawJanitor {
        interval: Option<Time>,
        stale_claims_after: Option<Time>,
        archive_done_after: Option<Time>,
        archive_failed_after: Option<Time>,
        log_keep: Option<Time>,
        log_max: Option<Size>,
        events_keep: Option<Time>,
        signals_keep: Option<Time>,
        sessions_keep: Option<Time>,
        overlays_keep: Option<Time>,
        switches_keep: Option<usize>,
        temp_files_after: Option<Time>,
        kicks_after: Option<Time>,
        orphans_after: Option<Time>,
    }
);
section!(
    /// `mcp_http`: the daemon's, without effect.
    RawMcpHttp { listen: Option<String>, bearer_token_env: Option<String>, enable_trigger: Option<bool>, }
);
section!(
    /// `control`: seen and steered from outside.
    RawControl { enable_trigger: Option<bool>, token: Option<RawSecret>, listen: Option<String>, }
);
section!(
    /// `notifications`: who is told what.
    RawNotifications { targets: Vec<RawTarget>, timeout: Option<Time>, keep: Option<Time>, }
);
section!(
    /// `notifications.targets[]`: all keys of all kinds; which of them a kind has is checked later.
    RawTarget {
        name: String,
        kind: Option<TargetKind>,
        severity: Option<Severity>,
        events: Vec<String>,
        except: Vec<String>,
        quiet: Option<RawQuiet>,
        repeat: Option<Time>,
        per_hour: Option<usize>,
        digest_over: Option<usize>,
        secret: Option<RawSecret>,
        api: Option<String>,
        chat: Option<Text>,
        thread: Option<i64>,
        silent: Option<bool>,
        from: Option<String>,
        to: Vec<String>,
        url: Option<String>,
        method: Option<Method>,
        headers: BTreeMap<String, String>,
        body: Option<serde_yaml::Value>,
        max_text: Option<usize>,
        command: Vec<String>,
        socket: Option<String>,
    }
);
section!(
    /// `notifications.targets[].quiet`: a span of each day.
    RawQuiet { from: String, to: String, zone: Option<String>, pass: Option<Severity>, }
);

/// How a target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A bot of Telegram.
    Telegram,
    /// E-mail through Resend's HTTP API.
    Resend,
    /// Anything that takes JSON over HTTP.
    Webhook,
    /// A program on this machine.
    Desktop,
    /// The journal, with fields.
    Journal,
}

impl TargetKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Resend => "resend",
            Self::Webhook => "webhook",
            Self::Desktop => "desktop",
            Self::Journal => "journal",
        }
    }
}

/// How a webhook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The usual.
    Post,
    /// Some services ask for it.
    Put,
}

/// A text that people write without quotes although it looks like a number.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
}

section!(
    /// The keys of `secret`.
    RawSecretKeys { credential: Option<String>, file: Option<String>, env: Option<String>, }
);

/// Where a secret is read. Never the secret: what is written in its place is not even repeated in the message
/// about it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct RawSecret(pub RawSecretKeys);

impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = RawSecret;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{credential: NAME}`, `{file: PATH}` or `{env: NAME}`")
    }
    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RawSecret, A::Error> {
        RawSecretKeys::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(RawSecret)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<RawSecret, E> {
        Err(E::custom("a secret does not belong here: write `{credential: NAME}` or `{file: PATH}`"))
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<RawSecret, E> {
        self.visit_str("")
    }
}
