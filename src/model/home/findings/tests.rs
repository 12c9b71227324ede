use super::*;
use crate::model::account::{AccountKind, Login};
use crate::model::home::facts::SecretFile;
use crate::model::name::AccountName;
use jiff::SignedDuration;
use std::path::PathBuf;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn file(path: &str, mode: u32) -> SecretFile {
    SecretFile { path: path.into(), mode: Some(mode), is_link: false, is_filled: true }
}

fn link(state: LinkState) -> Link {
    Link {
        name: "projects",
        path: "/h/projects".into(),
        target: "/s/projects".into(),
        state,
        there: TargetState::Full,
        same_disk: true,
    }
}

fn good(name: &str) -> HomeFacts {
    HomeFacts {
        account: AccountName::new(name).unwrap(),
        kind: AccountKind::Subscription,
        disabled: false,
        home: "/h".into(),
        place: Place::Ours { mode: 0o700 },
        links: vec![link(LinkState::Linked)],
        client_file: ClientFile::Read {
            is_link: false,
            onboarded: true,
            uuid: Some(format!("uuid-{name}")),
            untrusted: Vec::new(),
        },
        settings: Settings::default(),
        login: Login::Valid { ends: Some(Timestamp::from_second(1_802_000_000).unwrap()) },
        access_ends: Some(Timestamp::from_second(1_800_010_000).unwrap()),
        login_file: file("/h/.credentials.json", 0o600),
        token_file: None,
        env: Vec::new(),
        spends_money: None,
    }
}

/// The findings of one account beside a good one: code, severity and message.
fn found(change: impl FnOnce(&mut HomeFacts)) -> Vec<(&'static str, Severity, String)> {
    let mut home = good("a");
    change(&mut home);
    let all = findings(now(), &[home, good("b")]);
    assert!(all.iter().all(|f| !f.remedy.is_empty()));
    all.into_iter().filter(|f| f.subject == "a").map(|f| (f.code, f.severity, f.message)).collect()
}

fn code(change: impl FnOnce(&mut HomeFacts)) -> (&'static str, Severity) {
    let all = found(change);
    assert_eq!(all.len(), 1, "{all:?}");
    (all[0].0, all[0].1)
}

use Severity::{Fault, Info, Warning};

#[test]
fn nothing_is_found_in_good_homes() {
    assert_eq!(findings(now(), &[good("a"), good("b")]), []);
    assert_eq!(findings(now(), &[]), []);
}

#[test]
fn the_home_itself() {
    assert_eq!(code(|h| h.place = Place::Missing), ("home-missing", Fault));
    assert_eq!(code(|h| h.place = Place::Odd), ("home-missing", Fault));
    assert_eq!(code(|h| h.place = Place::Foreign { uid: 3 }), ("home-foreign", Fault));
    assert_eq!(code(|h| h.place = Place::Ours { mode: 0o755 }), ("home-open", Warning));
    let off = |h: &mut HomeFacts| {
        h.disabled = true;
        h.place = Place::Missing;
    };
    assert_eq!(code(off), ("home-missing", Warning), "out of use");
}

#[test]
fn links() {
    let state = |state: LinkState| code(|h| h.links = vec![link(state)]);
    assert_eq!(
        code(|h| h.links = vec![link(LinkState::Itself), link(LinkState::Missing)]),
        ("link-missing", Info)
    );
    assert_eq!(state(LinkState::Dangling { to: "/x".into() }), ("link-dangling", Fault));
    assert_eq!(state(LinkState::Wrong { to: "/x".into(), files: 2 }), ("link-wrong", Fault));
    assert_eq!(state(LinkState::Loop), ("link-loop", Fault));
    assert_eq!(state(LinkState::File), ("link-shadowed", Fault));
    let shadowed = LinkState::Shadowed { files: 9, transcripts: 7 };
    let all = found(|h| h.links = vec![link(shadowed.clone())]);
    assert_eq!(all[0].2, "a directory with 7 transcripts where a link belongs: `/h/projects`");
    let undo = Link { name: "todos", ..link(shadowed.clone()) };
    assert_eq!(code(|h| h.links = vec![undo]), ("link-shadowed", Warning));
    // Who has one account moves nothing to another.
    let one = HomeFacts { links: vec![link(shadowed)], ..good("a") };
    assert_eq!(findings(now(), &[one])[0].severity, Warning);
}

#[test]
fn the_clients_own_file() {
    let read = |is_link, onboarded, untrusted: &[&str]| ClientFile::Read {
        is_link,
        onboarded,
        uuid: None,
        untrusted: untrusted.iter().map(PathBuf::from).collect(),
    };
    assert_eq!(code(|h| h.client_file = ClientFile::Missing), ("onboarding-missing", Info));
    assert_eq!(code(|h| h.client_file = ClientFile::Broken("not JSON".into())), ("client-file-broken", Fault));
    assert_eq!(code(|h| h.client_file = read(true, true, &[])), ("client-file-linked", Fault));
    assert_eq!(code(|h| h.client_file = read(false, false, &[])), ("onboarding-missing", Info));
    let all = found(|h| h.client_file = read(false, true, &["/p", "/q"]));
    assert_eq!(
        (all[0].0, all[0].1, all[0].2.as_str()),
        ("trust-missing", Info, "no trust yet in `/p` and 1 more")
    );
}

#[test]
fn logins() {
    for (login, want) in [
        (Login::Missing, "login-missing"),
        (Login::Blanked, "login-blanked"),
        (Login::Ended, "login-ended"),
        (Login::Scope, "login-scope"),
        (Login::Unreadable, "login-unreadable"),
    ] {
        assert_eq!(code(|h| h.login = login.clone()), (want, Fault));
        let token = |h: &mut HomeFacts| {
            h.kind = AccountKind::Token;
            h.login = login.clone();
        };
        assert_eq!(found(token), [], "a token account has no login in its home");
    }
    let ends = |days: i64| {
        let at = now().checked_add(SignedDuration::from_hours(days * 24)).unwrap();
        found(|h| h.login = Login::Valid { ends: Some(at) })
    };
    assert_eq!(ends(4)[0].0, "login-ends-soon");
    assert!(ends(6).is_empty());
    let over = |h: &mut HomeFacts| h.access_ends = Timestamp::from_second(1_799_999_999).ok();
    assert_eq!(code(over), ("access-token-over", Info));
    assert_eq!(code(|h| h.login_file.mode = Some(0o644)), ("login-open", Fault));
    assert_eq!(code(|h| h.login_file.is_link = true), ("login-linked", Fault));
}

#[test]
fn token_files() {
    let with = |change: fn(&mut SecretFile)| {
        code(|h| {
            h.kind = AccountKind::Token;
            let mut token = file("/t", 0o600);
            change(&mut token);
            h.token_file = Some(token);
        })
    };
    assert_eq!(with(|t| t.mode = None), ("token-missing", Fault));
    assert_eq!(with(|t| t.mode = Some(0o640)), ("token-open", Fault));
    assert_eq!(with(|t| t.is_filled = false), ("token-missing", Fault));
}

#[test]
fn what_is_taken_before_the_login() {
    let env = |name: &str| found(|h| h.settings.env = vec![name.to_owned()]).len();
    assert_eq!((env("ANTHROPIC_API_KEY"), env("CLAUDE_CODE_OAUTH_TOKEN"), env("TZ")), (1, 1, 0));
    assert_eq!(code(|h| h.settings.key_helper = true), ("login-shadowed", Fault));
    assert_eq!(code(|h| h.env = vec!["CLAUDE_CODE_USE_VERTEX".to_owned()]), ("login-shadowed", Fault));
    let cloud = |h: &mut HomeFacts| {
        h.kind = AccountKind::Cloud;
        h.env = vec!["CLAUDE_CODE_USE_VERTEX".to_owned()];
    };
    assert_eq!(found(cloud), []);
    let key = |h: &mut HomeFacts| {
        h.kind = AccountKind::ApiKey;
        h.settings.env = vec!["ANTHROPIC_API_KEY".to_owned(), "CLAUDE_CODE_OAUTH_TOKEN".to_owned()];
    };
    assert_eq!(code(key), ("login-shadowed", Fault));
}

#[test]
fn one_login_in_two_homes() {
    let mut twin = good("b");
    twin.client_file = good("a").client_file;
    let all = findings(now(), &[good("a"), twin]);
    let codes: Vec<_> = all.iter().map(|f| (f.subject.as_str(), f.code, f.severity)).collect();
    assert_eq!(codes, [("a", "login-twice", Fault), ("b", "login-twice", Fault)]);
    assert!(all[0].message.contains("`b`"));
}

#[test]
fn how_long_transcripts_are_kept() {
    assert_eq!(code(|h| h.settings.cleanup_days = Some(7)), ("cleanup-short", Warning));
    // The longer one is right: the other is told.
    assert_eq!(found(|h| h.settings.cleanup_days = Some(365)), []);
    let mut long = good("b");
    long.settings.cleanup_days = Some(365);
    let all = findings(now(), &[good("a"), long]);
    assert_eq!((all.len(), all[0].code, all[0].subject.as_str()), (1, "cleanup-differs", "a"));
    assert!(all[0].remedy.starts_with("`\"cleanupPeriodDays\": 365`"));
    assert_eq!(code(|h| h.settings.broken = Some("not JSON".into())), ("settings-broken", Warning));
}

#[test]
fn money() {
    assert_eq!(code(|h| h.spends_money = Some(true)), ("spends-money", Warning));
    assert_eq!(found(|h| h.spends_money = Some(false)), []);
}
