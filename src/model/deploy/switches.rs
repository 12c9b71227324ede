//! What switches every hook off: keys of a settings file, words of a command line, variables.
//!
//! Measured with both pinned clients: `disableAllHooks` of a user's or a project's settings turns off the
//! hooks of the overlay too; only managed settings are above it.

use serde_json::Value;

/// Variables that start a client without hooks.
pub const VARIABLES: [&str; 2] = ["CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE"];

/// Options that start a client without hooks.
pub const OPTIONS: [&str; 2] = ["--bare", "--safe-mode"];

/// What in a settings file switches hooks off.
#[must_use]
pub fn in_settings(settings: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["disableAllHooks", "allowManagedHooksOnly"] {
        if settings.get(key).is_some_and(is_set) {
            found.push(format!("`{key}`"));
        }
    }
    for name in VARIABLES {
        if settings.get("env").and_then(|env| env.get(name)).is_some_and(is_set) {
            found.push(format!("`env.{name}`"));
        }
    }
    found
}

/// Whether a value means "on": everything but a plain "no", since a client may be generous.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => is_on(text),
        _ => true,
    }
}

/// Whether the text of a variable means "on".
#[must_use]
pub fn is_on(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

/// Which of a client's arguments switch hooks off.
#[must_use]
pub fn in_arguments(args: &[String]) -> Vec<String> {
    let names = |arg: &&String| {
        OPTIONS.iter().any(|o| arg.strip_prefix(o).is_some_and(|r| r.is_empty() || r.starts_with('=')))
    };
    args.iter().filter(names).map(|arg| format!("`{arg}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_on_counts_and_what_is_off_does_not() {
        let on = [
            json!({"disableAllHooks": true}),
            json!({"disableAllHooks": "true"}),
            json!({"disableAllHooks": 1}),
            json!({"allowManagedHooksOnly": true}),
            json!({"env": {"CLAUDE_CODE_SIMPLE": "1"}}),
            json!({"env": {"CLAUDE_CODE_SAFE_MODE": true}}),
        ];
        for value in on {
            assert_eq!(in_settings(&value).len(), 1, "{value}");
        }
        let off = [
            json!({"disableAllHooks": false}),
            json!({"disableAllHooks": null}),
            json!({"env": {"CLAUDE_CODE_SIMPLE": "0", "CLAUDE_CODE_SAFE_MODE": ""}}),
            json!({"env": 7}),
            json!([]),
            json!({}),
        ];
        for value in off {
            assert!(in_settings(&value).is_empty(), "{value}");
        }
        let args = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(in_arguments(&args(&["--model", "x", "--bare", "--safe-mode=1"])).len(), 2);
        assert!(in_arguments(&args(&["--barely"])).is_empty());
    }
}
