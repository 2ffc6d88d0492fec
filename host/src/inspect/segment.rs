//! `billet segment ls`, `show` and `verify`.
//!
//! Must never call a segment whole whose blocks were not all hashed.

use serde_json::{Value, json};

use billet_storage::{Finding, Section, SegmentInfo, StoreError};

use super::{Failure, Inside, Out, Verdict};

/// A line for each segment.
pub(super) async fn list(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    let store = inside.storage().store();
    for segment in store.segments() {
        let path = store.segment_path(segment.id);
        out.line(&json!({
            "segment": segment.id.number,
            "plane": plane(&segment),
            "state": format!("{:?}", segment.state).to_lowercase(),
            "bytes": segment.bytes,
            "blocks": segment.blocks,
            "logs": segment.logs,
            "held": segment.held,
            "pending": segment.pending,
            "path": path,
        }))
        .await?;
    }
    Ok(Verdict::Whole)
}

fn plane(segment: &SegmentInfo) -> String {
    format!("{:?}", segment.id.plane).to_lowercase()
}

/// A line for each block in a segment; each was hashed.
pub(super) async fn show(inside: &Inside, number: u64, out: &Out) -> Result<Verdict, Failure> {
    let found = inside
        .on_thread(move |store| store.sections(number))
        .await?;
    let sections = found.map_err(|error| missing(number, error))?;
    let mut verdict = Verdict::Whole;
    for section in sections {
        let line = match section {
            Section::Block { frame, commit } => {
                let commit = commit.map(|(log, seq)| json!({"bucket": log, "seq": seq}));
                json!({
                    "offset": frame.offset,
                    "bytes": frame.length,
                    "cid": frame.cid.to_string(),
                    "commit": commit,
                })
            }
            Section::Bad { start, end } => {
                verdict = Verdict::Damaged;
                json!({"offset": start, "bytes": end.saturating_sub(start), "bad": true})
            }
        };
        out.line(&line).await?;
    }
    Ok(verdict)
}

/// Hashes all blocks of a segment, or of all; a line for each, and for each finding.
pub(super) async fn verify(
    inside: &Inside,
    number: Option<u64>,
    out: &Out,
) -> Result<Verdict, Failure> {
    let mut segments = inside.storage().store().segments();
    if let Some(number) = number {
        segments.retain(|segment| segment.id.number == number);
        if segments.is_empty() {
            return Err(missing(number, StoreError::NotFound));
        }
    }
    let all = segments.iter().map(|segment| segment.bytes).sum();
    let (mut done, mut verdict) = (0_u64, Verdict::Whole);
    for segment in segments {
        out.progress("bytes", done, all);
        done = done.saturating_add(segment.bytes);
        let number = segment.id.number;
        let findings = check(inside, number).await?;
        let damaged = findings.iter().filter(|one| one.kind.is_damage()).count();
        if damaged > 0 {
            verdict = Verdict::Damaged;
        }
        out.line(&json!({
            "segment": number,
            "plane": plane(&segment),
            "bytes": segment.bytes,
            "blocks": segment.blocks,
            "verdict": if damaged > 0 { "damaged" } else { "whole" },
        }))
        .await?;
        for finding in &findings {
            out.line(&line(finding)).await?;
        }
    }
    Ok(verdict)
}

async fn check(inside: &Inside, number: u64) -> Result<Vec<Finding>, Failure> {
    inside
        .on_thread(move |store| {
            let mut findings = Vec::new();
            match store.check_segment(number, &mut findings) {
                // One that went meanwhile is no finding.
                Ok(()) | Err(StoreError::NotFound) => Ok(findings),
                Err(error) => Err(error.into()),
            }
        })
        .await?
}

fn missing(number: u64, error: StoreError) -> Failure {
    match error {
        StoreError::NotFound => Failure::new(format!(
            "there is no segment {number}, or its file is gone; `billet segment ls` lists them, \
             `billet fsck` says what is missing"
        )),
        error => error.into(),
    }
}

/// A finding as a line.
pub(super) fn line(finding: &Finding) -> Value {
    json!({
        "finding": finding.kind.name(),
        "damage": finding.kind.is_damage(),
        "bucket": finding.log,
        "path": finding.path,
        "what": finding.what,
    })
}
