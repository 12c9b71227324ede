//! The guard: whether hooks run at all, whether ours are what this program writes, and whether they block.

use std::path::PathBuf;

use crate::model::deploy::{Fault, FaultKind};
use crate::model::finding::{Finding, Fix};

/// A project, and what stands in it of the guard.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// Whether anything was ever put there.
    pub deployed: bool,
    /// What is not in order, by its files; or why it cannot be told.
    pub faults: Result<Vec<Fault>, String>,
    /// Why an entry does not block, or lets nothing pass; `None` if it was proved, or was not tried.
    pub unproved: Option<String>,
}

/// What was seen of the guard.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether the configuration has it deployed.
    pub on: bool,
    /// What keeps every hook of a session from running, each said once.
    pub obstacles: Vec<String>,
    /// Why the entry of a session's overlay does not block; `None` if it was proved.
    pub overlay: Option<String>,
    /// Projects into which it is put.
    pub projects: Vec<Project>,
    /// The machine's own entry, if there is one: why it does not block, or is another's.
    pub managed: Option<Result<(), String>>,
    /// Another configuration, from which the policy is compiled that hooks go by.
    pub other_policy: Option<PathBuf>,
    /// The file of that policy.
    pub policy: PathBuf,
    /// Live sessions whose guard was tampered with: the session and what was seen.
    pub tampered: Vec<(String, String)>,
}

/// What is wrong with it.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if !facts.on {
        let message = "it is turned off: agents run without permission prompts and without a guard";
        found.push(Finding::warning("guard", "guard-off", message, "take `deploy: false` out of `guard`"));
        return found;
    }
    for why in &facts.obstacles {
        let remedy = "take that out: with it no hook runs, so no client is launched";
        found.push(Finding::fault("guard", "hooks-off", why, remedy));
    }
    if let Some(why) = &facts.overlay {
        let remedy = "claude-failover deploy-hook --check; then install this program again";
        found.push(Finding::fault("guard", "guard-useless", why, remedy));
    }
    facts.projects.iter().for_each(|project| of_project(project, facts, &mut found));
    if let Some(Err(why)) = &facts.managed {
        let message = format!("the machine's own entry is not in order: {why}");
        found.push(Finding::warning(
            "guard",
            "managed-outdated",
            message,
            "as root: claude-failover deploy-hook --managed",
        ));
    }
    if let Some(other) = &facts.other_policy {
        let message = format!("hooks go by the policy of another configuration: `{}`", other.display());
        let remedy = format!("to take it from this one, remove `{}`", facts.policy.display());
        found.push(Finding::warning("guard", "policy-of-another", message, remedy));
    }
    for (session, why) in &facts.tampered {
        let remedy = format!("end it, then claude-failover launch {session}");
        found.push(Finding::fault(session, "not-guarded", format!("its guard does not hold: {why}"), remedy));
    }
    found
}

fn of_project(project: &Project, facts: &Facts, found: &mut Vec<Finding>) {
    let name = &project.name;
    let check = format!("claude-failover deploy-hook {name}");
    let faults = match &project.faults {
        Ok(faults) => faults,
        Err(why) => {
            found.push(Finding::warning(name, "hook-unknown", why, format!("{check} --check")));
            return;
        }
    };
    let hook = || Fix::Hook { project: project.path.clone() };
    for fault in faults {
        found.push(match fault.kind {
            // Told once already, for all projects alike.
            FaultKind::Disabled if facts.obstacles.contains(&fault.what) => continue,
            FaultKind::Disabled => {
                let remedy = "take that out: with it no hook runs, the guard included";
                Finding::fault(name, "hooks-off", &fault.what, remedy)
            }
            FaultKind::Broken => {
                let remedy = format!("mend it, then {check}");
                Finding::fault(name, "hook-broken", &fault.what, remedy)
            }
            FaultKind::Missing if !project.deployed => {
                let remedy = format!("{check}; the first launch does it as well");
                Finding::info(name, "hook-not-yet", &fault.what, remedy).fixed_by([hook()])
            }
            FaultKind::Missing => {
                Finding::warning(name, "hook-missing", &fault.what, check.clone()).fixed_by([hook()])
            }
            FaultKind::Outdated => {
                Finding::warning(name, "hook-outdated", &fault.what, check.clone()).fixed_by([hook()])
            }
        });
    }
    if let Some(why) = &project.unproved {
        found.push(Finding::fault(name, "guard-useless", why, format!("{check} --check")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{self, Info, Warning};

    fn project(deployed: bool, kinds: &[FaultKind]) -> Project {
        let faults = kinds.iter().map(|kind| Fault { kind: *kind, what: "it".into() }).collect();
        Project { name: "app".into(), path: "/app".into(), deployed, faults: Ok(faults), unproved: None }
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity, usize)> {
        let mut facts =
            Facts { on: true, projects: vec![project(true, &[])], managed: Some(Ok(())), ..Facts::default() };
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity, f.fixes.len())).collect()
    }

    #[test]
    fn each_fault_is_found() {
        use Severity::Fault;
        assert_eq!(found(|_| {}), []);
        type Case = (fn(&mut Facts), &'static [(&'static str, Severity, usize)]);
        let cases: [Case; 12] = [
            (|f| f.on = false, &[("guard-off", Warning, 0)]),
            (|f| f.obstacles = vec!["x".into()], &[("hooks-off", Fault, 0)]),
            (|f| f.overlay = Some("x".into()), &[("guard-useless", Fault, 0)]),
            (|f| f.projects = vec![project(false, &[FaultKind::Missing])], &[("hook-not-yet", Info, 1)]),
            (|f| f.projects = vec![project(true, &[FaultKind::Missing])], &[("hook-missing", Warning, 1)]),
            (|f| f.projects = vec![project(true, &[FaultKind::Outdated])], &[("hook-outdated", Warning, 1)]),
            (|f| f.projects = vec![project(true, &[FaultKind::Broken])], &[("hook-broken", Fault, 0)]),
            (|f| f.projects = vec![project(true, &[FaultKind::Disabled])], &[("hooks-off", Fault, 0)]),
            (|f| f.projects[0].unproved = Some("x".into()), &[("guard-useless", Fault, 0)]),
            (|f| f.managed = Some(Err("x".into())), &[("managed-outdated", Warning, 0)]),
            (|f| f.other_policy = Some("/c".into()), &[("policy-of-another", Warning, 0)]),
            (|f| f.tampered = vec![("p-0".into(), "x".into())], &[("not-guarded", Fault, 0)]),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), want);
        }
        // One obstacle of the machine is not repeated for each project.
        let once = |f: &mut Facts| {
            f.obstacles = vec!["it".into()];
            f.projects = vec![project(true, &[FaultKind::Disabled])];
        };
        assert_eq!(found(once).len(), 1);
        assert_eq!(found(|f| f.projects[0].faults = Err("gone".into()))[0].0, "hook-unknown");
    }
}
