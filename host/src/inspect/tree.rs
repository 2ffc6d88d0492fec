//! `billet tree`: the nodes of a bucket's tree.
//!
//! Must never follow a link by itself: `mst` says which nodes there are.

use billet_block::Cid;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::bucket::{head, text};
use super::everywhere::Everywhere;
use super::{Failure, Inside, Out, Verdict};
use crate::bindings::exports::billet::bucket::inspect::{Node, NodeEntry};
use crate::carry::{CarryError, failed, flow};

/// Longest text of the entries in one line; a node whose entries take more has several lines.
const ENTRIES_BYTES_MAX: usize = 256 << 10;

/// A line, or several, for each node between whose keys some with `prefix` may lie, each node
/// before those below.
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
                tell(&node, &out).await.map_err(refused)?;
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

/// Sends a node; of the lines of one only the first has `first` 0.
async fn tell(node: &Node, out: &Out) -> Result<(), Failure> {
    let (mut first, mut run, mut length) = (0, Vec::new(), 0);
    for (index, entry) in node.entries.iter().enumerate() {
        let entry = shown(entry)?;
        length += entry.to_string().len();
        if length > ENTRIES_BYTES_MAX && !run.is_empty() {
            length = 0;
            out.line(&line(node, first, std::mem::take(&mut run))?)
                .await?;
            first = index;
        }
        run.push(entry);
    }
    out.line(&line(node, first, run)?).await
}

fn link(cid: Option<&Vec<u8>>) -> Result<Option<String>, Failure> {
    cid.map(|cid| text(cid)).transpose()
}

fn shown(entry: &NodeEntry) -> Result<Value, Failure> {
    Ok(json!({
        "key": entry.key,
        "value": text(&entry.value)?,
        "right": link(entry.right.as_ref())?,
    }))
}

/// A line with the entries from number `first` on.
fn line(node: &Node, first: usize, entries: Vec<Value>) -> Result<Value, Failure> {
    Ok(json!({
        "level": node.level,
        "cid": text(&node.cid)?,
        "left": link(node.left.as_ref())?,
        "first": first,
        "entries": entries,
    }))
}
