//! Modes that let everybody do everything.

use super::on_paths::Seen;
use crate::model::guard::changes::Change;
use crate::model::guard::paths::Last;
use crate::model::guard::paths::files::Reach;
use crate::model::guard::paths::places::Depth;
use crate::model::guard::policy::Effect;
use crate::model::guard::verdict::Rule;

/// The rules of this file.
pub static RULES: &[Rule] = &[Rule {
    id: "perm.world-writable",
    effect: Effect::Block,
    title: "lets everybody read, write and run something of the system or of a home",
    instead: "Give the mode that is needed, to the one file that needs it: `chmod u+x ./run.sh`, \
              `chmod 755 ./out`.",
    verbs: &["chmod"],
    finds: &[
        "chmod 777 /etc",
        "chmod -R a=rwx /opt",
        "chmod 0777 /usr/local/bin/x",
        "chmod 1777 /srv",
        "chmod 4777 /usr/bin/env",
        "chmod -R 777 /",
        "chmod ugo+rwx /var/www",
        "chmod a+rwx ~",
        "chmod -R 777 ~",
        "chmod --recursive 777 \"$HOME\"/Documents",
        "chmod a+r,a+w,a+x /etc/hosts",
        "chmod u=rwx,g=rwx,o=rwx /opt/x",
        "chmod u=rwx,go=u /opt/x",
        "chmod 777 -R /etc",
        "chmod 4${x}777 /etc",
        "chmod 77$(true)7 /etc",
        "chmod 777 ~/.ssh",
        "chmod -R 777 \"$X\"/",
        "mkdir -m 777 /opt/shared",
        "install -m 0777 x /usr/local/bin/x",
        "cd / && chmod -R 777 etc",
    ],
    passes: &[
        "chmod 777 ./out",
        "chmod -R 777 build",
        "chmod 777 /tmp/x",
        "chmod 755 /usr/local/bin/x",
        "chmod +x run.sh",
        "chmod u+rwx run.sh",
        "chmod a+r /etc/hosts",
        "chmod 700 ~/.ssh",
        "chmod 600 ~/.ssh/id_ed25519",
        "chmod -R u+rwX,go-w ~/project/x",
        "chmod --reference=a b",
        "chmod -x run.sh",
        "chmod 777 \"$X\"",
        "chmod $MODE /opt/x",
        "mkdir -m 755 ~/project/x",
        "mkdir -p -m 777 ./out",
        "install -m 755 x ~/project/bin/x",
        "chmod --help",
    ],
}];

/// Holds a change against the rule.
pub fn judge(seen: &mut Seen<'_>) {
    let Change::Mode { path, mode, .. } = seen.change else { return };
    if !gives_everybody_all(&mode.if_empty()) {
        return;
    }
    for at in seen.locate(path, Last::Followed).iter() {
        let place = seen.paths.protected_place(at, Depth::Everything).map(|found| found.kind.words());
        if let Some(what) = place.or_else(|| seen.paths.protected_file(at, Reach::Mode)) {
            seen.report("perm.world-writable", "open to everybody", path, at, what);
        }
    }
}

/// Whether a mode, octal or symbolic, lets others read, write and run.
fn gives_everybody_all(mode: &str) -> bool {
    if !mode.is_empty() && mode.bytes().all(|b| b.is_ascii_digit()) {
        return mode.len() >= 3 && mode.ends_with("777");
    }
    // Permission letters of the user, the group and the others, as far as the mode itself gives them.
    let mut given = [0_u8; 3];
    for clause in mode.split(',') {
        let who_ends = clause.find(['+', '-', '=']).unwrap_or(clause.len());
        let (who, mut rest) = clause.split_at(who_ends);
        // Without a class the process's mask applies, which keeps others from writing.
        let has = |class: char| who.contains(class) || who.contains('a');
        let classes = [has('u'), has('g'), has('o')];
        while let Some(operator) = rest.chars().next() {
            let behind = rest.get(1..).unwrap_or_default();
            let end = behind.find(['+', '-', '=']).unwrap_or(behind.len());
            let (letters, next) = behind.split_at(end);
            let bits = letters.chars().fold(0, |bits, letter| bits | bit(letter, given));
            for (given, _) in given.iter_mut().zip(classes).filter(|(_, meant)| *meant) {
                match operator {
                    '+' => *given |= bits,
                    '-' => *given &= !bits,
                    _ => *given = bits,
                }
            }
            rest = next;
        }
    }
    given.last() == Some(&7)
}

fn bit(letter: char, given: [u8; 3]) -> u8 {
    let [user, group, others] = given;
    match letter {
        'r' => 4,
        'w' => 2,
        'x' | 'X' => 1,
        'u' => user,
        'g' => group,
        'o' => others,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_in_every_spelling() {
        for mode in [
            "777",
            "0777",
            "00777",
            "1777",
            "2777",
            "7777",
            "a=rwx",
            "a+rwx",
            "ugo+rwx",
            "ugo=rwx",
            "u=rwx,g=rwx,o=rwx",
            "o=rwx",
            "go+rwx",
            "a+rw,a+x",
            "a+r+w+x",
            "a=xwr",
            "a=rwX",
            "u=rwx,go=u",
            "u=rwx,g=u,o=g",
            "o-x,o+rwx",
            "uog=rwxs",
            "a=rwxt",
            "oa+rwx",
        ] {
            assert!(gives_everybody_all(mode), "{mode}");
        }
        for mode in [
            "",
            "7",
            "77",
            "755",
            "775",
            "770",
            "707",
            "776",
            "0755",
            "+x",
            "+rwx",
            "=rwx",
            "a+x",
            "a+rw",
            "u=rwx",
            "g+rwx",
            "a=rwx,o-w",
            "a=rwx,o=",
            "o=rx",
            "x",
            "go=u",
            "-rwx",
            ",",
            "a",
            "+",
            "é+rwx",
            "u=rwx,g=rx,o=rx",
        ] {
            assert!(!gives_everybody_all(mode), "{mode}");
        }
    }
}
