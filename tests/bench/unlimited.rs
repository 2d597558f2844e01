//! Prints the wall time of the audit of the embedded deployment whose limiter is off: what is left when nothing waits for a
//! rate window.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::watch;
use watertight::demo::fault::Fault;
use watertight::evidence::Run;
use watertight::probe::World;
use watertight::probe::secret::Vault;
use watertight::{audit, demo};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let now = Utc::now();
    let run = Run {
        id: "bench".into(),
        seed: 1,
        taken_at: now,
        finished: now,
        complete: false,
        scheduled: false,
        vantage: "none".into(),
        authorised: None,
    };
    let demo = demo::start(&[Fault::LimiterOff]).await?;
    let (_stop, stopped) = watch::channel(false);
    let vault = Vault::default();
    demo.prepare(&vault);
    let mut world = World::new(run, vault, Duration::from_mins(1), stopped);
    world.history = Some(demo.history());
    let begun = Instant::now();
    let recording = audit::gather(&demo.policy, &world, &|_| true).await;
    let judged = audit::judge(&demo.policy, &recording, &|_| true)?;
    println!("{} items judged in {:.2} s", judged.len(), begun.elapsed().as_secs_f64());
    Ok(())
}
