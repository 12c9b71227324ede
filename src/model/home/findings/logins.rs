//! Findings about logins: the client's own, token files, and what is taken before them.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

use super::Of;
use crate::model::account::{AccountKind, Login};
use crate::model::finding::Severity;
use crate::model::home::facts::{ClientFile, HomeFacts};
use crate::model::name::AccountName;
use crate::model::observe::words;

/// The client itself warns three days before.
const NEAR_END: SignedDuration = SignedDuration::from_hours(5 * 24);
/// Variables that choose another provider.
pub const CLOUDS: [&str; 3] = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"];
/// Keys, which are taken before every login.
pub const KEYS: [&str; 2] = ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"];
/// A token, which is taken before the login of a home.
pub const TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";

impl Of<'_> {
    pub(super) fn login(&mut self, now: Timestamp) {
        if self.home.kind != AccountKind::Subscription {
            return;
        }
        let file = &self.home.login_file;
        let path = file.path.display().to_string();
        if file.is_link {
            self.fault(
                "login-linked",
                format!(
                    "the login is a link: the first refresh through one of two homes ends the other: `{path}`"
                ),
                format!("remove the link, then {}", self.log_in()),
            );
        }
        if let Some(mode) = file.mode.filter(|mode| mode & 0o077 != 0) {
            let message = format!("others can read its login (mode {mode:o}): `{path}`");
            self.fault("login-open", message, format!("chmod 600 {path}"));
        }
        let login = self.home.login.clone();
        let code = match &login {
            Login::Valid { ends } => {
                if let Some(left) = ends.map(|ends| ends.duration_since(now)).filter(|left| *left < NEAR_END) {
                    let message = format!("its login ends in {}", words(left));
                    return self.warn("login-ends-soon", message, self.log_in());
                }
                if self.home.access_ends.is_some_and(|at| at <= now) {
                    let message = "its access token is over: its usage is not known meanwhile".to_owned();
                    let remedy = "nothing: the client gets the next one when it runs".to_owned();
                    self.add("access-token-over", Severity::Info, message, remedy);
                }
                return;
            }
            Login::Missing => "login-missing",
            Login::Blanked => "login-blanked",
            Login::Ended => "login-ended",
            Login::Scope => "login-scope",
            Login::Unreadable => "login-unreadable",
        };
        self.fault(code, login.as_str().to_owned(), self.log_in());
    }

    pub(super) fn token_file(&mut self) {
        let Some(file) = &self.home.token_file else { return };
        let path = file.path.display();
        match file.mode {
            None => {
                let remedy = match self.home.kind {
                    AccountKind::ApiKey => "write the key into it, mode 0600",
                    _ => "`claude setup-token` makes one; write it into that file, mode 0600",
                };
                self.fault("token-missing", format!("its token file is missing: `{path}`"), remedy.to_owned());
            }
            Some(mode) if mode & 0o077 != 0 => self.fault(
                "token-open",
                format!("others can read its token file (mode {mode:o}): `{path}`"),
                format!("chmod 600 {path}"),
            ),
            Some(_) if !file.is_filled => {
                let message = format!("its token file is empty, or not a file: `{path}`");
                self.fault("token-missing", message, "write the token into it".to_owned());
            }
            Some(_) => {}
        }
    }

    /// What the client takes before the login of this account.
    pub(super) fn shadows(&mut self) {
        let (settings, kind) = (&self.home.settings, self.home.kind);
        let first = |name: &str| {
            let key = KEYS.contains(&name);
            match kind {
                AccountKind::Cloud => false,
                AccountKind::Subscription => key || CLOUDS.contains(&name) || name == TOKEN,
                AccountKind::Token | AccountKind::ApiKey => key || CLOUDS.contains(&name),
            }
        };
        let inside = self.home.home.join("settings.json").display().to_string();
        let mut by: Vec<(String, String)> = Vec::new();
        for name in settings.env.iter().filter(|n| first(n)) {
            by.push((format!("`{name}`"), format!("take it out of `env` in `{inside}`")));
        }
        if settings.key_helper && matches!(kind, AccountKind::Subscription | AccountKind::Token) {
            by.push(("`apiKeyHelper`".to_owned(), format!("take it out of `{inside}`")));
        }
        for name in self.home.env.iter().filter(|n| first(n)) {
            by.push((format!("`{name}` of the configuration"), "take it out of `env` there".to_owned()));
        }
        for (what, remedy) in by {
            let message = format!("{what} is taken before its login: its sessions do not run on this account");
            self.fault("login-shadowed", message, remedy);
        }
    }

    /// Another account with the same login.
    pub(super) fn twin(&mut self, homes: &[HomeFacts]) {
        let uuid = |h: &HomeFacts| match &h.client_file {
            ClientFile::Read { uuid, .. } if h.kind == AccountKind::Subscription => uuid.clone(),
            _ => None,
        };
        let Some(own) = uuid(self.home) else { return };
        let others: BTreeMap<&AccountName, ()> = homes
            .iter()
            .filter(|h| h.account != self.home.account && uuid(h).as_ref() == Some(&own))
            .map(|h| (&h.account, ()))
            .collect();
        if let Some((other, ())) = others.first_key_value() {
            self.fault(
                "login-twice",
                format!("the same login as account `{other}`: one is full when the other is"),
                format!("log one of them in as somebody else: {}", self.log_in()),
            );
        }
    }
}
