//! Whether the bytes of a body are what its manifest says.
//!
//! Must never hold more of a body than one leaf, nor say that something was compared that was not.

use billet_digest::Hasher;

use crate::bindings::billet::store::types::Digest;
use crate::bindings::exports::billet::bucket::inspect::Promise;

/// A digest under way, beside what it must become.
struct Awaited {
    algorithm: String,
    state: Option<Hasher>,
    value: Vec<u8>,
}

impl Awaited {
    fn of(digest: &Digest) -> Self {
        Self {
            algorithm: digest.algorithm.clone(),
            state: Hasher::open(&digest.algorithm),
            value: digest.value.clone(),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(state) = &mut self.state {
            state.update(bytes);
        }
    }

    /// What is wrong, if anything.
    fn finish(self, of: &str) -> Option<String> {
        let algorithm = self.algorithm;
        match self.state.map(|mut state| state.finish()) {
            None => Some(format!(
                "a digest by {algorithm:?}, which is not known here"
            )),
            Some(value) if value == self.value => None,
            Some(_) => Some(format!("another {algorithm} of {of} than the manifest's")),
        }
    }
}

/// The part under way.
struct Part {
    number: usize,
    left: u64,
    awaited: Vec<Awaited>,
    /// For the composites, in their order.
    joined: Vec<Option<Hasher>>,
}

/// A body under way.
pub(super) struct Body {
    promise: Promise,
    left: u64,
    whole: Vec<Awaited>,
    part: Option<Part>,
    composites: Vec<Awaited>,
    wrong: Vec<String>,
}

impl Body {
    pub(super) fn new(promise: Promise) -> Self {
        let awaited = |digests: &[Digest]| digests.iter().map(Awaited::of).collect();
        let mut body = Self {
            left: promise.size,
            whole: awaited(&promise.digests),
            part: None,
            composites: awaited(&promise.composites),
            wrong: Vec::new(),
            promise,
        };
        body.begin_part(0);
        // The first parts may be empty.
        body.update(&[]);
        body
    }

    pub(super) fn manifest(&self) -> &[u8] {
        &self.promise.manifest
    }

    /// Whether more bytes must come.
    pub(super) const fn is_short(&self) -> bool {
        self.left > 0
    }

    /// The next bytes; parts that end with them, and empty ones after those, are compared.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(length);
        for awaited in &mut self.whole {
            awaited.update(bytes);
        }
        while let Some(part) = &mut self.part {
            let count = usize::try_from(part.left).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(count.min(bytes.len()));
            for awaited in &mut part.awaited {
                awaited.update(now);
            }
            for hasher in part.joined.iter_mut().flatten() {
                hasher.update(now);
            }
            part.left = part.left.saturating_sub(now.len() as u64);
            bytes = rest;
            if part.left > 0 {
                break;
            }
            self.end_part();
        }
    }

    fn begin_part(&mut self, number: usize) {
        self.part = self.promise.parts.get(number).map(|part| Part {
            number,
            left: part.size,
            awaited: part.digests.iter().map(Awaited::of).collect(),
            joined: {
                let composites = self.composites.iter();
                composites
                    .map(|composite| Hasher::open(&composite.algorithm))
                    .collect()
            },
        });
    }

    fn end_part(&mut self) {
        let Some(part) = self.part.take() else {
            return;
        };
        let name = format!("part {}", part.number.saturating_add(1));
        let wrong = part.awaited.into_iter().filter_map(|one| one.finish(&name));
        self.wrong.extend(wrong);
        for (composite, hasher) in self.composites.iter_mut().zip(part.joined) {
            if let Some(mut hasher) = hasher {
                composite.update(&hasher.finish());
            }
        }
        self.begin_part(part.number.saturating_add(1));
    }

    /// All that is wrong with a body whose bytes have all come.
    pub(super) fn finish(self) -> Vec<String> {
        let mut wrong = self.wrong;
        let whole = self.whole.into_iter();
        wrong.extend(whole.filter_map(|one| one.finish("the body")));
        let composites = self.composites.into_iter();
        wrong.extend(composites.filter_map(|one| one.finish("the parts' digests")));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::billet::bucket::inspect::PromisedPart;

    fn digest(algorithm: &str, bytes: &[u8]) -> Digest {
        let mut state = Hasher::open(algorithm).unwrap();
        state.update(bytes);
        Digest {
            algorithm: algorithm.to_owned(),
            value: state.finish(),
        }
    }

    /// Of three parts, with an empty one between them.
    fn promise() -> Promise {
        let parts: [&[u8]; 3] = [b"first part", b"", b"2nd"];
        let md5s: Vec<u8> = parts
            .iter()
            .flat_map(|part| digest("md5", part).value)
            .collect();
        let whole = b"first part2nd";
        Promise {
            key: "key".to_owned(),
            manifest: Vec::new(),
            root: Vec::new(),
            size: 13,
            digests: vec![digest("sha2-256", whole), digest("crc64nvme", whole)],
            parts: parts
                .map(|part| PromisedPart {
                    size: part.len() as u64,
                    digests: vec![digest("sha1", part)],
                })
                .into(),
            composites: vec![digest("md5", &md5s)],
        }
    }

    fn wrong(promise: Promise, pieces: &[&[u8]]) -> Vec<String> {
        let mut body = Body::new(promise);
        for piece in pieces {
            assert!(body.is_short());
            body.update(piece);
        }
        assert!(!body.is_short());
        body.finish()
    }

    #[test]
    fn a_body_is_what_its_manifest_says_however_it_is_cut() {
        let whole = b"first part2nd";
        for cut in 1..12 {
            let (one, two) = whole.split_at(cut);
            assert_eq!(wrong(promise(), &[one, two]), Vec::<String>::new());
        }
    }

    #[test]
    fn any_number_of_empty_parts_is_compared() {
        const EMPTY: usize = 100_000;
        for bytes in [&b""[..], b"bytes"] {
            let mut parts = vec![b"".as_slice(); EMPTY];
            parts.push(bytes);
            parts.extend(std::iter::repeat_n(b"".as_slice(), EMPTY));
            let promised = |part: &[u8]| PromisedPart {
                size: part.len() as u64,
                digests: vec![digest("crc32c", part)],
            };
            let crcs = |part: &&[u8]| digest("crc32c", part).value;
            let crcs: Vec<u8> = parts.iter().flat_map(crcs).collect();
            let mut promise = Promise {
                size: bytes.len() as u64,
                digests: vec![digest("md5", bytes)],
                parts: parts.iter().map(|part| promised(part)).collect(),
                composites: vec![digest("crc32c", &crcs)],
                ..promise()
            };
            let pieces: &[&[u8]] = if bytes.is_empty() { &[] } else { &[bytes] };
            assert_eq!(wrong(promise.clone(), pieces), Vec::<String>::new());
            for number in [0, EMPTY, 2 * EMPTY] {
                promise.parts[number].digests[0].value[0] ^= 1;
            }
            let said = wrong(promise, pieces);
            assert_eq!(said.len(), 3, "{said:?}");
            assert!(said[2].contains("part 200001"), "{said:?}");
        }
    }

    #[test]
    fn every_digest_that_differs_is_named() {
        let said = wrong(promise(), &[b"first part2nD"]);
        let names = [
            "sha1 of part 3",
            "sha2-256",
            "crc64nvme",
            "md5 of the parts",
        ];
        assert_eq!(said.len(), names.len(), "{said:?}");
        for (said, name) in said.iter().zip(names) {
            assert!(said.contains(name), "{said}");
        }
        let mut unknown = promise();
        unknown.digests.push(Digest {
            algorithm: "newest".to_owned(),
            value: vec![1],
        });
        let said = wrong(unknown, &[b"first part2nd"]);
        assert!(
            matches!(said.as_slice(), [one] if one.contains("newest")),
            "{said:?}"
        );
    }
}
