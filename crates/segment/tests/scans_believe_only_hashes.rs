//! Scans of files, by an independent writer of frames: whatever is done to the bytes, a scan gives
//! only blocks that were written, and judges what is between them as the rules say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_block::{Block, Codec};
use billet_car::{Header, frame_header};
use billet_segment::{
    Plane, Position, Range, Record, Scan, Source, judge_catalog, judge_data, scan, scan_file,
};

const SEGMENT: u64 = 4;

struct Built {
    bytes: Vec<u8>,
    /// End of each group: what was durable when the next was written.
    ends: Vec<u64>,
}

fn add(bytes: &mut Vec<u8>, block: &Block) {
    bytes.extend(frame_header(&block.cid, block.bytes.len()).unwrap());
    bytes.extend_from_slice(&block.bytes);
}

fn record(seq: u64, durable: u64) -> Record {
    let cid = Block::new(Codec::DagCbor, vec![0xf6]).cid;
    Record {
        log: "b".to_owned(),
        space: "s".to_owned(),
        seq,
        prev: (seq > 1).then_some(cid),
        root: cid,
        state: cid,
        time_ms: seq,
        data: vec![Range {
            segment: 3,
            start: 18,
            end: 18 + seq,
        }],
        durable: Position {
            segment: SEGMENT,
            end: durable,
        },
        rows: vec![],
        adopt: vec![],
        hold: vec![],
        discard: vec![],
    }
}

/// A file of groups: a node and a record each, every group synced before the next is written.
fn build(groups: u64) -> Built {
    let mut bytes = Header::default().encode().unwrap();
    let mut ends = vec![bytes.len() as u64];
    for seq in 1..=groups {
        let node = billet_block::encode(&format!("node {seq}")).unwrap();
        add(&mut bytes, &Block::new(Codec::DagCbor, node));
        let record = record(seq, *ends.last().unwrap()).to_bytes().unwrap();
        add(&mut bytes, &Block::new(Codec::DagCbor, record));
        ends.push(bytes.len() as u64);
    }
    Built { bytes, ends }
}

fn seqs(scan: &Scan, keep: u64) -> Vec<u64> {
    let kept = scan
        .records
        .iter()
        .filter(|found| found.frame.end() <= keep);
    kept.map(|found| found.seq).collect()
}

#[test]
fn zeros_behind_the_end_are_nothing() {
    let Built { mut bytes, ends } = build(3);
    let end = *ends.last().unwrap();
    for zeros in [0, 1, 511, 5000] {
        bytes.resize(end as usize + zeros, 0);
        let found = scan(&bytes, Plane::Catalog);
        assert_eq!(
            (found.end, found.bad.len(), found.frames.len()),
            (end, 0, 6)
        );
        let verdict = judge_catalog(&found, SEGMENT, 0);
        assert_eq!((verdict.keep, verdict.damage), (end, vec![]));
    }
    assert_eq!(scan(&[], Plane::Catalog), Scan::default());
    assert_eq!(scan(&[0; 100], Plane::Catalog), Scan::default());
}

#[test]
fn each_changed_bit_is_a_torn_tail_or_damage_by_what_is_behind_it() {
    let Built { bytes, ends } = build(4);
    // The newest record says that all before its own group was durable.
    let durable = ends[3];
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let found = scan(&changed, Plane::Catalog);
            for found in &found.records {
                let payload = found.frame.payload() as usize..found.frame.end() as usize;
                assert_eq!(
                    changed[payload],
                    record(found.seq, ends[found.seq as usize - 1])
                        .to_bytes()
                        .unwrap()
                );
            }
            let verdict = judge_catalog(&found, SEGMENT, 0);
            if (at as u64) < durable {
                let is_codec = found.bad.is_empty();
                assert!(
                    is_codec || verdict.damage.len() == 1,
                    "byte {at}: {verdict:?}"
                );
                assert_eq!(
                    verdict.keep,
                    bytes.len() as u64,
                    "what is behind damage is kept"
                );
                let group = ends.iter().position(|end| (at as u64) < *end).unwrap() as u64;
                let lost: Vec<_> = (1..=4)
                    .filter(|n| !seqs(&found, u64::MAX).contains(n))
                    .collect();
                assert!(
                    lost.is_empty() || lost == [group],
                    "byte {at} loses {lost:?}"
                );
            } else {
                assert_eq!(verdict.damage, [], "byte {at}");
                assert!(verdict.keep == durable || found.bad.is_empty(), "byte {at}");
            }
        }
    }
}

#[test]
fn what_the_table_knows_to_be_claimed_is_damage_even_at_the_end() {
    let Built { bytes, ends } = build(2);
    for length in 0..bytes.len() {
        let found = scan(&bytes[..length], Plane::Catalog);
        let verdict = judge_catalog(&found, SEGMENT, ends[1]);
        let is_short = (length as u64) < ends[1];
        assert_eq!(
            !verdict.damage.is_empty(),
            is_short,
            "{length}: {verdict:?}"
        );
        assert!(verdict.keep <= length as u64);
        let data = judge_data(&scan(&bytes[..length], Plane::Data), ends[1]);
        assert_eq!(!data.damage.is_empty(), is_short, "{length}: {data:?}");
        if let Some(last) = data.damage.last() {
            assert_eq!(last.end, ends[1], "all that is missing is named");
        }
    }
}

#[test]
fn records_of_another_segment_prove_nothing() {
    let Built { bytes, ends } = build(4);
    let mut changed = bytes.clone();
    changed[ends[1] as usize + 50] ^= 1;
    let found = scan(&changed, Plane::Catalog);
    assert_eq!(judge_catalog(&found, SEGMENT, 0).damage.len(), 1);
    let foreign = judge_catalog(&found, SEGMENT + 1, 0);
    assert_eq!(
        (foreign.keep, foreign.damage),
        (0, vec![]),
        "left over from another file"
    );
}

#[test]
fn a_record_among_leaves_is_somebodys_bytes() {
    let mut bytes = Header::default().encode().unwrap();
    add(
        &mut bytes,
        &Block::new(Codec::Raw, record(1, 18).to_bytes().unwrap()),
    );
    let data = scan(&bytes, Plane::Data);
    assert_eq!(
        (data.frames.len(), data.records.len(), data.bad.len()),
        (1, 0, 0)
    );
    let catalog = scan(&bytes, Plane::Catalog);
    assert_eq!(
        (
            catalog.frames.len(),
            catalog.records.len(),
            catalog.bad.len()
        ),
        (0, 0, 1)
    );
    assert!(catalog.bad[0].may_hide_record);
}

#[test]
fn a_lost_leaf_hides_no_record() {
    let mut bytes = Header::default().encode().unwrap();
    let start = bytes.len() as u64;
    add(&mut bytes, &Block::new(Codec::Raw, vec![7; 100]));
    let end = bytes.len();
    add(&mut bytes, &Block::new(Codec::Raw, vec![8; 100]));
    bytes[end - 1] ^= 1;
    let found = scan(&bytes, Plane::Catalog);
    assert_eq!((found.bad[0].start, found.bad[0].end), (start, end as u64));
    assert!(!found.bad[0].may_hide_record);
}

/// A file that is never asked for much at once.
struct Bounded<'a>(&'a [u8]);

impl Source for Bounded<'_> {
    type Error = std::io::Error;

    fn read(&self, out: &mut [u8], offset: u64) -> std::io::Result<usize> {
        assert!(out.len() <= 4 << 20, "{} bytes at once", out.len());
        Ok(self.0.read(out, offset).unwrap())
    }
}

#[test]
fn a_long_file_is_read_in_pieces_whatever_is_wrong_with_it() {
    let mut bytes = Header::default().encode().unwrap();
    let mut starts = Vec::new();
    // Leaves of all sizes, so that sections lie across all edges of what is read at once.
    for index in 0..60_u32 {
        let size = (index as usize * 48_611) % (1 << 20);
        let leaf = vec![index as u8; size];
        starts.push(bytes.len());
        add(&mut bytes, &Block::new(Codec::Raw, leaf));
    }
    let whole = bytes.len();
    bytes.resize(whole + (5 << 20), 0);
    for hit in (0..60).step_by(7) {
        let mut changed = bytes.clone();
        let end = starts.get(hit + 1).copied().unwrap_or(whole);
        changed[end - 1] ^= 1;
        let found = scan_file(Bounded(&changed), changed.len() as u64, Plane::Data).unwrap();
        let expected: Vec<_> = starts
            .iter()
            .filter(|start| **start != starts[hit])
            .collect();
        let offsets: Vec<_> = found
            .frames
            .iter()
            .map(|frame| frame.offset as usize)
            .collect();
        assert_eq!(offsets.iter().collect::<Vec<_>>(), expected);
        assert_eq!(found.bad.len(), 1);
        let bad = (found.bad[0].start as usize, found.bad[0].end as usize);
        assert_eq!(bad, (starts[hit], end));
    }
    // A stretch of noise longer than any piece.
    let mut noise = bytes[..starts[1]].to_vec();
    noise.extend((0..6_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    let behind = noise.len();
    noise.extend_from_slice(&bytes[starts[1]..whole]);
    let found = scan_file(Bounded(&noise), noise.len() as u64, Plane::Data).unwrap();
    assert_eq!((found.frames.len(), found.bad.len()), (60, 1));
    assert_eq!(found.bad[0].end as usize, behind);
    struct Broken;
    impl Source for Broken {
        type Error = &'static str;
        fn read(&self, _: &mut [u8], _: u64) -> Result<usize, &'static str> {
            Err("no such sector")
        }
    }
    assert_eq!(scan_file(Broken, 100, Plane::Data), Err("no such sector"));
}
