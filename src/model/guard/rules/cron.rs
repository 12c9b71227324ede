//! `cron.change`: what runs by itself, later, when nobody looks.

use crate::model::guard::options::{self, Grammar};
use crate::model::guard::policy::Effect;
use crate::model::guard::reading::Reading;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[Rule {
    id: "cron.change",
    effect: Effect::Block,
    title: "crontab -e, -r, or a new crontab from a file or standard input",
    instead: "show the operator the line that you want; `crontab -l` prints what there is",
    verbs: &["crontab"],
    finds: &[
        "crontab -e",
        "crontab -r",
        "crontab -ir",
        "crontab -ri",
        "crontab jobs.txt",
        "crontab -",
        "crontab -u x -e",
        "crontab -u x jobs.txt",
        "crontab -ux -r",
        "crontab -u x -",
        "crontab -- jobs.txt",
        "crontab /tmp/jobs",
        "crontab \"$FILE\"",
        "crontab -$F",
        "crontab",
        "/usr/bin/crontab -e",
        "echo '* * * * * x' | crontab -",
        "EDITOR=vi crontab -e",
    ],
    passes: &[
        "crontab -l",
        "crontab -u x -l",
        "crontab -lu x",
        "crontab -l -u x",
        "crontab -l > jobs.txt",
        "crontab -l | grep x",
        "crontab -V",
        "crontab --help",
        "crontab -T jobs.txt",
        "crontab -l 2>/dev/null",
        "echo crontab -e",
        "man 5 crontab",
        "cat jobs.txt",
        "which crontab",
        "git commit -m 'crontab -r'",
    ],
}];

const CRONTAB: Grammar =
    Grammar::mix("eriscn:x:", &["u,user=", "l,list", "V,version", "help,h", "T,test=", "edit,e", "remove,r"]);

/// Holds a reading against it.
pub fn judge(reading: &Reading, _context: &Context<'_>, findings: &mut Vec<Finding>) {
    for call in reading.calls.iter().filter(|c| c.program.as_deref() == Some("crontab")) {
        let parsed = options::read(&CRONTAB, call.args());
        let edits = parsed.has("edit") || parsed.has("remove");
        let worst = parsed.hidden.iter().any(|word| word.starts_with("-"));
        let reads = ["l", "V", "help", "T"].iter().any(|name| parsed.has(name));
        let what = if parsed.has("remove") {
            "remove the crontab"
        } else if edits || worst {
            "edit the crontab"
        } else if reads && !call.more_operands {
            continue;
        } else {
            "replace the crontab"
        };
        findings.push(Finding { rule: "cron.change", reading: format!("crontab would {what}") });
    }
}
