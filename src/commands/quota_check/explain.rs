//! Accounts for people: their windows with age and source, burn rate, time to the threshold, and why each
//! is or is not the choice.

use anstyle::Style;

use super::words_of;
use crate::act::gather::Found;
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::account::{Known as HowWell, Login};
use crate::model::observe::words;
use crate::model::quota::bar;
use crate::model::status::AccountStatus;
use crate::model::switch::{Assessment, Decision, Verdict};
use crate::output::{BAD, FAINT, GOOD, STRONG, WARN, styled};

/// Prints everything that a decision rests on.
#[must_use]
pub fn print(env: &Env, found: &Found, decision: &Decision) -> Exit {
    if env.out.json {
        env.out.object(&serde_json::json!({
            "version": 1, "at": env.now, "active": env.active(), "decision": decision,
            "policy": env.config.quota.policy,
            "accounts": found.accounts.iter().map(|known| known.status(env.now)).collect::<Vec<_>>(),
        }));
    } else {
        env.out.text(&text(env, found, decision));
    }
    if matches!(decision.verdict, Verdict::Exhausted { .. }) { Exit::No } else { Exit::Done }
}

fn text(env: &Env, found: &Found, decision: &Decision) -> String {
    let mut out = String::new();
    for known in &found.accounts {
        let assessment = decision.assessments.iter().find(|a| a.account == known.record.name);
        let active = assessment.is_some_and(|a| a.active);
        out.push_str(&account(env, &known.status(env.now), active, known.endpoint.as_deref()));
        if let Some(assessment) = assessment {
            out.push_str(&format!("  {}\n", choice(assessment)));
        }
    }
    for (name, e) in &found.broken {
        out.push_str(&format!("{} {e:#}\n", styled(BAD, name)));
    }
    for (account, weak) in &found.weak {
        out.push_str(&format!("{weak}, on `{account}`; that alone decides nothing\n"));
    }
    let policy = &env.config.quota.policy;
    out.push_str(&format!(
        "a target has {:.0} points of room; a crossing within {} counts; {} between switches, {} an hour\n",
        policy.hysteresis,
        words(policy.lookahead),
        words(policy.cooldown),
        policy.max_per_hour,
    ));
    out.push_str(&format!("{}\n", styled(STRONG, words_of(env, &decision.verdict))));
    out
}

fn choice(assessment: &Assessment) -> String {
    match assessment.rank {
        Some(1) => "choice: the first".to_owned(),
        Some(rank) => format!("choice: number {rank}"),
        None => format!("no choice: {}", assessment.reasons.join("; ")),
    }
}

/// One account, its head and its windows; of the usage endpoint, why it was not asked.
#[must_use]
pub fn account(env: &Env, account: &AccountStatus, active: bool, endpoint: Option<&str>) -> String {
    let now = env.now;
    let mut parts = vec![account.kind.as_str().to_owned()];
    parts.extend(account.plan.clone());
    parts.push(match &account.login {
        Login::Valid { ends: Some(ends) } => format!("logged in until {}", local(*ends, &env.zone)),
        other => other.as_str().to_owned(),
    });
    if account.spends_money == Some(true) {
        parts.push("usage beyond the plan costs money".to_owned());
    }
    let active = if active { " (active)" } else { "" };
    let mut out = format!("{}{active}  {}\n", styled(STRONG, &account.name), styled(FAINT, parts.join(" · ")));
    for w in account.windows.iter().filter(|w| w.holds) {
        let (window, threshold) = (&w.window, w.threshold);
        let style = match w.percent {
            p if p >= threshold => BAD,
            p if p >= threshold - env.config.quota.policy.hysteresis => WARN,
            _ => GOOD,
        };
        out.push_str(&format!(
            "  {window:<10} {} {:>4.0} % of {threshold:.0}  resets {} (in {})  {}\n",
            styled(style, bar(w.percent)),
            w.percent,
            local(w.resets_at, &env.zone),
            words(w.resets_at.duration_since(now)),
            styled(FAINT, format!("{}, {} ago", w.source, words(w.age(now)))),
        ));
        if let Some(f) = w.forecast {
            let crossing = f.crossing(threshold);
            let time = |t: Option<jiff::SignedDuration>| t.map_or_else(|| "never".to_owned(), words);
            let range = format!("{} to {}", time(crossing.soonest), time(crossing.latest));
            let rate = format!("{:.1} (±{:.1}) points an hour, by {} readings", f.rate, f.spread, f.points);
            let line = format!("{rate}: {threshold:.0} % in {} ({range})", time(crossing.likely));
            out.push_str(&format!("             {}\n", styled(Style::new(), line)));
        }
    }
    let why = match account.known {
        HowWell::Unknown if account.kind.has_windows() => Some("its usage is not known"),
        HowWell::Stale => Some("its usage was last read more than a quarter of an hour ago"),
        _ => None,
    };
    if let Some(why) = why {
        out.push_str(&format!("  {}\n", styled(FAINT, why)));
    }
    if let Some(endpoint) = endpoint {
        out.push_str(&format!("  {}\n", styled(FAINT, format!("usage endpoint: {endpoint}"))));
    }
    out
}
