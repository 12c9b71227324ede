//! What is wrong with the homes of the accounts, each with its remedy. Pure.

pub mod logins;

use jiff::Timestamp;

use super::facts::{ClientFile, HomeFacts, Settings};
use super::plan::Step;
use super::{Link, LinkState, Place, TargetState, count};
use crate::model::finding::{Finding, Fix, Severity};

/// What the client takes when nothing is set.
const CLEANUP_DAYS: i64 = 30;

/// What is wrong, account by account in the given order, the worst first.
#[must_use]
pub fn findings(now: Timestamp, homes: &[HomeFacts]) -> Vec<Finding> {
    let mut all = Vec::new();
    for home in homes {
        let mut of = Of { home, alone: homes.len() < 2, found: Vec::new() };
        of.place();
        if matches!(home.place, Place::Ours { .. }) {
            home.links.iter().for_each(|link| of.link(link));
            of.missing_links();
            of.client_file();
            of.settings(homes);
            of.login(now);
        }
        of.token_file();
        of.shadows();
        of.twin(homes);
        of.money();
        of.found.sort_by_key(|f| std::cmp::Reverse(f.severity));
        all.append(&mut of.found);
    }
    all
}

struct Of<'a> {
    home: &'a HomeFacts,
    alone: bool,
    found: Vec<Finding>,
}

impl Of<'_> {
    fn add(&mut self, code: &'static str, severity: Severity, message: String, remedy: String) {
        // Nobody waits for an account that is out of use.
        let severity = if self.home.disabled { severity.min(Severity::Warning) } else { severity };
        let account = Some(self.home.account.clone());
        self.found.push(Finding { account, ..Finding::new(severity, &self.home.account, code, message, remedy) });
    }

    /// What `doctor --fix` does about what was found last.
    fn fixed_by(&mut self, steps: Vec<Step>) {
        let (account, home) = (self.home.account.clone(), self.home.home.clone());
        if let Some(last) = self.found.last_mut().filter(|_| !steps.is_empty()) {
            last.fixes.push(Fix::Home { account, home, steps });
        }
    }

    fn fault(&mut self, code: &'static str, message: String, remedy: String) {
        self.add(code, Severity::Fault, message, remedy);
    }

    fn warn(&mut self, code: &'static str, message: String, remedy: String) {
        self.add(code, Severity::Warning, message, remedy);
    }

    /// The command that prepares this home.
    fn prepare(&self, flags: &str) -> String {
        format!("claude-failover account add {}{flags}", self.home.account)
    }

    fn log_in(&self) -> String {
        format!("claude-failover account login {}", self.home.account)
    }

    fn place(&mut self) {
        let home = self.home.home.display();
        match &self.home.place {
            Place::Missing => {
                let prepare = format!("{}, then {}", self.prepare(""), self.log_in());
                self.fault("home-missing", format!("its home does not exist: `{home}`"), prepare);
            }
            Place::Odd => {
                let remedy = "name a directory as its `home`".to_owned();
                self.fault("home-missing", format!("its home is not a directory: `{home}`"), remedy);
            }
            Place::Foreign { uid } => self.fault(
                "home-foreign",
                format!("its home belongs to user {uid}, not to us: `{home}`"),
                "run as that user, or name another home".to_owned(),
            ),
            Place::Ours { mode } if mode & 0o077 != 0 => {
                self.warn(
                    "home-open",
                    format!("others can look into its home (mode {mode:o}): `{home}`"),
                    format!("chmod 700 {home}"),
                );
                self.fixed_by(vec![Step::Close(self.home.home.clone())]);
            }
            Place::Ours { .. } => {}
        }
    }

    fn link(&mut self, link: &Link) {
        let (path, target) = (link.path.display(), link.target.display());
        // What else is shared is only an undo history and the like; and who has one account has no other.
        let severity = if link.name == "projects" && !self.alone { Severity::Fault } else { Severity::Warning };
        let (code, message, remedy) = match &link.state {
            LinkState::Linked | LinkState::Itself | LinkState::Missing => return,
            LinkState::Shadowed { files: 0, .. } => {
                ("link-shadowed", format!("an empty directory where a link belongs: `{path}`"), self.prepare(""))
            }
            LinkState::Shadowed { files, transcripts } => {
                let what = match transcripts {
                    0 => count(*files, "file"),
                    n => count(*n, "transcript"),
                };
                let message = format!("a directory with {what} where a link belongs: `{path}`");
                let flags = if link.there == TargetState::Full { " --adopt --merge" } else { " --adopt" };
                ("link-shadowed", message, self.prepare(flags))
            }
            LinkState::Dangling { to } => (
                "link-dangling",
                format!("leads to what is not there, `{}`: `{path}`", to.display()),
                format!("mount what is missing, or {}", self.prepare("")),
            ),
            LinkState::Wrong { to, files } => {
                let remedy = match (link.name, files) {
                    (_, 0) => self.prepare(""),
                    ("projects", _) => {
                        let to = to.display();
                        format!("if that is the tree of all accounts: `pool.shared_projects_dir: {to}`")
                    }
                    _ => format!("move what is in it to `{target}`, remove the link, then {}", self.prepare("")),
                };
                ("link-wrong", format!("leads to `{}`, not to `{target}`: `{path}`", to.display()), remedy)
            }
            LinkState::Loop => ("link-loop", format!("a link that leads to itself: `{path}`"), self.prepare("")),
            LinkState::File => {
                let remedy = format!("move it away, then {}", self.prepare(""));
                ("link-shadowed", format!("a file where a link belongs: `{path}`"), remedy)
            }
        };
        self.add(code, severity, message, remedy);
    }

    /// One line for all of them: a launch makes them.
    fn missing_links(&mut self) {
        let missing: Vec<String> = self
            .home
            .links
            .iter()
            .filter(|l| l.state == LinkState::Missing)
            .map(|l| format!("`{}`", l.path.display()))
            .collect();
        if !missing.is_empty() {
            let message = format!("not linked yet to what all accounts share: {}", missing.join(", "));
            self.add("link-missing", Severity::Info, message, self.prepare(""));
            let links = self.home.links.iter().filter(|l| l.state == LinkState::Missing);
            let steps = links.filter(|l| l.there != TargetState::Odd).flat_map(|l| {
                let link = Step::Link { path: l.path.clone(), target: l.target.clone() };
                let dir = (l.there == TargetState::Absent).then(|| Step::MakeDir(l.target.clone()));
                dir.into_iter().chain([link])
            });
            self.fixed_by(steps.collect());
        }
    }

    fn client_file(&mut self) {
        let path = self.home.home.join(".claude.json");
        let shown = path.display();
        match &self.home.client_file {
            ClientFile::Missing => {
                let message = format!("the answers of a first start are missing: `{shown}`");
                self.add("onboarding-missing", Severity::Info, message, self.prepare(""));
            }
            ClientFile::Broken(why) => self.fault(
                "client-file-broken",
                format!("{why}: `{shown}`"),
                format!("take the newest copy in `{}`", self.home.home.join("backups").display()),
            ),
            ClientFile::Read { is_link, onboarded, untrusted, .. } => {
                if *is_link {
                    self.fault(
                        "client-file-linked",
                        format!("a link, which the client replaces by a file when it saves: `{shown}`"),
                        "put a copy of its own in its place: it says who is logged in".to_owned(),
                    );
                }
                if !onboarded {
                    let message = format!("the dialogs of a first start are not answered: `{shown}`");
                    self.add("onboarding-missing", Severity::Info, message, self.prepare(""));
                }
                if let Some(first) = untrusted.first() {
                    let more = match untrusted.len() {
                        1 => String::new(),
                        n => format!(" and {} more", n - 1),
                    };
                    let message = format!("no trust yet in `{}`{more}", first.display());
                    let remedy = "nothing: a launch there adds it".to_owned();
                    self.add("trust-missing", Severity::Info, message, remedy);
                }
            }
        }
    }

    fn settings(&mut self, homes: &[HomeFacts]) {
        let path = self.home.home.join("settings.json");
        let shown = path.display();
        let settings = &self.home.settings;
        if let Some(why) = &settings.broken {
            let message = format!("{why}: `{shown}`");
            return self.warn("settings-broken", message, "the client ignores it: mend it".to_owned());
        }
        let days = |s: &Settings| s.cleanup_days.unwrap_or(CLEANUP_DAYS);
        let (own, most) = (days(settings), homes.iter().map(|h| days(&h.settings)).max().unwrap_or(0));
        let remedy = format!("`\"cleanupPeriodDays\": {}` in `{shown}`", most.max(CLEANUP_DAYS));
        // The shared transcripts are swept by whichever client runs.
        if own < CLEANUP_DAYS {
            self.warn("cleanup-short", format!("sweeps transcripts after {} already", count_days(own)), remedy);
        } else if own < most {
            let message = format!(
                "sweeps the shared transcripts after {}, another account only after {}",
                count_days(own),
                count_days(most)
            );
            self.warn("cleanup-differs", message, remedy);
        }
    }

    fn money(&mut self) {
        if self.home.spends_money == Some(true) {
            let message = "usage beyond its plan costs money".to_owned();
            self.warn("spends-money", message, "`quota.money` says whether it may be chosen".to_owned());
        }
    }
}

fn count_days(n: i64) -> String {
    count(n.max(0).cast_unsigned(), "day")
}

#[cfg(test)]
mod tests;
