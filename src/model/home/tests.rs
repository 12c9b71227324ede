use super::plan::{How, Step, plan_link, plan_place};
use super::*;

fn link(state: LinkState, there: TargetState) -> Link {
    let (path, target) = ("/h/projects".into(), "/s/projects".into());
    Link { name: "projects", path, target, state, there, same_disk: true }
}

fn verbs(link: &Link, how: How) -> Result<Vec<&'static str>, String> {
    let steps = plan_link(link, Path::new("/s/parked/a/projects"), how).map_err(|r| r.why)?;
    Ok(steps
        .iter()
        .map(|s| match s {
            Step::Swap { .. } => "swapped",
            s => s.verbs().1,
        })
        .collect())
}

#[test]
fn where_the_tree_lies() {
    let tree = Tree::new(None, Path::new("/me"));
    assert_eq!(tree.place("projects"), Path::new("/me/.claude-shared/projects"));
    assert_eq!(tree.place("todos"), Path::new("/me/.claude-shared/todos"));
    let named = Tree::new(Some(Path::new("/d/convs")), Path::new("/me"));
    assert_eq!((named.place("projects"), named.place("todos")), ("/d/convs".into(), "/d/convs.d/todos".into()));
    let beside = Tree::new(Some(Path::new("/d/projects")), Path::new("/me"));
    assert_eq!(beside.place("session-env"), Path::new("/d/session-env"));
    assert!(!tree.parked(&AccountName::new("a").unwrap()).starts_with(tree.place("projects")));
}

#[test]
fn what_each_state_of_a_link_needs() {
    use LinkState as L;
    use TargetState as T;
    let (plain, adopt) = (How::default(), How { adopt: true, merge: false });
    let merge = How { adopt: true, merge: true };
    let data = || L::Shadowed { files: 3, transcripts: 2 };
    let to = || PathBuf::from("/elsewhere");
    for (state, there, how, want) in [
        (L::Linked, T::Full, plain, &[][..]),
        (L::Itself, T::Full, merge, &[]),
        (L::Missing, T::Absent, plain, &["made", "linked"]),
        (L::Missing, T::Full, plain, &["linked"]),
        (L::Dangling { to: to() }, T::Full, plain, &["relinked"]),
        (L::Dangling { to: "/s/projects".into() }, T::Absent, plain, &["made"]),
        (L::Loop, T::Absent, plain, &["made", "relinked"]),
        (L::Wrong { to: to(), files: 0 }, T::Full, plain, &["relinked"]),
        (L::Shadowed { files: 0, transcripts: 0 }, T::Full, plain, &["parked", "linked"]),
        (L::Shadowed { files: 0, transcripts: 0 }, T::Absent, plain, &["moved"]),
        (data(), T::Absent, adopt, &["moved"]),
        (data(), T::Empty, adopt, &["swapped", "parked", "linked"]),
        (data(), T::Full, merge, &["merged", "parked", "linked"]),
    ] {
        let link = link(state, there);
        assert_eq!(verbs(&link, how).unwrap(), want, "{link:?} {how:?}");
    }
    for (state, there, how, why) in [
        (data(), T::Absent, plain, "holds 3 files of its own: `/h/projects`"),
        (data(), T::Full, adopt, "holds 3 files, and so does `/s/projects`: `/h/projects`"),
        (
            L::Wrong { to: to(), files: 1 },
            T::Full,
            merge,
            "leads to `/elsewhere`, which holds 1 file: `/h/projects`",
        ),
        (L::File, T::Full, merge, "not a directory: `/h/projects`"),
        (L::Missing, T::Odd, plain, "not a directory: `/s/projects`"),
    ] {
        assert_eq!(verbs(&link(state, there), how).unwrap_err(), why);
    }
    let far = Link { same_disk: false, ..link(data(), T::Absent) };
    assert!(verbs(&far, adopt).unwrap_err().contains("another file system"));
}

#[test]
fn a_home_is_closed_and_only_ours() {
    let home = Path::new("/h");
    assert_eq!(plan_place(home, &Place::Ours { mode: 0o700 }), Ok(vec![]));
    assert_eq!(plan_place(home, &Place::Ours { mode: 0o755 }), Ok(vec![Step::Close(home.into())]));
    assert_eq!(plan_place(home, &Place::Missing), Ok(vec![Step::MakeDir(home.into())]));
    assert!(plan_place(home, &Place::Foreign { uid: 3 }).is_err() && plan_place(home, &Place::Odd).is_err());
}

#[test]
fn the_snippet_is_quoted() {
    let text = snippet(&AccountName::new("a").unwrap(), "/odd: \"dir\" #1");
    assert_eq!(text, "accounts:\n  - name: a\n    home: \"/odd: \\\"dir\\\" #1\"\n");
}
