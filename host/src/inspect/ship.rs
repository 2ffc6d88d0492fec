//! `billet ship`: where shipping stands, and whether it is to.
//!
//! Must never ship by itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::identity::refused;
use super::{Failure, Inside, Out, Verdict};

/// How often it is looked again.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Where shipping stands; with `watch` until all is shipped.
pub(super) async fn status(inside: &Inside, watch: bool, out: &Out) -> Result<Verdict, Failure> {
    let network = inside.network().await?;
    if watch {
        ships(inside)?;
    }
    let mut now = network.status().await.map_err(refused)?;
    let mut most = 0;
    while watch && waiting(&now) > 0 && !out.is_closed() {
        most = most.max(waiting(&now));
        let done = most.saturating_sub(waiting(&now));
        out.progress(&describe(&now), done, most);
        tokio::time::sleep(LOOK_EVERY).await;
        now = network.status().await.map_err(refused)?;
    }
    out.line(&now).await?;
    Ok(Verdict::Whole)
}

/// Commits that are not on the network, and what is left to do for those that are. Where only one
/// plane is shipped no commit ever is: there it is shards.
fn waiting(now: &Value) -> u64 {
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
    let after = number(now, "after");
    if now.get("publishes") == Some(&Value::Bool(false)) {
        let figures = now.get("figures").unwrap_or(&Value::Null);
        return number(figures, "waiting_shards").saturating_add(after);
    }
    let logs = now.get("logs").and_then(Value::as_array);
    let commits = logs
        .into_iter()
        .flatten()
        .map(|log| number(log, "local_seq").saturating_sub(number(log, "published_seq")));
    commits.sum::<u64>().saturating_add(after)
}

fn describe(now: &Value) -> String {
    if now.get("paused") == Some(&Value::Bool(true)) {
        return "shipped; paused, `billet ship resume` goes on".to_owned();
    }
    let troubles = now.get("troubles").and_then(Value::as_array);
    let why = troubles.and_then(|troubles| troubles.first()?.get("why")?.as_str());
    match why {
        Some(why) => format!("shipped; tried again: {why}"),
        None => "shipped".to_owned(),
    }
}

/// Whether a daemon ships.
fn ships(inside: &Inside) -> Result<(), Failure> {
    if inside.ships() {
        return Ok(());
    }
    Err(Failure::new(
        "no daemon ships here: start `billet serve`, which tries everything at once",
    ))
}

/// What failed is tried again at once.
pub(super) async fn retry(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    let network = inside.network().await?;
    ships(inside)?;
    network.retry().await.map_err(refused)?;
    out.line(&json!({"verdict": "tried again"})).await?;
    Ok(Verdict::Whole)
}

/// Nothing is shipped from now on, or it is again.
pub(super) async fn pause(inside: &Inside, paused: bool, out: &Out) -> Result<Verdict, Failure> {
    let network = inside.network().await?;
    let done = network.pause(paused, inside.storage()).await;
    done.map_err(refused)?;
    let verdict = if paused { "paused" } else { "resumed" };
    out.line(&json!({"verdict": verdict})).await?;
    Ok(Verdict::Whole)
}
