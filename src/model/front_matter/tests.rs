use super::*;
use proptest::prelude::*;

fn header(text: &str) -> Result<Header, Fault> {
    parse(text, &ProjectName::new("app").unwrap(), &TaskId::new("t").unwrap(), &TimeZone::UTC)
}

fn outcome() -> Outcome {
    Outcome {
        result: OutcomeResult::Done,
        reason: "said done: \"ok\"".into(),
        finished: "2026-01-02T03:04:05Z".parse().unwrap(),
        duration_seconds: 61,
        attempts: vec![],
        accounts: vec![AccountName::new("main").unwrap()],
        conversation: Some("u".into()),
        tokens: None,
    }
}

#[test]
fn every_key_is_read() {
    let h = header(
        "---\ntitle: T\npriority: high\ntags: [a, 1]\ndepends_on:\n  - x\n  - other:y\n\
         not_before: 2026-01-31 18:00\nmodel: opus\naccount: main\nmax_attempts: 2\n\
         stall_after: 1h 30m\nneeds_claude_code: true\nmine: {a: 1}\n---\nbody\n",
    )
    .unwrap();
    assert_eq!(h.priority, Priority::High);
    assert_eq!(h.depends_on[1].to_string(), "other:y");
    assert_eq!(h.depends_on[0].to_string(), "app:x");
    assert_eq!(h.not_before.unwrap().to_string(), "2026-01-31T18:00:00Z");
    assert_eq!(h.stall_after, Some(SignedDuration::from_mins(90)));
    assert_eq!((h.max_attempts, h.tags.len()), (Some(2), 2));
}

#[test]
fn faults_name_their_line() {
    for (text, want) in [
        ("", "the file is empty"),
        ("  \n\n", "the file is empty"),
        ("---\ntitle: x\n---\n", "there is nothing below the front matter"),
        ("---\ntitle: x\nbody", "line 1: the front matter has no closing `---`"),
        ("---\n- a\n---\nb", "line 2: the front matter is not a list of `key: value` lines"),
        ("---\ntitle: x\npriority: urgent\n---\nb", "line 3: priority: unknown priority `urgent`"),
        ("---\ndepends_on: t\n---\nb", "line 2: depends_on: the task depends on itself"),
        (
            "---\n\ndepends_on: [../../etc]\n---\nb",
            "line 3: depends_on: a task id must not start with `.` or `-`: `../../etc`",
        ),
        ("---\nnot_before: soon\n---\nb", "line 2: not_before: not a time: `soon`"),
        ("---\nmodel: $(id)\n---\nb", "line 2: model: not a model name: `$(id)`"),
        ("---\nmax_attempts: 0\n---\nb", "line 2: max_attempts: must be a number from 1 to 100"),
        ("---\nstall_after: 5\n---\nb", "line 2: stall_after: not a duration: `5`"),
        ("---\ntags: {a: b}\n---\nb", "line 2: tags: must be one line of text"),
    ] {
        assert_eq!(header(text).unwrap_err().to_string(), want, "{text:?}");
    }
    let broken = header("---\ntitle: x\nbad: [\n---\nb").unwrap_err();
    assert!(broken.line.is_some() && broken.message.contains("not valid YAML"), "{broken:?}");
}

#[test]
fn an_outcome_is_added_replaced_and_removed_without_touching_the_rest() {
    let text = "---\n# a comment\ntitle: x\nmine: 1\n---\nbody --- \n---\nmore";
    let once = with_outcome(text, &outcome());
    assert!(once.starts_with("---\n# a comment\ntitle: x\nmine: 1\noutcome:\n  result: done\n"), "{once}");
    assert!(once.ends_with("---\nbody --- \n---\nmore"));
    assert_eq!(with_outcome(&once, &outcome()), once);
    assert_eq!(without_outcome(&once), text);
    assert_eq!(header(&once).unwrap().outcome, Some(outcome()));
}

#[test]
fn a_file_without_front_matter_gets_one_and_loses_it_again() {
    let once = with_outcome("just do it\n", &outcome());
    assert!(once.ends_with("---\njust do it\n"));
    assert_eq!(without_outcome(&once), "just do it\n");
}

proptest! {
    #[test]
    fn bodies_survive_an_outcome_byte_for_byte(body in "(?s).{0,200}", keys in 0..3_usize) {
        let front = ["", "---\ntitle: x\n---\n", "---\npriority: low\n# c\n---\n"][keys];
        let text = format!("{front}{body}");
        if let Ok(before) = split(&text) {
            let once = with_outcome(&text, &outcome());
            prop_assert_eq!(split(&once).unwrap().body, before.body);
            prop_assert_eq!(&with_outcome(&once, &outcome()), &once);
        }
    }

    #[test]
    fn no_text_panics(text in "(?s)(---\n)?.{0,80}(\n---\n)?.{0,40}") {
        let _ = header(&text);
        let _ = without_outcome(&text);
    }
}
