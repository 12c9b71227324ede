//! What an account's login looks like from outside: times and scopes. The token itself is read only to
//! ask the usage endpoint, where that is switched on; it is never written, copied or shown.
//!
//! Shapes measured with clients 2.1.197 and 2.1.330; times are epoch milliseconds.

use jiff::Timestamp;
use serde_json::Value;
use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::Account;
use crate::model::account::{AccountKind, Login};

/// The client's file in an account's home.
pub const FILE: &str = ".credentials.json";

/// What can be seen of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginSeen {
    /// Whether it can be used.
    pub login: Login,
    /// When its present access token is over; the client itself gets the next one.
    pub access_ends: Option<Timestamp>,
    /// Whether it may ask for its own usage.
    pub may_ask: bool,
    /// The plan, in the service's word: `max`, `pro`.
    pub plan: Option<String>,
    /// When it last changed: a new login, or the client has refreshed it.
    pub changed: Option<Timestamp>,
}

impl LoginSeen {
    fn only(login: Login, changed: Option<Timestamp>) -> Self {
        Self { login, access_ends: None, may_ask: false, plan: None, changed }
    }
}

/// Looks at the login of an account.
#[must_use]
pub fn look(account: &Account, now: Timestamp) -> LoginSeen {
    match (account.kind, &account.token_file) {
        (AccountKind::Subscription, _) => in_home(&account.home, now),
        (AccountKind::Cloud, _) => LoginSeen::only(Login::Valid { ends: None }, None),
        (_, None) => LoginSeen::only(Login::Missing, None),
        (_, Some(file)) => in_file(file),
    }
}

fn changed(meta: &std::fs::Metadata) -> Option<Timestamp> {
    Timestamp::try_from(meta.modified().ok()?).ok()
}

/// A token or a key in a file of its own: that it is there and private is all that can be seen.
fn in_file(file: &Path) -> LoginSeen {
    match file.metadata() {
        Ok(meta) if meta.mode() & 0o077 != 0 => LoginSeen::only(Login::Unreadable, changed(&meta)),
        Ok(meta) if meta.is_file() && meta.len() > 0 => {
            LoginSeen::only(Login::Valid { ends: None }, changed(&meta))
        }
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => LoginSeen::only(Login::Unreadable, None),
        _ => LoginSeen::only(Login::Missing, None),
    }
}

fn in_home(home: &Path, now: Timestamp) -> LoginSeen {
    let path = home.join(FILE);
    let meta = match path.metadata() {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return LoginSeen::only(Login::Missing, None);
        }
        Err(_) => return LoginSeen::only(Login::Unreadable, None),
    };
    let changed = changed(&meta);
    let Some(value) = read(&path) else { return LoginSeen::only(Login::Unreadable, changed) };
    let oauth = &value["claudeAiOauth"];
    if !oauth.is_object() {
        // One of the two shapes that a failed refresh leaves behind.
        return LoginSeen::only(Login::Missing, changed);
    }
    let time =
        |key: &str| oauth[key].as_i64().filter(|ms| *ms > 0).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let blank = |key: &str| oauth[key].as_str().is_none_or(str::is_empty);
    let scopes: Option<Vec<&str>> =
        oauth["scopes"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect());
    let has = |scope: &str| scopes.as_ref().is_none_or(|all| all.contains(&scope));
    let ends = time("refreshTokenExpiresAt");
    let login = if blank("accessToken") || blank("refreshToken") {
        Login::Blanked
    } else if ends.is_some_and(|ends| ends <= now) {
        Login::Ended
    } else if !has("user:inference") {
        Login::Scope
    } else {
        Login::Valid { ends }
    };
    let access_ends = time("expiresAt");
    // With an expired token the endpoint answers 429, which would look like a limit.
    let may_ask = login.is_usable()
        && access_ends.is_some_and(|at| at > now)
        && scopes.as_ref().is_some_and(|all| all.contains(&"user:profile"));
    let plan = oauth["subscriptionType"].as_str().map(str::to_owned);
    LoginSeen { login, access_ends, may_ask, plan, changed }
}

fn read(path: &Path) -> Option<Value> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// An access token. It cannot be shown.
pub struct Token(String);

impl Token {
    /// The header that it goes into.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The access token of a home, for one question to the service; `None` if it must not be asked.
#[must_use]
pub fn token(home: &Path, now: Timestamp) -> Option<Token> {
    if !in_home(home, now).may_ask {
        return None;
    }
    let value = read(&home.join(FILE))?;
    let text = value.pointer("/claudeAiOauth/accessToken")?.as_str()?;
    // What goes into a header has no line breaks.
    text.bytes().all(|b| b.is_ascii_graphic()).then(|| Token(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn seen(value: &Value) -> LoginSeen {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), value.to_string()).unwrap();
        in_home(dir.path(), now())
    }

    fn oauth(change: impl FnOnce(&mut Value)) -> Value {
        let mut value = json!({"claudeAiOauth": {
            "accessToken": "made-up", "refreshToken": "made-up-too", "expiresAt": 1_800_000_600_000_i64,
            "refreshTokenExpiresAt": 1_801_000_000_000_i64, "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max"}, "mcpOAuth": {}});
        change(&mut value["claudeAiOauth"]);
        value
    }

    #[test]
    fn every_shape_of_a_login() {
        let good = seen(&oauth(|_| {}));
        assert_eq!(good.login, Login::Valid { ends: Timestamp::from_millisecond(1_801_000_000_000).ok() });
        assert!(good.may_ask && good.plan.as_deref() == Some("max"));
        let stale = seen(&oauth(|o| o["expiresAt"] = 1_799_000_000_000_i64.into()));
        assert!(stale.login.is_usable() && !stale.may_ask, "the client refreshes it, we do not ask with it");
        let narrow = seen(&oauth(|o| o["scopes"] = json!(["user:inference"])));
        assert!(narrow.login.is_usable() && !narrow.may_ask);
        for (value, want) in [
            (oauth(|o| o["accessToken"] = "".into()), Login::Blanked),
            (oauth(|o| o["refreshToken"] = json!(null)), Login::Blanked),
            (oauth(|o| o["refreshTokenExpiresAt"] = 1_799_000_000_000_i64.into()), Login::Ended),
            (oauth(|o| o["scopes"] = json!(["user:profile"])), Login::Scope),
            (json!({"mcpOAuth": {}}), Login::Missing),
            (json!([]), Login::Missing),
        ] {
            assert_eq!(seen(&value).login, want, "{value}");
        }
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(in_home(dir.path(), now()).login, Login::Missing);
        std::fs::write(dir.path().join(FILE), "{\"claudeAiOauth\":").unwrap();
        assert_eq!(in_home(dir.path(), now()).login, Login::Unreadable);
        assert!(token(dir.path(), now()).is_none());
    }

    #[test]
    fn a_token_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), oauth(|_| {}).to_string()).unwrap();
        let token = token(dir.path(), now()).unwrap();
        assert!(!format!("{token:?}").contains("made-up"));
        assert_eq!(token.bearer(), "Bearer made-up");
    }

    #[test]
    fn a_token_file_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        assert_eq!(in_file(&path).login, Login::Missing);
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(in_file(&path).login, Login::Unreadable);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(in_file(&path).login.is_usable());
    }
}
