use super::*;
use crate::model::queue::tests::{needs, queue};

fn slot(name: &str, use_: SlotUse) -> Slot {
    Slot { name: SessionName::new(name).unwrap(), use_ }
}

struct World {
    queues: Vec<ProjectQueue>,
    slots: Vec<Slot>,
    places: Places,
    blocked: BTreeMap<AccountName, String>,
    active: AccountName,
    other: AccountName,
}

fn world(queues: Vec<ProjectQueue>, slots: usize) -> World {
    World {
        queues,
        slots: (0..slots).map(|n| slot(&format!("p-{n}"), SlotUse::Free)).collect(),
        places: Places::new(),
        blocked: BTreeMap::new(),
        active: AccountName::new("main").unwrap(),
        other: AccountName::new("other").unwrap(),
    }
}

impl World {
    fn plan(&self) -> Plan {
        let now = Timestamp::from_second(1_800_001_000).unwrap();
        plan(
            now,
            &Snapshot {
                queues: &self.queues,
                slots: self.slots.clone(),
                sessions: &[],
                places: &self.places,
                accounts: vec![&self.active, &self.other],
                active: &self.active,
                blocked: &self.blocked,
                refused: &BTreeMap::new(),
                behind: None,
                models: (Some("opus"), Some("sonnet")),
                reuse: true,
                max_attempts: 3,
            },
        )
    }
    fn assigned(&self) -> Vec<String> {
        self.plan().assign.iter().map(|a| a.task.to_string()).collect()
    }
    fn why(&self, task: &str) -> String {
        self.plan().waits.iter().find(|w| w.subject == task).map_or("-".into(), |w| w.reason.clone())
    }
}

fn with(priority: Priority) -> Header {
    Header { priority, ..Header::default() }
}

#[test]
fn priority_then_age_and_one_a_project() {
    let mut q = queue(
        "app",
        &[("old", with(Priority::Low)), ("new", with(Priority::Critical)), ("mid", Header::default())],
    );
    let w = world(vec![q.clone(), queue("web", &[("x", Header::default())])], 5);
    assert_eq!(w.assigned(), ["app:new", "web:x"]);
    assert_eq!(w.why("app:mid"), "behind `new`: at most 1 at once in the project");
    q.max_sessions = 3;
    assert_eq!(world(vec![q], 2).assigned(), ["app:new", "app:mid"]);
}

#[test]
fn projects_share_the_pool() {
    let many: Vec<(String, Header)> = (0..9).map(|n| (format!("t{n}"), Header::default())).collect();
    let many: Vec<(&str, Header)> = many.iter().map(|(n, h)| (n.as_str(), h.clone())).collect();
    let mut a = queue("a", &many);
    let mut b = queue("b", &[("late", Header::default())]);
    b.waiting[0].queued = Timestamp::from_second(1_800_000_900).unwrap();
    (a.max_sessions, b.max_sessions) = (9, 9);
    assert_eq!(world(vec![a, b], 3).assigned(), ["a:t0", "b:late", "a:t1"]);
}

#[test]
fn everything_that_keeps_a_task_back_is_said() {
    let later = Header { not_before: Some(Timestamp::from_second(1_800_004_600).unwrap()), ..Header::default() };
    let pinned = Header { account: Some(AccountName::new("other").unwrap()), ..Header::default() };
    let tasks = [
        ("later", later),
        ("pinned", pinned),
        ("self1", needs(&["self2"])),
        ("self2", needs(&["self1"])),
        ("w", needs(&["later"])),
        ("f", needs(&["web:bad"])),
        ("n", needs(&["gone"])),
        ("d", needs(&["web:ok"])),
    ];
    let mut w = world(vec![queue("app", &tasks)], 1);
    let r = |t: &str| TaskRef::parse(t, &ProjectName::new("app").unwrap()).unwrap();
    w.places =
        Places::from([(r("later"), Place::Waiting), (r("web:bad"), Place::Failed), (r("web:ok"), Place::Done)]);
    assert_eq!(w.assigned(), ["app:d"]);
    assert_eq!(w.why("app:later"), "not before 2027-01-15T09:16:40Z (in 1h)");
    assert_eq!(w.why("app:pinned"), "pinned to account `other`, active is `main`");
    assert_eq!(w.why("app:self1"), "its dependencies run in a circle: app:self1 → app:self2 → app:self1");
    assert_eq!(w.why("app:w"), "waits for `app:later`, which waits itself");
    assert_eq!(w.why("app:f"), "depends on `web:bad`, which failed");
    assert_eq!(w.why("app:n"), "depends on `app:gone`, which does not exist");
    w.blocked = BTreeMap::from([(w.active.clone(), "its client asks to log in".to_owned())]);
    assert_eq!((w.assigned().len(), w.why("app:d")), (0, "account `main`: its client asks to log in".into()));
}

use crate::model::name::ProjectName;

#[test]
fn an_idle_client_of_the_project_is_used_first_and_one_elsewhere_last() {
    let idle = |path: &str, model: &str| SlotUse::Idle {
        cwd: PathBuf::from(path),
        model: Some(model.into()),
        account: Some(AccountName::new("main").unwrap()),
        takes_lines: path != "/srv/served",
    };
    let mut w = world(vec![queue("app", &[("t", Header::default())])], 0);
    w.slots = vec![slot("p-0", SlotUse::Free), slot("p-1", idle("/srv/app", "sonnet"))];
    assert_eq!((w.plan().assign[0].how, w.plan().assign[0].session.as_str()), (How::Type, "p-1"));
    w.slots = vec![slot("p-0", idle("/srv/app", "opus")), slot("p-1", SlotUse::Free)];
    assert_eq!((w.plan().assign[0].how, w.plan().assign[0].session.as_str()), (How::Launch, "p-1"));
    w.slots = vec![slot("p-0", SlotUse::Busy("x".into())), slot("p-1", idle("/srv/web", "sonnet"))];
    assert_eq!((w.plan().assign[0].how, w.plan().assign[0].session.as_str()), (How::Replace, "p-1"));
    w.queues[0].path = "/srv/served".into();
    w.slots = vec![slot("p-1", idle("/srv/served", "sonnet"))];
    assert_eq!(w.plan().assign[0].how, How::Replace, "something was left running in it");
    w.slots = vec![slot("p-0", SlotUse::Busy("x".into()))];
    assert_eq!(w.why("app:t"), "no idle pool session");
}

#[test]
fn dedicated_unknown_and_working_sessions_are_never_slots() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut record = SessionRecord::new(SessionName::new("x").unwrap(), Kind::Dedicated);
    let zero = SignedDuration::ZERO;
    assert!(matches!(slot_use(Some(&record), now, zero), SlotUse::Busy(_)));
    record.kind = Kind::Pool;
    assert_eq!(slot_use(Some(&record), now, zero), SlotUse::Free);
    record.client =
        Some(crate::model::session::ClientProcess { pid: 1, start: 1, boot_id: "b".into(), launched: now });
    record.cwd = Some("/srv".into());
    for state in [State::Starting, State::Working, State::Waiting, State::Limited, State::Stalled, State::Unknown]
    {
        record.note.state = state;
        assert!(matches!(slot_use(Some(&record), now, zero), SlotUse::Busy(_)), "{state}");
    }
    record.note.state = State::Idle;
    record.freed = Some(now);
    assert!(matches!(slot_use(Some(&record), now, SignedDuration::from_mins(5)), SlotUse::Busy(_)));
    let before = now - SignedDuration::from_hours(2);
    assert!(matches!(slot_use(Some(&record), before, SignedDuration::from_mins(5)), SlotUse::Idle { .. }));
}
