//! (to come)

use crate::model::guard::reading::Reading;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[];

/// Holds a reading against them.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let _ = (reading, context, findings);
}

/// Holds a write by a tool against them. `path` as the tool was given it.
pub fn judge_write(path: &str, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let _ = (path, context, findings);
}
