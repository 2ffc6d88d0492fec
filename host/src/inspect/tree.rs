//! `billet tree`: the nodes of a bucket's tree.
//!
//! Must never follow a link by itself: `mst` says which nodes there are.

use billet_block::Cid;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::bucket::{head, text};
use super::everywhere::Everywhere;
use super::{Failure, Inside, Out, Verdict};
use crate::bindings::exports::billet::bucket::inspect::Node;
use crate::carry::{CarryError, failed, flow};

/// A line for each node between whose keys some with `prefix` may lie, each before those below.
pub(super) async fn tree(
    inside: &Inside,
    bucket: &str,
    prefix: &str,
    root: Option<&str>,
    out: &Out,
) -> Result<Verdict, Failure> {
    let root = match root {
        Some(root) => {
            let cid: Result<Cid, _> = root.parse();
            let cid = cid.map_err(|error| Failure::new(format!("--root: {error}")))?;
            cid.to_bytes().to_vec()
        }
        None => head(inside, bucket).await?.root,
    };
    let inspector = inside.inspector().await?;
    let blocks = Everywhere::of(inside);
    let (prefix, out) = (prefix.to_owned(), out.clone());
    let walk = inspector.run(blocks, async move |accessor, native| {
        let inspect = native.billet_bucket_inspect();
        let begun = inspect.call_outline(accessor, root, prefix).await?;
        let (nodes, end) = begun.map_err(|error| failed(&error))?;
        let mut nodes = flow(accessor, nodes, end, 1)?;
        while let Some(batch) = nodes.batches.next().await {
            for node in batch {
                let told = out.line(&line(&node).map_err(refused)?).await;
                told.map_err(refused)?;
            }
        }
        match nodes.ended.await {
            Ok(ended) => ended.map_err(|error| failed(&error)),
            Err(_) => Err(CarryError::Failed("the walk has no end".to_owned())),
        }
    });
    walk.await?;
    Ok(Verdict::Whole)
}

fn refused(failure: Failure) -> CarryError {
    CarryError::Refused(failure.text)
}

fn line(node: &Node) -> Result<Value, Failure> {
    let link = |cid: &Option<Vec<u8>>| cid.as_deref().map(text).transpose();
    let entries: Result<Vec<_>, Failure> = node
        .entries
        .iter()
        .map(|entry| {
            Ok(json!({
                "key": entry.key,
                "value": text(&entry.value)?,
                "right": link(&entry.right)?,
            }))
        })
        .collect();
    Ok(json!({
        "level": node.level,
        "cid": text(&node.cid)?,
        "left": link(&node.left)?,
        "entries": entries?,
    }))
}
