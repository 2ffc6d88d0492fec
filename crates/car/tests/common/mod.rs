//! Archives for tests. Must parse nothing itself.

#![allow(dead_code, unreachable_pub, reason = "each test file takes its part")]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use billet_block::{Block, Codec};
use billet_car::{CarError, Header, Item, Reader, frame_header};

/// The archives of the vector file, or `None` where vectors are not at hand.
pub fn vector(name: &str) -> Option<Vec<u8>> {
    let vectors = billet_vectors::json("car/car-vectors.json")?;
    Some(
        BASE64_STANDARD
            .decode(vectors[name].as_str().unwrap())
            .unwrap(),
    )
}

/// Three small blocks of different codecs.
pub fn blocks() -> Vec<Block> {
    vec![
        Block::new(Codec::Raw, vec![]),
        Block::new(Codec::DagCbor, b"\xa1aa\x01".to_vec()),
        Block::new(Codec::DagPb, vec![7; 300]),
    ]
}

/// A CARv1 with one root.
pub fn archive(blocks: &[Block]) -> Vec<u8> {
    let roots = blocks.iter().take(1).map(|block| block.cid).collect();
    let mut out = Header { roots }.encode().unwrap();
    for block in blocks {
        out.extend(frame_header(&block.cid, block.bytes.len()).unwrap());
        out.extend(&block.bytes);
    }
    out
}

/// All items of an archive that arrives in pieces of `piece_bytes`.
pub fn read(bytes: &[u8], piece_bytes: usize) -> Result<Vec<Item>, CarError> {
    let mut reader = Reader::new();
    let mut items = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        reader.push(piece);
        while let Some(item) = reader.next_item()? {
            items.push(item);
        }
    }
    reader.finish()?;
    Ok(items)
}
