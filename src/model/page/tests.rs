use super::chart::{Chart, svg};
use super::*;
use crate::model::forecast::{Forecast, Point};
use crate::model::front_matter::Header;
use crate::model::journal::{JOURNAL_VERSION, Noted};
use crate::model::queue::tests::queue;
use crate::model::report::Item;
use crate::model::session::{Kind, SessionRecord, State};
use crate::model::status::{LastRuns, Need, PoolStatus, ProjectStatus, STATUS_VERSION, SessionStatus};
use crate::model::switch::{Decision, Verdict};

const HOSTILE: &str = "</title></style></script><script>x()</script><img src=x onerror=x()> ' \" & `<b>`";

/// Everything that somebody else words is hostile; so many tasks wait in each of so many projects.
fn page(projects: usize, tasks: usize) -> PageData {
    let at: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let name = |text: &str| AccountName::new(text).unwrap();
    let header = || Header { title: Some(HOSTILE.to_owned()), ..Header::default() };
    let ids: Vec<String> = (0..tasks).map(|n| format!("task-{n}")).collect();
    let waiting: Vec<(&str, Header)> = ids.iter().map(|id| (id.as_str(), header())).collect();
    let queues: Vec<ProjectQueue> = (0..projects).map(|n| queue(&format!("project-{n}"), &waiting)).collect();
    let of = |queue: &ProjectQueue| ProjectStatus {
        project: queue.project.clone(),
        path: queue.path.clone(),
        waiting: queue.waiting.len(),
        ready: 0,
        claimed: 0,
        done: 0,
        failed: 0,
    };
    let mut record = SessionRecord::new(SessionName::new("p-0").unwrap(), Kind::Dedicated);
    record.note.state = State::Stalled;
    record.note.evidence = vec![HOSTILE.to_owned()];
    record.model = Some(HOSTILE.to_owned());
    let need = Need { subject: HOSTILE.into(), what: HOSTILE.into(), hint: Some(HOSTILE.into()) };
    let waits = queues.iter().flat_map(|q| {
        let item = |id: &String| Item::new(format!("{}:{id}", q.project), "waits", HOSTILE);
        ids.iter().map(item).collect::<Vec<Item>>()
    });
    let status = Status {
        version: STATUS_VERSION,
        at,
        active_account: name("main"),
        needs_person: vec![need; projects.max(1)],
        sessions: vec![SessionStatus::of(&record)],
        pool: PoolStatus { max: 3, running: 0 },
        projects: queues.iter().map(of).collect(),
        waiting: waits.collect(),
        accounts: Vec::new(),
        decision: Decision { verdict: Verdict::Stay { why: HOSTILE.into() }, assessments: Vec::new() },
        last_switch: None,
        notify: None,
        last_run: LastRuns { dispatch: None, watch: Some(at) },
    };
    let journal = Journal {
        version: JOURNAL_VERSION,
        id: HOSTILE.into(),
        begun: at,
        by_person: true,
        why: HOSTILE.into(),
        urgent: true,
        from: name("spare"),
        to: name("main"),
        dead: Vec::new(),
        back: false,
        activates: true,
        moves: Vec::new(),
        faults: vec![HOSTILE.into()],
        ended: None,
        steps: vec![Noted { at, session: None, what: HOSTILE.into() }; projects],
    };
    PageData {
        status,
        host: HOSTILE.into(),
        zone: TimeZone::UTC,
        queues,
        titles: BTreeMap::new(),
        contexts: BTreeMap::new(),
        histories: BTreeMap::new(),
        switches: vec![journal],
        trigger: true,
    }
}

#[test]
fn every_text_is_only_text() {
    let page = page(2, 3);
    let document = render(&page);
    assert_eq!(document.matches("<script").count(), 1, "our own");
    assert_eq!(document.matches("</script").count(), 1);
    assert_eq!((document.matches("<style").count(), document.matches("</title>").count()), (1, 1));
    assert!(!document.contains("<img"));
    assert!(document.contains("&lt;script&gt;x()&lt;/script&gt;"));
}

#[test]
fn a_pool_of_any_size_gives_a_page_of_some_size() {
    let small = render(&page(1, 1)).len();
    let large = render(&page(300, 1000)).len();
    assert!(large < small + 400_000, "{small} and {large} bytes");
    let listed = |document: &str| document.matches("<code>task-").count();
    assert_eq!(listed(&render(&page(2, 60))), 100, "fifty of each project");
    assert_eq!(listed(&render(&page(300, 1000))), 400, "and no more of all");
}

#[test]
fn the_policy_knows_the_style_and_the_script_of_the_document() {
    let document = render(&page(1, 1));
    let between = |from: &str, to: &str| {
        let start = document.find(from).unwrap() + from.len();
        document[start..start + document[start..].find(to).unwrap()].to_owned()
    };
    for text in [between("<style>", "</style>"), between("<script>", "</script>")] {
        let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
        assert!(csp().contains(&format!("-src 'sha256-{hash}'")), "{}", csp());
    }
    assert!(csp().starts_with("default-src 'none'; ") && csp().contains("frame-ancestors 'none'"));
    assert!(document.contains("http-equiv=\"Content-Security-Policy\""));
    // Attributes of these kinds would be refused by it.
    assert!(!document.contains(" style=\"") && !document.contains(" onclick="));
}

#[test]
fn no_id_stands_twice() {
    let document = render(&page(30, 4));
    let mut ids: Vec<&str> = document.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn commands_are_offered_only_where_they_are_answered() {
    let mut page = page(1, 1);
    assert!(render(&page).contains("id=\"act-template\""));
    page.trigger = false;
    let document = render(&page);
    assert!(!document.contains("id=\"act-template\"") && !document.contains("value=\"dispatch\""));
}

#[test]
fn times_are_as_short_as_they_are_clear() {
    let zone = TimeZone::UTC;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let clock = Clock { now: at("2026-03-01T12:00:00Z"), zone: &zone };
    for (time, want) in [
        ("2026-03-01T15:10:00Z", "15:10"),
        ("2026-03-02T00:00:00Z", "Mon 00:00"),
        ("2026-02-25T09:00:00Z", "Wed 09:00"),
        ("2026-03-08T09:00:00Z", "8 Mar 09:00"),
        ("2025-12-31T23:59:00Z", "31 Dec 2025 23:59"),
    ] {
        assert_eq!(clock.short(at(time)), want);
    }
    assert_eq!(said("a\nb\u{202e}c\u{7}", 10), "a b\\u{202e}c\\u{7}");
    assert_eq!(said("abcdef", 3), "abc…");
    assert_eq!(text::prose("of `a` & `b`").into_string(), "of <code>a</code> &amp; <code>b</code>");
    assert_eq!(text::prose("it`s").into_string(), "it`s");
}

#[test]
fn a_drawing_stays_within_its_frame() {
    let at = |minute: i64| Timestamp::from_second(1_800_000_000 + minute * 60).unwrap();
    let clock = Clock { now: at(200), zone: &TimeZone::UTC };
    let points: Vec<Point> = (0..500).map(|n| Point { at: at(n / 3), percent: n as f64 / 4.0 - 2.0 }).collect();
    let forecast = |rate: f64, spread: f64| Some(Forecast { rate, spread, now: 50.0, points: 9 });
    for (last, forecast) in [
        (3, None),
        (200, forecast(0.0, 0.1)),
        (200, forecast(12.0, 30.0)),
        (200, forecast(1e9, 1e9)),
        (400, forecast(20.0, 3.0)),
        (500, forecast(20.0, 3.0)),
    ] {
        let chart = Chart {
            id: "c".into(),
            title: String::new(),
            begins: at(0),
            ends: at(300),
            points: &points[..last],
            threshold: 90.0,
            forecast,
        };
        let drawn = svg(&chart, clock).into_string();
        let lists: Vec<&str> =
            drawn.split(" points=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        // What is full goes nowhere from there.
        let ahead = forecast.is_some() && points[last - 1].percent < 100.0;
        assert_eq!(lists.len(), if ahead { 4 } else { 2 }, "{drawn}");
        for place in lists.iter().flat_map(|list| list.split(' ')) {
            let (x, y) = place.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((0.0..=400.0).contains(&x) && (0.0..=100.0).contains(&y), "{place} in {drawn}");
        }
        assert!(lists[lists.len() - 1].split(' ').count() <= 82, "thinned");
    }
}
