//! Telling a tree's nodes one after another.
//!
//! Must never hold more of a walk than where it stands.

use billet_block::Cid;
use billet_bucket::{Blocked, Refusal, View};
use billet_tree::{Outline, Placed};

use crate::bindings::billet::store::types::StoreError as OutError;
use crate::bindings::exports::billet::bucket::inspect;
use crate::bindings::{wit_future, wit_stream};
use crate::fetch::supply;
use crate::{CACHES, convert};
use wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamWriter, spawn_local};

/// What `outline` answers.
pub(crate) type Told = (
    StreamReader<inspect::Node>,
    FutureReader<Result<(), OutError>>,
);

/// Begins a walk.
pub(crate) fn start(root: Cid, prefix: &str) -> Told {
    let walk = Outline::new(root, prefix);
    let (writer, nodes) = wit_stream::new::<inspect::Node>();
    let (end, ended) = wit_future::new::<Result<(), OutError>>(|| Err(OutError::Unavailable));
    spawn_local(async move {
        let told = write(walk, writer).await;
        // Whoever asked may have gone.
        let _ = end.write(told.map_err(convert::error_of)).await;
    });
    (nodes, ended)
}

/// Writes nodes for as long as somebody reads. One at a time: a node can have 2 MiB.
async fn write(mut walk: Outline, mut writer: StreamWriter<inspect::Node>) -> Result<(), Refusal> {
    let mut view = View::new(&CACHES);
    loop {
        match walk.next(&view).map_err(Blocked::of_tree) {
            Ok(None) => return Ok(()),
            Ok(Some(placed)) => {
                let left = writer.write_all(vec![node(&placed)]).await;
                if !left.is_empty() {
                    return Ok(());
                }
            }
            Err(Blocked::Failed(refusal)) => return Err(refusal),
            Err(Blocked::Need(need)) => {
                view.forget_blocks();
                supply("", &mut view, need).await?;
            }
        }
    }
}

fn node(placed: &Placed) -> inspect::Node {
    let bytes = |cid: &Cid| cid.to_bytes().to_vec();
    let entries = placed.node.entries().map(|entry| inspect::NodeEntry {
        key: entry.key.to_owned(),
        value: bytes(&entry.value),
        right: entry.right.as_ref().map(bytes),
    });
    inspect::Node {
        cid: bytes(&placed.cid),
        level: placed.level,
        left: placed.node.left().map(bytes),
        entries: entries.collect(),
    }
}
