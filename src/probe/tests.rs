//! A slow question takes nothing from the others.

use super::*;
use crate::evidence::exec::Exec;
use crate::period::Period;
use crate::probe::http_rig::{serve, target, world};

fn round(asks: impl IntoIterator<Item = Ask>, last: bool) -> Round {
    Round { asks: asks.into_iter().map(|ask| (ask, Free::default())).collect(), last }
}

#[tokio::test]
async fn a_slow_question_ends_in_its_own_time_and_the_next_round_still_has_some() {
    let answer = |_: &_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned();
    let target = target(&format!("http://{}", serve(answer).await), &["/a", "/b"]);
    let world = world(8);
    let get = |path: &str| Ask::from(Request::get(path));
    let slow = Ask::from(Exec {
        id: "slow".into(),
        command: vec!["/bin/sleep".into(), "60".into()],
        deadline: Period::seconds(60),
        sha256: None,
    });
    let first = world.round(&target, round([get("/a"), slow.clone()], false)).await.answers;
    assert!(first[&get("/a")].is_ok(), "{:?}", first[&get("/a")]);
    let Err(Unseen::OverBudget(why)) = &first[&slow] else { panic!("{:?}", first[&slow]) };
    assert!(why.contains("ran out of its own time"), "{why}");
    assert!(!world.was_cut_short());
    let second = world.round(&target, round([get("/b")], false)).await.answers;
    assert!(second[&get("/b")].is_ok(), "{:?}", second[&get("/b")]);
    // Nothing comes after the last round, so the whole rest is its own.
    let last = world.round(&target, round([slow.clone()], true)).await.answers;
    let Err(Unseen::OverBudget(why)) = &last[&slow] else { panic!("{:?}", last[&slow]) };
    assert!(why.contains("--max-time) was up") && world.was_cut_short(), "{why}");
}
