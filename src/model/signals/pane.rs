//! The screen of a session: the last resort, and never more than a reason to look closer. It shows
//! what the client says and what anybody wrote, and a resumed session shows old limits again.

use jiff::Timestamp;

use crate::model::name::SessionName;
use crate::model::quota::{Signal, Source};

/// How many rows from the bottom are looked at: what stands higher is history.
const ROWS: usize = 12;

/// Words with which a client's own line about a limit begins, behind its mark. Others quote them in
/// the middle of a line.
const LIMITS: [&str; 6] = [
    "You've hit your ",
    "You've reached your ",
    "5-hour limit reached",
    "Weekly limit reached",
    "Session limit reached",
    "Usage limit reached",
];

/// A line that says that something else is meant, or that it is over.
const NOT: [&str; 3] = ["not your usage limit", "Usage limit reset", "Agent terminated early"];

/// Whether the bottom of a screen looks like a limit.
#[must_use]
pub fn read(screen: &str, at: Timestamp, session: &SessionName) -> Option<Signal> {
    let rows: Vec<&str> = screen.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    let bottom = &rows[rows.len().saturating_sub(ROWS)..];
    let said = bottom.iter().rev().find_map(|row| {
        // `⎿  You've hit …` and `● Usage limit reached …` are the client's own; a reply begins with `●`
        // too, but not with these words alone.
        let text = row.trim_start();
        let text = text.strip_prefix(['⎿', '●', '⚠'])?.trim_start_matches(['\u{a0}', ' ']);
        (LIMITS.iter().any(|l| text.starts_with(l)) && !NOT.iter().any(|n| row.contains(n))).then_some(())
    });
    said.map(|()| Signal {
        at,
        source: Source::Pane,
        window: None,
        percent: None,
        resets_at: None,
        hit: true,
        session: Some(session.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(screen: &str) -> bool {
        read(screen, Timestamp::UNIX_EPOCH, &SessionName::new("p-0").unwrap()).is_some()
    }

    #[test]
    fn the_clients_own_lines_at_the_bottom() {
        for line in [
            "  ⎿  You've hit your session limit · resets 9am (UTC)",
            "  ⎿  You've hit your weekly limit · resets Nov 26, 12am (UTC)",
            "● Usage limit reached · set to continue automatically at 10am",
            "  ⎿  5-hour limit reached ∙ resets 3pm",
        ] {
            assert!(seen(&format!("❯ do it\n\n{line}\n\n────\n❯\u{a0}\n────\n  ? for shortcuts\n")), "{line}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for line in [
            "● API Error: Server is temporarily limiting requests (not your usage limit) · x",
            "● API Error: 529 Overloaded. This is a server-side issue",
            "  ⎿  API Error: Request rejected (429)",
            "You've used 91% of your session limit · resets 12:40pm",
            "❯ write a test for \"You've hit your session limit\"",
            "  ⎿  tests/limits.rs:3: You've hit your session limit",
            "● The text says: You've hit your weekly limit",
            "  ⎿  Agent terminated early due to an API error: You've hit your session limit",
            "● GitHub API rate limit exceeded",
            "Usage limit reset · continuing automatically",
        ] {
            assert!(!seen(&format!("{line}\n────\n❯\n────\n")), "{line}");
        }
        let scrolled = format!("  ⎿  You've hit your session limit\n{}", "● working\n".repeat(12));
        assert!(!seen(&scrolled), "it has scrolled up");
        assert!(!seen(""));
    }
}
