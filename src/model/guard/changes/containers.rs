//! Programs that start containers, and copy files out of them.

use super::{Asked, Change, Program, remote};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;
use crate::model::guard::wrappers::containers::started;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[Program {
    names: &["docker", "podman", "nerdctl", "finch"],
    grammar: Grammar::stop("", &[]),
    does: container,
}];

fn container(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let words = asked.call.args();
    let words = match words.split_first() {
        Some((first, rest)) if first.known() == Some("container") => rest,
        _ => words,
    };
    if words.first().and_then(Value::known) == Some("cp") {
        // `docker cp CONTAINER:PATH HERE`
        let operands: Vec<&Value> = words.iter().skip(1).filter(|word| !word.starts_with("-")).collect();
        if let [from, to] = operands.as_slice()
            && remote(from).is_some()
            && remote(to).is_none()
        {
            all.push(Change::Put { path: (*to).clone(), tree: true, unless_directory: true });
            let name = super::last_name(from).unwrap_or_else(|| super::glob("*"));
            all.push(Change::Put { path: super::join(to, &name), tree: true, unless_directory: false });
        }
        return;
    }
    let Some(started) = started(asked.name, asked.call) else { return };
    if started.runs_anything(asked.call) {
        let writable = started.mounts(asked.call).into_iter().filter(|mount| !mount.read_only);
        all.extend(writable.map(|mount| Change::Hand { path: mount.from }));
    }
}
