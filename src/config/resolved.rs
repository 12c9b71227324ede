//! The configuration as it would be written with every default in it: for `config check`, and what
//! it prints can be read back.

use super::schema as s;
use super::{Config, Control, Janitor, Listen, Notify, SecretSource, Target, TmuxSocket, Via};
use crate::model::guard::policy::Policy;
use crate::model::notify::policy::Pattern;

fn path(path: &std::path::Path) -> Option<String> {
    Some(path.display().to_string())
}

fn guard(policy: &Policy, deploy: bool) -> s::RawGuard {
    let texts = |paths: &[std::path::PathBuf]| paths.iter().filter_map(|p| path(p)).collect();
    s::RawGuard {
        deploy: Some(deploy),
        rules: policy.rules.clone(),
        branches: policy.branches.clone(),
        paths: texts(&policy.paths),
        exceptions: texts(&policy.exceptions),
        sudo: policy.sudo.clone(),
    }
}

/// The file that would come to this configuration.
pub fn raw(c: &Config) -> s::Raw {
    let time = |t| Some(s::Time(t));
    s::Raw {
        home: path(&c.home),
        state_dir: c.state_dir.as_deref().and_then(path),
        allow_volatile_state: c.allow_volatile_state,
        runtime_dir: c.runtime_dir.as_deref().and_then(path),
        active_account: Some(c.active_account.to_string()),
        accounts: c
            .accounts
            .iter()
            .map(|a| s::RawAccount {
                name: a.name.to_string(),
                home: a.home.display().to_string(),
                priority: Some(a.priority),
                kind: Some(a.kind),
                token_file: a.token_file.as_deref().and_then(path),
                env: a.env.clone(),
                disabled: a.disabled,
                window_5h_threshold: Some(a.thresholds.five_hour / 100.0),
                window_week_threshold: Some(a.thresholds.seven_day / 100.0),
                model_threshold: Some(a.thresholds.model / 100.0),
                reserve: None,
                limits: None,
            })
            .collect(),
        projects: c
            .projects
            .iter()
            .map(|p| s::RawProject {
                name: Some(p.name.to_string()),
                path: p.path.display().to_string(),
                max_sessions: Some(p.max_sessions),
                model: p.model.clone(),
                account: p.account.as_ref().map(ToString::to_string),
                guard: p.guard.as_ref().map(|own| guard(own, p.guard_deploy)),
            })
            .collect(),
        guard: guard(&c.guard, c.guard_deploy),
        projects_dir: c.projects_dir.as_deref().and_then(path),
        pool: s::RawPool {
            dedicated: c
                .dedicated
                .iter()
                .map(|d| s::RawDedicated {
                    name: d.name.to_string(),
                    project: d.project.display().to_string(),
                    account: d.account.as_ref().map(ToString::to_string),
                    model: d.model.clone(),
                })
                .collect(),
            autonomous: s::RawAutonomous {
                prefix: Some(c.pool.prefix.clone()),
                start_index: Some(c.pool.start_index),
                min: Some(c.pool.min),
                max: Some(c.pool.max),
            },
            shared_projects_dir: c.pool.shared_projects_dir.as_deref().and_then(path),
        },
        client: s::RawClient {
            program: path(&c.client.program),
            args: Some(c.client.args.clone()),
            env: c.client.env.clone(),
            path: Some(c.client.path.clone()),
            shell: path(&c.client.shell),
            api_base: c.client.api_base.clone(),
            model: c.client.model.clone(),
            model_critical: c.client.model_critical.clone(),
            ready_timeout: time(c.client.ready_timeout),
            stop_timeout: time(c.client.stop_timeout),
        },
        tmux: s::RawTmux {
            program: path(&c.tmux.program),
            socket: match &c.tmux.socket {
                TmuxSocket::Name(name) => Some(name.clone()),
                TmuxSocket::Path(socket) => path(socket),
            },
            config: c.tmux.config.as_deref().and_then(path),
            columns: Some(c.tmux.columns),
            rows: Some(c.tmux.rows),
            timeout: time(c.tmux.timeout),
        },
        dispatcher: s::RawDispatcher {
            projects_dir: None,
            ramp: Some(c.dispatch.ramp),
            cooldown: time(c.dispatch.cooldown),
            max_attempts: Some(c.dispatch.max_attempts),
            reuse_sessions: Some(c.dispatch.reuse_sessions),
            max_task_bytes: Some(s::Size(c.dispatch.max_task_bytes)),
            interval: time(c.dispatch.interval),
        },
        watcher: s::RawWatcher {
            interval: time(c.watch.interval),
            idle_timeout: time(c.watch.stall_after),
            done_signal_dir: c.watch.done_signal_dir.as_deref().and_then(path),
            max_resumes: Some(c.watch.max_resumes),
            dedicated_resume: Some(c.watch.dedicated_resume),
        },
        quota: s::RawQuota {
            poll_interval: time(c.quota.interval),
            hysteresis: Some(c.quota.policy.hysteresis / 100.0),
            lookahead: time(c.quota.policy.lookahead),
            reactivate_cooldown: time(c.quota.policy.cooldown),
            max_switches_per_hour: Some(c.quota.policy.max_per_hour),
            fail_back: Some(c.quota.policy.fail_back),
            money: Some(c.quota.policy.money),
            auto_switch: Some(c.quota.auto_switch),
            endpoint: s::RawEndpoint {
                enabled: c.quota.endpoint.enabled,
                url: Some(c.quota.endpoint.url.clone()),
                timeout: c.quota.endpoint.timeout.try_into().ok().map(s::Time),
            },
            // The thresholds stand at each account.
            ..s::RawQuota::default()
        },
        switch: s::RawSwitch {
            ramp: Some(c.switch.ramp),
            drain_timeout: time(c.switch.drain_timeout),
            verify_timeout: time(c.switch.verify_timeout),
            link: c.switch.link.as_deref().and_then(path),
        },
        checkpoint: s::RawCheckpoint {
            dir: None,
            interval: time(c.checkpoint.interval),
            keep: u32::try_from(c.checkpoint.keep).ok(),
            keep_days: u32::try_from(c.checkpoint.keep_days).ok(),
            pane_lines: u32::try_from(c.checkpoint.pane_lines).ok(),
        },
        notifications: notifications(&c.notify),
        control: control(&c.control),
        janitor: janitor(&c.janitor),
        ..s::Raw::default()
    }
}

fn notifications(notify: &Notify) -> s::RawNotifications {
    let targets: Vec<s::RawTarget> = notify.targets.iter().map(target).collect();
    let (timeout, keep) = (notify.timeout.try_into().ok().map(s::Time), Some(s::Time(notify.keep)));
    s::RawNotifications { targets, timeout, keep }
}

fn secret(source: &SecretSource) -> s::RawSecret {
    let mut keys = s::RawSecretKeys::default();
    match source {
        SecretSource::Credential(name) => keys.credential = Some(name.clone()),
        SecretSource::File(file) => keys.file = path(file),
        SecretSource::Env(name) => keys.env = Some(name.clone()),
    }
    s::RawSecret(keys)
}

fn control(c: &Control) -> s::RawControl {
    s::RawControl {
        enable_trigger: Some(c.enable_trigger),
        token: c.token.as_ref().map(secret),
        listen: c.listen.as_ref().map(|listen| match listen {
            Listen::Path(path) => path.display().to_string(),
            Listen::Tcp(address) => address.to_string(),
        }),
    }
}

fn target(t: &Target) -> s::RawTarget {
    let p = &t.policy;
    let texts = |patterns: &[Pattern]| patterns.iter().map(|p| p.as_str().to_owned()).collect();
    let secret = t.secret.as_ref().map(secret);
    let raw = s::RawTarget {
        name: t.name.clone(),
        kind: Some(t.via.kind()),
        severity: Some(p.severity),
        events: texts(&p.events),
        except: texts(&p.except),
        quiet: p.quiet.as_ref().map(|q| s::RawQuiet {
            from: q.from.strftime("%H:%M").to_string(),
            to: q.to.strftime("%H:%M").to_string(),
            zone: q.zone.iana_name().map(str::to_owned),
            pass: Some(q.pass),
        }),
        repeat: Some(s::Time(p.repeat)),
        per_hour: Some(p.per_hour),
        digest_over: Some(p.digest_over),
        secret,
        ..s::RawTarget::default()
    };
    match t.via.clone() {
        Via::Telegram { api, chat, thread, silent } => {
            s::RawTarget { api: Some(api), chat: Some(s::Text(chat)), thread, silent: Some(silent), ..raw }
        }
        Via::Resend { api, from, to } => s::RawTarget { api: Some(api), from: Some(from), to, ..raw },
        Via::Webhook { url, method, headers, body, max_text } => s::RawTarget {
            url: Some(url),
            method: Some(method),
            headers,
            body: serde_yaml::to_value(body).ok(),
            max_text: Some(max_text),
            ..raw
        },
        Via::Desktop { program, args } => {
            s::RawTarget { command: path(&program).into_iter().chain(args).collect(), ..raw }
        }
        Via::Journal { socket } => s::RawTarget { socket: path(&socket), ..raw },
    }
}

fn janitor(j: &Janitor) -> s::RawJanitor {
    let (r, time) = (&j.rules, |t| Some(s::Time(t)));
    s::RawJanitor {
        interval: time(j.interval),
        stale_claims_after: time(r.stale_claims_after),
        archive_done_after: time(r.archive_done_after),
        archive_failed_after: time(r.archive_failed_after),
        log_keep: time(r.log_keep),
        log_max: Some(s::Size(r.log_max)),
        events_keep: time(r.events_keep),
        signals_keep: time(r.signals_keep),
        sessions_keep: time(r.sessions_keep),
        overlays_keep: time(r.overlays_keep),
        switches_keep: Some(r.switches_keep),
        temp_files_after: time(r.temp_files_after),
        kicks_after: time(r.kicks_after),
        orphans_after: time(r.orphans_after),
    }
}

/// A value without its empty parts.
pub fn without_nothing(value: serde_yaml::Value) -> serde_yaml::Value {
    use serde_yaml::Value;
    let is_nothing = |v: &Value| match v {
        Value::Null => true,
        Value::Mapping(m) => m.is_empty(),
        _ => false,
    };
    match value {
        Value::Mapping(map) => Value::Mapping(
            map.into_iter().map(|(k, v)| (k, without_nothing(v))).filter(|(_, v)| !is_nothing(v)).collect(),
        ),
        Value::Sequence(list) => Value::Sequence(list.into_iter().map(without_nothing).collect()),
        other => other,
    }
}
