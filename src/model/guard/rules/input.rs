//! `input.unreadable` and `input.limit`: what is blocked before anything is read. Whoever receives the input
//! finds them; here they are only described. Their examples are tests of their own: one is no command, the
//! other does not fit a page.

use crate::model::guard::policy::Effect;
use crate::model::guard::reading::Reading;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "input.unreadable",
        effect: Effect::Block,
        title: "the hook's input is not what the client is known to send",
        instead: "this is a fault between client and guard, not one of the command; tell the operator",
        verbs: &[],
        finds: &[],
        passes: &[],
    },
    Rule {
        id: "input.limit",
        effect: Effect::Block,
        title: "more text, words, nesting or time than the guard can read",
        instead: "split the command into several calls; write large texts with the Write tool",
        verbs: &[],
        finds: &[],
        passes: &[],
    },
];

/// Finds nothing: see above.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let _ = (reading, context, findings);
}
