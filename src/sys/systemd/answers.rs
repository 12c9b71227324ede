//! What `systemctl` prints, read: blocks of properties, tables in JSON, a list of variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::timers::is_our_name;
use crate::model::timers::plan::Loaded;

/// When a timer runs, in microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The next time.
    pub next: Option<i64>,
    /// The last time.
    pub last: Option<i64>,
}

pub(super) fn shown(text: &str) -> BTreeMap<String, Loaded> {
    let mut all = BTreeMap::new();
    for block in text.split("\n\n") {
        let pairs: BTreeMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
        let get = |key: &str| pairs.get(key).copied().unwrap_or_default();
        if !is_our_name(get("Id")) {
            continue;
        }
        let began = began(get("ExecMainStartTimestamp"));
        let loaded = Loaded {
            load: get("LoadState").to_owned(),
            file: get("UnitFileState").to_owned(),
            active: get("ActiveState").to_owned(),
            sub: get("SubState").to_owned(),
            result: get("Result").to_owned(),
            // Without a run it reads 0 all the same.
            status: began.and_then(|_| get("ExecMainStatus").parse().ok()),
            began,
            pid: get("MainPID").parse().ok().filter(|pid| *pid > 0),
            is_outdated: get("NeedDaemonReload") == "yes",
        };
        all.insert(get("Id").to_owned(), loaded);
    }
    all
}

/// `Wed 2026-11-25 09:41:21.123456 UTC`, as microseconds since 1970.
fn began(text: &str) -> Option<i64> {
    let mut words = text.split(' ').skip(1);
    let (day, time) = (words.next()?, words.next()?);
    let when: jiff::Timestamp = format!("{day}T{time}Z").parse().ok()?;
    Some(when.as_microsecond())
}

pub(super) fn timers(text: &str) -> Option<BTreeMap<String, Times>> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    // Never is 0, null or the largest number there is, by version and column.
    let time = |value: &serde_json::Value| value.as_i64().filter(|us| *us > 0);
    let row = |row: &serde_json::Value| {
        let times = Times { next: time(&row["next"]), last: time(&row["last"]) };
        Some((row["unit"].as_str()?.to_owned(), times))
    };
    Some(rows.iter().filter_map(row).collect())
}

/// `NAME=value`, a line each.
pub(super) fn variables(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// What a unit hands to its program besides its arguments. Of a variable only the name is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handed {
    /// Credentials, each with the file that it is read from, where the unit names one by its path.
    pub credentials: BTreeMap<String, Option<PathBuf>>,
    /// Variables that it sets or passes on.
    pub variables: Vec<String>,
    /// Its `PATH`.
    pub path: Option<String>,
    /// Whether it also takes variables from a file.
    pub has_file: bool,
}

pub(super) fn handed(text: &str) -> Handed {
    let mut all = Handed::default();
    for (key, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
        match key {
            "LoadCredential" | "LoadCredentialEncrypted" | "SetCredential" | "SetCredentialEncrypted" => {
                if value.is_empty() {
                    all.credentials.clear();
                    continue;
                }
                let (name, source) = value.split_once(':').unwrap_or((value, ""));
                let source = key.starts_with("Load").then(|| PathBuf::from(source)).filter(|p| p.is_absolute());
                all.credentials.insert(name.to_owned(), source);
            }
            "Environment" | "PassEnvironment" => {
                let words = shlex::split(value).unwrap_or_default();
                let path = words.iter().rev().find_map(|w| w.strip_prefix("PATH="));
                all.path = path.map(str::to_owned).or(all.path);
                all.variables.extend(words.iter().map(|w| w.split('=').next().unwrap_or(w).to_owned()));
            }
            "EnvironmentFile" => all.has_file = !value.is_empty(),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_several_units() {
        let text = "Id=claude-failover-watch.service\nLoadState=loaded\nUnitFileState=static\nActiveState=inactive\n\
                    SubState=dead\nNeedDaemonReload=no\nResult=exit-code\nExecMainStatus=3\nMainPID=0\n\
                    ExecMainStartTimestamp=Wed 2026-11-25 09:41:21.123456 UTC\n\n\
                    Id=claude-failover-watch.timer\nLoadState=not-found\nNeedDaemonReload=yes\nExecMainStatus=0\n\n\
                    Id=ssh.service\nLoadState=loaded\n";
        let all = shown(text);
        assert_eq!(all.len(), 2, "{all:?}");
        let service = &all["claude-failover-watch.service"];
        assert_eq!((service.result.as_str(), service.status, service.pid), ("exit-code", Some(3), None));
        assert_eq!(service.began, Some(1_795_599_681_123_456));
        let timer = &all["claude-failover-watch.timer"];
        assert_eq!((timer.load.as_str(), timer.status, timer.is_outdated), ("not-found", None, true));
    }

    #[test]
    fn timers_that_never_ran() {
        let text = r#"[{"next":1795599681000000,"left":5,"last":0,"passed":0,"unit":"claude-failover-watch.timer",
            "activates":"claude-failover-watch.service"},{"next":null,"last":null,"unit":"claude-failover-x.timer"},
            {"next":18446744073709551615,"unit":"claude-failover-y.timer"}]"#;
        let all = timers(text).unwrap();
        let times = |name: &str| (all[name].next, all[name].last);
        assert_eq!(times("claude-failover-watch.timer"), (Some(1_795_599_681_000_000), None));
        assert_eq!(times("claude-failover-x.timer"), (None, None));
        assert_eq!(times("claude-failover-y.timer"), (None, None));
        assert!(timers("NEXT LEFT\n").is_none());
    }

    #[test]
    fn what_a_unit_hands_over_is_known_by_name() {
        let text = "# /x/claude-failover-notify.service\n[Service]\nEnvironment=\"PATH=/bin:/usr/bin\"\n\
                    # /x/claude-failover-notify.service.d/override.conf\n[Service]\nLoadCredential=tg:/etc/tg.token\n\
                    LoadCredential=mail\nSetCredential=x:made-up\nEnvironment=A=secret \"B=also secret\"\n";
        let all = handed(text);
        let want = [("mail", None), ("tg", Some("/etc/tg.token".into())), ("x", None)];
        assert_eq!(all.credentials, want.map(|(n, p)| (n.to_owned(), p)).into());
        assert_eq!(all.variables, ["PATH", "A", "B"]);
        assert_eq!(all.path.as_deref(), Some("/bin:/usr/bin"));
        assert!(
            !all.has_file && !format!("{all:?}").contains("secret") && !format!("{all:?}").contains("made-up")
        );
        assert!(handed("LoadCredential=a:/b\nLoadCredential=\nEnvironmentFile=-/c\n").credentials.is_empty());
    }
}
