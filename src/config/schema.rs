//! The file as people write it. Every key is here; anything else is refused by name and line.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;

use crate::model::account::{AccountKind, MoneyPolicy};
use crate::model::guard::policy::Effect;

/// A duration as people write it: `30s`, `5m`, `1h 30m`.
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
        s.serialize_str(&format!("{:#}", self.0))
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `30s` or `1h 30m`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
        match text.parse::<SignedDuration>() {
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
        janitor: Option<serde_yaml::Mapping>,
        notifications: Option<serde_yaml::Mapping>,
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
    /// `mcp_http`: the daemon's, without effect.
    RawMcpHttp { listen: Option<String>, bearer_token_env: Option<String>, enable_trigger: Option<bool>, }
);
