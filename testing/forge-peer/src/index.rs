//! Sharded DAG indexes: read, with every rule of the format enforced.
//!
//! Must never accept an index that a reader of the real format would refuse.

use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::cbor::{self, Map, Reader};

const TAG: &str = "index/sharded/dag@0.1";

/// What an index says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Shards by multihash.
    pub shards: Vec<Shard>,
}

/// One shard and where its slices are.
#[derive(Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its multihash.
    pub multihash: Vec<u8>,
    /// Multihash, first and last byte of each slice.
    pub slices: Vec<(Vec<u8>, u64, u64)>,
}

/// The roots of a CAR, and its blocks in order.
pub type Car<'a> = (Vec<Cid>, Vec<(Cid, &'a [u8])>);

/// Splits a CAR version 1 into its roots and blocks, in order.
///
/// # Errors
/// A sentence about what is wrong.
pub fn read_car(bytes: &[u8]) -> Result<Car<'_>, String> {
    let (header, mut rest) = section(bytes)?;
    let mut reader = Reader::new(header);
    let Ok(Ipld::Map(header)) = reader.item() else {
        return Err("the CAR header is no map".into());
    };
    if header.get("version") != Some(&Ipld::Integer(1)) {
        return Err("not a CAR of version 1".into());
    }
    let roots = header
        .get("roots")
        .map(crate::token::links)
        .unwrap_or_default();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let (block, tail) = section(rest)?;
        let mut data = block;
        let cid = Cid::read_bytes(&mut data).map_err(|error| format!("a block's CID: {error}"))?;
        if cid.hash() != cbor::cid_of(cid.codec(), data).hash() {
            return Err(format!("block {cid} has other bytes"));
        }
        blocks.push((cid, data));
        rest = tail;
    }
    Ok((roots, blocks))
}

fn section(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let mut length = 0_u64;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let rest = bytes.get(place + 1..).unwrap_or_default();
            let length = usize::try_from(length).map_err(|error| error.to_string())?;
            return rest
                .split_at_checked(length)
                .ok_or_else(|| "the CAR is cut off".into());
        }
    }
    Err("a length of the CAR is not to be read".into())
}

/// Reads an index from its CAR.
///
/// # Errors
/// A sentence about the first rule that is broken.
pub fn read(bytes: &[u8]) -> Result<Index, String> {
    let (roots, blocks) = read_car(bytes)?;
    let [root] = roots.as_slice() else {
        return Err("an index has one root".into());
    };
    let (last, data) = blocks.last().ok_or("an index has blocks")?;
    if last != root || root.codec() != 0x71 {
        return Err("the root block comes last and is DAG-CBOR".into());
    }
    let Ipld::Map(mut version) = canonical(data)? else {
        return Err("the root is a map".into());
    };
    let Some(Ipld::Map(body)) = version.remove(TAG) else {
        return Err(format!("the root says {TAG}"));
    };
    if !version.is_empty() || body.len() != 1 {
        return Err("the root has one entry".into());
    }
    let links = shard_links(&body)?;
    let mut index = Index::default();
    for link in &links {
        let (_, data) = blocks
            .iter()
            .find(|(cid, _)| cid == link)
            .ok_or_else(|| format!("shard block {link} is missing"))?;
        index.shards.push(shard(data)?);
    }
    let digests = index.shards.iter().map(|shard| bare(&shard.multihash));
    if !digests.is_sorted() {
        return Err("shards are in the order of their digests".into());
    }
    Ok(index)
}

fn shard_links(body: &Map) -> Result<Vec<Cid>, String> {
    match body.get("shards") {
        Some(list @ Ipld::List(items)) => {
            let links = crate::token::links(list);
            if links.len() == items.len() {
                Ok(links)
            } else {
                Err("shards are links".into())
            }
        }
        _ => Err("the root lists shards".into()),
    }
}

fn canonical(data: &[u8]) -> Result<Ipld, String> {
    let mut reader = Reader::new(data);
    let value = reader.item().map_err(|error| error.to_string())?;
    if reader.done() && reader.canonical() {
        Ok(value)
    } else {
        Err("a block is not canonical".into())
    }
}

fn shard(data: &[u8]) -> Result<Shard, String> {
    let Ipld::List(parts) = canonical(data)? else {
        return Err("a shard is a list".into());
    };
    let [Ipld::Bytes(multihash), Ipld::List(slices)] = parts.as_slice() else {
        return Err("a shard is a multihash and slices".into());
    };
    let slices = slices.iter().map(slice).collect::<Result<Vec<_>, _>>()?;
    if !slices.iter().map(|(hash, ..)| bare(hash)).is_sorted() {
        return Err("slices are in the order of their digests".into());
    }
    Ok(Shard {
        multihash: multihash.clone(),
        slices,
    })
}

fn slice(value: &Ipld) -> Result<(Vec<u8>, u64, u64), String> {
    let wrong = || "a slice is a multihash with its first and last byte".to_owned();
    let Ipld::List(parts) = value else {
        return Err(wrong());
    };
    let [Ipld::Bytes(multihash), Ipld::List(ends)] = parts.as_slice() else {
        return Err(wrong());
    };
    let [Ipld::Integer(start), Ipld::Integer(end)] = ends.as_slice() else {
        return Err(wrong());
    };
    let start = u64::try_from(*start).map_err(|_| wrong())?;
    let end = u64::try_from(*end).map_err(|_| wrong())?;
    if end < start || end >= crate::node::BLOB_MAX {
        return Err("a slice ends at its last byte, inside the shard".into());
    }
    Ok((multihash.clone(), start, end))
}

/// A multihash without its prefix.
fn bare(multihash: &[u8]) -> Vec<u8> {
    multihash::Multihash::<64>::from_bytes(multihash)
        .map(|hash| hash.digest().to_vec())
        .unwrap_or_default()
}

/// A CAR of version 1.
pub fn write_car(root: Cid, blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let header = cbor::write(&cbor::map([
        ("roots", Ipld::List(vec![Ipld::Link(root)])),
        ("version", Ipld::Integer(1)),
    ]));
    let mut car = Vec::new();
    let mut push = |parts: &[&[u8]]| {
        let mut length: usize = parts.iter().map(|part| part.len()).sum();
        while length >= 0x80 {
            car.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        car.push(length as u8);
        for part in parts {
            car.extend_from_slice(part);
        }
    };
    push(&[&header]);
    for (cid, data) in blocks {
        push(&[&cid.to_bytes(), data]);
    }
    car
}
