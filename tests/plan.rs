//! Nothing is sent outside the plan: every ask that was answered stands in it or in a reserve, within its ceiling and its
//! hosts.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;
use watertight::evidence::{Evidence, Recording, Run};
use watertight::plan::Checklist;
use watertight::probe::World;
use watertight::probe::secret::Vault;
use watertight::{audit, demo};

fn run() -> Run {
    let now = Utc::now();
    Run {
        id: "plan".into(),
        seed: 7,
        taken_at: now,
        finished: now,
        complete: false,
        scheduled: false,
        vantage: "none".into(),
        authorised: None,
    }
}

async fn gathered(demo: &demo::Demo) -> Recording {
    let (_stop, stopped) = watch::channel(false);
    let vault = Vault::default();
    demo.prepare(&vault);
    let mut world = World::new(run(), vault, Duration::from_mins(2), stopped);
    world.history = Some(demo.history());
    audit::gather(&demo.policy, &world, &|_| true).await
}

fn holds_to_its_plan(demo: &demo::Demo, recording: &Recording) {
    for target in &demo.policy.targets {
        let checklist = Checklist::of(&demo.policy, target, |_| true).unwrap();
        let nothing = Evidence::new(&recording.run, demo.policy.declared(), BTreeMap::new());
        let plan = checklist.plan(target, &nothing);
        let reserved: u32 = plan.reserves.iter().map(|(_, reserve)| reserve.sends).sum();
        let record = recording.targets.iter().find(|record| record.target == target.name).unwrap();
        let mut later = 0;
        let mut sent = 0;
        for observation in &record.answers {
            sent += observation.sent.total();
            let (ceiling, hosts) = match plan.asks.iter().find(|planned| planned.ask == observation.ask) {
                Some(planned) => (planned.ceiling, planned.hosts.clone()),
                None => {
                    later += observation.sent.total();
                    (observation.ask.ceiling(target), observation.ask.hosts(target))
                }
            };
            assert!(
                observation.sent.total() <= ceiling,
                "{}: {} sends over the ceiling of {ceiling}",
                observation.ask,
                observation.sent.total()
            );
            assert!(observation.sent.hosts.is_subset(&hosts), "{}: {:?}", observation.ask, observation.sent.hosts);
        }
        assert!(later <= reserved, "{later} sends in later rounds, {reserved} reserved");
        assert!(sent > 0, "nothing was sent, so this shows nothing");
        assert!(sent <= plan.ceiling());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_demo_sends_nothing_outside_its_plan() {
    let demo = demo::sound().await.unwrap();
    let recording = gathered(&demo).await;
    holds_to_its_plan(&demo, &recording);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leaky_demo_sends_nothing_outside_its_plan() {
    let demo = demo::leaky().await.unwrap();
    let recording = gathered(&demo).await;
    holds_to_its_plan(&demo, &recording);
}
