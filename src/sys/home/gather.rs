//! Looks at the homes of all accounts, for [`crate::model::home::findings`].

use jiff::Timestamp;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{CLIENT_FILE, links, object, place, tree};
use crate::config::{Account, Config};
use crate::model::home::facts::{ClientFile, HomeFacts, SecretFile, Settings};
use crate::sys::store::Store;
use crate::sys::{claude, login, queue};

/// Everything that is seen of the homes of all accounts.
#[must_use]
pub fn facts(config: &Config, store: &Store, now: Timestamp) -> Vec<HomeFacts> {
    let projects: Vec<PathBuf> = queue::projects(config).into_iter().map(|p| p.path).collect();
    config.accounts.iter().map(|account| of(config, store, account, &projects, now)).collect()
}

fn of(config: &Config, store: &Store, account: &Account, projects: &[PathBuf], now: Timestamp) -> HomeFacts {
    let seen = login::look(account, now);
    HomeFacts {
        account: account.name.clone(),
        kind: account.kind,
        disabled: account.disabled,
        home: account.home.clone(),
        place: place(&account.home),
        links: links(&account.home, &tree(config)),
        client_file: client_file(&account.home.join(CLIENT_FILE), projects),
        settings: settings(&account.home.join("settings.json")),
        login: seen.login,
        access_ends: seen.access_ends,
        login_file: secret(&account.home.join(login::FILE)),
        token_file: account.token_file.as_deref().map(secret),
        env: config.client.env.keys().chain(account.env.keys()).cloned().collect(),
        spends_money: store.account(&account.name).ok().flatten().and_then(|r| r.spends_money),
    }
}

fn client_file(path: &Path, projects: &[PathBuf]) -> ClientFile {
    let Ok(meta) = path.symlink_metadata() else { return ClientFile::Missing };
    let root = match object(path) {
        Ok(root) => root,
        Err(e) => {
            let why = e.to_string();
            return ClientFile::Broken(why.split(": `").next().unwrap_or(&why).to_owned());
        }
    };
    let trusted = |place: &PathBuf| {
        let entry = root.get("projects").and_then(|p| p.get(place.display().to_string()));
        entry.is_some_and(|e| e["hasTrustDialogAccepted"] == true)
    };
    ClientFile::Read {
        is_link: meta.file_type().is_symlink(),
        onboarded: root.get("hasCompletedOnboarding").is_some_and(|v| v == true),
        uuid: root
            .get("oauthAccount")
            .and_then(|a| a["accountUuid"].as_str())
            .filter(|uuid| !uuid.is_empty())
            .map(str::to_owned),
        untrusted: projects.iter().filter(|p| !claude::trust_roots(p).iter().all(trusted)).cloned().collect(),
    }
}

fn settings(path: &Path) -> Settings {
    match object(path) {
        Ok(root) => Settings {
            broken: None,
            env: root
                .get("env")
                .and_then(|e| e.as_object())
                .map(|e| e.keys().cloned().collect())
                .unwrap_or_default(),
            key_helper: root.get("apiKeyHelper").is_some_and(|v| v.as_str().is_some_and(|t| !t.is_empty())),
            cleanup_days: root.get("cleanupPeriodDays").and_then(serde_json::Value::as_i64),
        },
        Err(e) => {
            let why = e.to_string();
            let why = why.split(": `").next().unwrap_or(&why).to_owned();
            Settings { broken: Some(why), ..Settings::default() }
        }
    }
}

fn secret(path: &Path) -> SecretFile {
    let link = path.symlink_metadata();
    let meta = path.metadata();
    let is_there = match (&link, &meta) {
        (Ok(_), Ok(_)) => true,
        (_, Err(e)) => e.kind() != ErrorKind::NotFound,
        _ => false,
    };
    SecretFile {
        path: path.to_owned(),
        mode: is_there.then(|| meta.as_ref().map_or(0, |m| m.mode() & 0o777)),
        is_link: link.is_ok_and(|m| m.file_type().is_symlink()),
        is_filled: meta.is_ok_and(|m| m.is_file() && m.len() > 0),
    }
}
