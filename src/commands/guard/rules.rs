//! `guard rules`: the rules with what holds of each now.

use anyhow::{Result, anyhow};
use serde_json::json;

use super::Bench;
use crate::env::Global;
use crate::error::{Exit, Mark};
use crate::model::guard::policy::Effect;
use crate::model::guard::rules;
use crate::model::guard::verdict::Rule;
use crate::model::name::shown;
use crate::output::{BAD, FAINT, Output, STRONG, WARN, styled, table};

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A rule, by its id
    #[arg(value_name = "RULE")]
    id: Option<String>,
    /// The project whose policy holds
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
}

pub fn run(global: &Global, out: Output, args: &Args) -> Result<Exit> {
    let bench = Bench::new(global, out, args.project.as_deref())?;
    let effect = |rule: &Rule| bench.current.policy.rules.get(rule.id).copied().unwrap_or(rule.effect);
    match &args.id {
        None => list(out, &effect),
        Some(id) => {
            let rule = rules::rule(id)
                .ok_or_else(|| anyhow!("no rule of this name: `{}`", shown(id)))
                .hint("`claude-failover guard rules` lists them")?;
            one(out, rule, effect(rule));
        }
    }
    Ok(Exit::Done)
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Block => "block",
        Effect::Warn => "warn",
        Effect::Off => "off",
    }
}

fn as_json(rule: &Rule, effect: Effect) -> serde_json::Value {
    json!({
        "id": rule.id,
        "title": rule.title,
        "effect": effect,
        "built_in": rule.effect,
        "instead": rule.instead,
        "finds": rule.finds,
        "passes": rule.passes,
    })
}

fn list(out: Output, effect: &dyn Fn(&Rule) -> Effect) {
    let all: Vec<&Rule> = rules::all().collect();
    if out.json {
        let rules: Vec<_> = all.iter().map(|rule| as_json(rule, effect(rule))).collect();
        return out.object(&json!({ "version": 1, "rules": rules }));
    }
    let row = |rule: &&Rule| {
        let (now, built_in) = (effect(rule), rule.effect);
        let changed = if now == built_in { String::new() } else { format!(" (built in: {})", word(built_in)) };
        vec![rule.id.to_owned(), format!("{}{changed}", word(now)), rule.title.to_owned()]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let style = |r: usize, c: usize| match (c, all.get(r).map(|rule| effect(rule))) {
        (0, _) => STRONG,
        (1, Some(Effect::Block)) => BAD,
        (1, Some(Effect::Warn)) => WARN,
        (1, _) => FAINT,
        _ => anstyle::Style::new(),
    };
    out.text(&table(&rows, &style));
}

fn one(out: Output, rule: &Rule, effect: Effect) {
    if out.json {
        let mut value = as_json(rule, effect);
        value["version"] = 1.into();
        return out.object(&value);
    }
    let mut text = format!("{}: {}\n", styled(STRONG, rule.id), rule.title);
    text.push_str(&format!("effect: {}", word(effect)));
    if effect != rule.effect {
        text.push_str(&format!(" (built in: {})", word(rule.effect)));
    }
    text.push_str(&format!("\ninstead: {}\n", rule.instead));
    // Examples are shown, and read by the tests; they run nowhere.
    for (what, examples) in [("finds", rule.finds), ("passes", rule.passes)] {
        if !examples.is_empty() {
            text.push_str(&format!("{what}:\n"));
        }
        for example in examples {
            text.push_str(&format!("  {}\n", example.replace('\n', "\n  ")));
        }
    }
    out.text(&text);
}
