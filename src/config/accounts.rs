//! Accounts and what is done when one runs out: `accounts`, `quota`, `switch`.

use jiff::SignedDuration;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::check::{Faults, positive, repeated, variables};
use super::schema::{Raw, RawAccount, RawEndpoint, RawSwitch};
use super::{Account, Endpoint, Quota, Switch};
use crate::model::account::{AccountKind, Thresholds};
use crate::model::name::{AccountName, shown};
use crate::model::switch::Policy;

/// The service's own address.
const ENDPOINT: &str = "https://api.anthropic.com/api/oauth/usage";

/// A fraction of the configuration in percent, without the dust of the multiplication.
fn percent(fraction: f64) -> f64 {
    (fraction * 1e8).round() / 1e6
}

pub(super) fn accounts(raw: &Raw, home: &Path, f: &mut Faults) -> Vec<Account> {
    if raw.accounts.is_empty() {
        f.hinted("accounts", "at least one account is needed", "see `examples/minimal.yaml`");
    }
    let (mut names, mut homes, mut all) = (HashMap::new(), HashMap::new(), Vec::new());
    for (n, account) in raw.accounts.iter().enumerate() {
        let (at, at_home) = (format!("accounts.{n}.name"), format!("accounts.{n}.home"));
        let name = f.name(&at, AccountName::new(account.name.clone()));
        let path = f.path(&at_home, &account.home, home);
        let (Some(name), Some(path)) = (name, path) else { continue };
        if repeated(&mut names, name.to_string(), &at).is_some() {
            f.add(&at, format!("account `{name}` is listed twice"));
        }
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if repeated(&mut homes, real.display().to_string(), &at_home).is_some() {
            f.hinted(
                &at_home,
                format!("two accounts have the home `{}`", path.display()),
                "a home holds one login",
            );
        }
        let kind = account.kind.unwrap_or_default();
        let at_file = format!("accounts.{n}.token_file");
        let token_file = account.token_file.as_deref().and_then(|t| f.path(&at_file, t, home));
        let wants_file = matches!(kind, AccountKind::Token | AccountKind::ApiKey);
        match (wants_file, &account.token_file) {
            (true, None) => f.hinted(
                format!("accounts.{n}.kind"),
                "needs a `token_file`",
                "write the token into a file of its own, mode 0600, and name that file",
            ),
            (false, Some(_)) => f.add(&at_file, "only accounts of kind `token` and `api_key` have one"),
            _ => {}
        }
        variables(&format!("accounts.{n}.env"), &account.env, f);
        if kind == AccountKind::Cloud && account.env.is_empty() {
            f.hinted(
                format!("accounts.{n}.kind"),
                "needs an `env`",
                "such as `{CLAUDE_CODE_USE_BEDROCK: \"1\", AWS_PROFILE: work}`",
            );
        }
        all.push(Account {
            name,
            home: path,
            priority: account.priority.unwrap_or(100),
            kind,
            token_file,
            env: account.env.clone(),
            disabled: account.disabled,
            thresholds: thresholds(n, account, raw, f),
        });
    }
    all
}

/// The account's own thresholds, else those for all, the reserve taken off.
fn thresholds(n: usize, account: &RawAccount, raw: &Raw, f: &mut Faults) -> Thresholds {
    let key = |k: &str| format!("accounts.{n}.{k}");
    f.fraction(&key("reserve"), account.reserve);
    let reserve = account.reserve.unwrap_or(0.0);
    let mut of = |k: &str, own: Option<f64>, all: Option<f64>, default: f64| {
        f.fraction(&key(k), own);
        percent((own.or(all).unwrap_or(default) - reserve).max(0.0))
    };
    let q = &raw.quota;
    Thresholds {
        five_hour: of("window_5h_threshold", account.window_5h_threshold, q.window_5h_threshold, 0.9),
        seven_day: of("window_week_threshold", account.window_week_threshold, q.window_week_threshold, 0.95),
        model: of("model_threshold", account.model_threshold, q.model_threshold, 0.95),
    }
}

pub(super) fn quota(raw: &Raw, f: &mut Faults) -> Quota {
    let q = &raw.quota;
    for (key, value) in [
        ("window_5h_threshold", q.window_5h_threshold),
        ("window_week_threshold", q.window_week_threshold),
        ("model_threshold", q.model_threshold),
        ("hysteresis", q.hysteresis),
    ] {
        f.fraction(&format!("quota.{key}"), value);
    }
    let max_per_hour = q.max_switches_per_hour.unwrap_or(4);
    if max_per_hour == 0 {
        f.hinted("quota.max_switches_per_hour", "must be at least 1", "`auto_switch: false` switches never");
    }
    Quota {
        interval: positive("quota.poll_interval", q.poll_interval, SignedDuration::from_mins(1), f),
        policy: Policy {
            hysteresis: percent(q.hysteresis.unwrap_or(0.1)),
            cooldown: q.reactivate_cooldown.map_or(SignedDuration::from_mins(5), |t| t.0),
            max_per_hour,
            lookahead: q.lookahead.map_or(SignedDuration::from_mins(3), |t| t.0),
            fail_back: q.fail_back.unwrap_or(true),
            money: q.money.unwrap_or_default(),
        },
        auto_switch: q.auto_switch.unwrap_or(true),
        endpoint: endpoint(&q.endpoint, f),
    }
}

fn endpoint(raw: &RawEndpoint, f: &mut Faults) -> Endpoint {
    let url = raw.url.clone().unwrap_or_else(|| ENDPOINT.to_owned());
    // A login goes over it: encrypted, or not out of this machine.
    let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|l| url.starts_with(l));
    if !url.starts_with("https://") && !local {
        f.add("quota.endpoint.url", format!("not an https address: `{}`", shown(&url)));
    }
    let timeout = positive("quota.endpoint.timeout", raw.timeout, SignedDuration::from_secs(10), f);
    let timeout: Duration = timeout.try_into().unwrap_or_default();
    if timeout > Duration::from_secs(60) {
        f.add("quota.endpoint.timeout", "longer than a minute");
    }
    Endpoint { enabled: raw.enabled, url, timeout }
}

pub(super) fn switch(raw: &RawSwitch, home: &Path, f: &mut Faults) -> Switch {
    let switch = Switch {
        ramp: raw.ramp.unwrap_or(4),
        drain_timeout: raw.drain_timeout.map_or(SignedDuration::from_mins(2), |t| t.0),
        verify_timeout: positive("switch.verify_timeout", raw.verify_timeout, SignedDuration::from_secs(30), f),
        link: raw.link.as_deref().and_then(|t| f.path("switch.link", t, home)),
    };
    if !(1..=50).contains(&switch.ramp) {
        f.add("switch.ramp", "must be a number from 1 to 50");
    }
    if switch.drain_timeout > SignedDuration::from_hours(1) {
        f.add("switch.drain_timeout", "longer than an hour");
    }
    switch
}
