//! What is seen of an account's home, before anything is said of it.

use jiff::Timestamp;
use std::path::PathBuf;

use super::{Link, Place};
use crate::model::account::{AccountKind, Login};
use crate::model::name::AccountName;

/// What is seen of the home's `.claude.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFile {
    /// It is not there.
    Missing,
    /// It cannot be read, or is not JSON.
    Broken(String),
    /// It was read.
    Read {
        /// Whether it is a link.
        is_link: bool,
        /// Whether the dialogs of a first start are answered.
        onboarded: bool,
        /// Who is logged in.
        uuid: Option<String>,
        /// Configured projects whose folder it does not trust.
        untrusted: Vec<PathBuf>,
    },
}

/// What is seen of the home's `settings.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Why it cannot be read.
    pub broken: Option<String>,
    /// Variables that it sets.
    pub env: Vec<String>,
    /// Whether it names a program that gives the key.
    pub key_helper: bool,
    /// After how many days transcripts are swept.
    pub cleanup_days: Option<i64>,
}

/// What is seen of a file with a secret: its mode, its owner, never what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its mode; `None` if it is not there.
    pub mode: Option<u32>,
    /// Whether it is a link.
    pub is_link: bool,
    /// Whether it is a file with something in it.
    pub is_filled: bool,
}

/// Everything that is seen of an account's home.
#[derive(Clone, Debug)]
pub struct HomeFacts {
    /// The account.
    pub account: AccountName,
    /// How it logs in.
    pub kind: AccountKind,
    /// Whether it is out of use.
    pub disabled: bool,
    /// Its home.
    pub home: PathBuf,
    /// What is there.
    pub place: Place,
    /// The shared directories.
    pub links: Vec<Link>,
    /// Its `.claude.json`.
    pub client_file: ClientFile,
    /// Its `settings.json`.
    pub settings: Settings,
    /// Its login.
    pub login: Login,
    /// When the access token of now is over.
    pub access_ends: Option<Timestamp>,
    /// The client's file with the login.
    pub login_file: SecretFile,
    /// The file with the token or key.
    pub token_file: Option<SecretFile>,
    /// Variables that the configuration sets for its sessions.
    pub env: Vec<String>,
    /// Whether usage beyond the plan costs money; `None` if nothing has said so.
    pub spends_money: Option<bool>,
}
