//! `proc.fork-bomb`: a function that multiplies itself without end, and is called.

use crate::model::guard::policy::Effect;
use crate::model::guard::reading::Reading;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[Rule {
    id: "proc.fork-bomb",
    effect: Effect::Block,
    title: "a function that calls itself more than once, or in the background through a pipe, and is called",
    instead: "bound what is started: `seq 4 | xargs -P 2 -n 1 echo`",
    verbs: &[],
    finds: &[
        ":(){ :|:& };:",
        ":() { : | : & } ; :",
        "b(){ b|b& };b",
        "b() { b | b & }\nb",
        "function b { b | b & }; b",
        "function b() { b | b & }; b",
        "b() ( b | b & ); b",
        "b() { b & b; }; b",
        "b() { b & b & }; b",
        "b() { b; b; }; b",
        "bash -c ':(){ :|:& };:'",
        "eval 'b(){ b|b& };b'",
        "b() { (b | b) & }; b &",
        "b() { b \"$@\" | b \"$@\" & }; b x",
    ],
    passes: &[
        "f() { echo x; }; f",
        "f() { [ \"$1\" -gt 0 ] && f $(($1 - 1)); }; f 3",
        "walk() { for d in \"$1\"/*; do [ -d \"$d\" ] && walk \"$d\"; done; }; walk .",
        "f() { sleep 1 & }; f",
        "f() { g | g & }; g() { cat; }; f",
        "f() { echo f | cat & }; f",
        "b() { b | b & }",
        "echo ':(){ :|:& };:'",
        "git commit -m ':(){ :|:& };:'",
        "grep -F ':(){ :|:& };:' notes.md",
        ":",
        ": ${X:=1}",
        "f() { f2; f2; }; f2() { true; }; f",
    ],
}];

/// Holds a reading against it.
pub fn judge(reading: &Reading, _context: &Context<'_>, findings: &mut Vec<Finding>) {
    for name in &reading.bombs {
        let name: String = name.chars().take(40).collect();
        let reading = format!("the function {name} would call itself without end");
        findings.push(Finding { rule: "proc.fork-bomb", reading });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::world::made_up::MadeUp;

    #[test]
    fn each_bomb_is_a_finding() {
        let world = MadeUp::new();
        let mut findings = Vec::new();
        let reading = Reading { bombs: vec![":".into(), "b".repeat(100)], ..Reading::default() };
        judge(&reading, &world.context(), &mut findings);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|f| f.rule == "proc.fork-bomb" && f.reading.len() < 100));
    }
}
