//! Varsig headers: which algorithm signed, and over which encoding.
//!
//! Must never take one header for another: they are compared whole, byte by byte.

/// How a token is signed. Every one signs the DAG-CBOR bytes of header and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519, 64 bytes.
    Ed25519,
    /// ECDSA over secp256k1. Read, but not checked here.
    Secp256k1,
    /// The word of an authority: the signature is an invocation by it that names the payload.
    Attested,
    /// An older form without any signature. Read, but never true.
    Absent,
}

const HEADERS: [(Algorithm, &[u8]); 4] = [
    (
        Algorithm::Ed25519,
        &[0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71],
    ),
    (
        Algorithm::Secp256k1,
        &[0x34, 0x01, 0xec, 0x01, 0xe7, 0x01, 0x12, 0x71],
    ),
    (
        Algorithm::Attested,
        &[0x34, 0x01, 0x81, 0x80, 0xc0, 0x01, 0x71],
    ),
    (Algorithm::Absent, &[0x34, 0x01, 0x80, 0xa0, 0x03, 0x71]),
];

impl Algorithm {
    /// The header bytes.
    pub fn header(self) -> &'static [u8] {
        HEADERS
            .iter()
            .find(|(algorithm, _)| *algorithm == self)
            .map_or(&[], |(_, header)| header)
    }

    /// The algorithm of these header bytes, if it is one of those above over DAG-CBOR.
    pub fn of_header(header: &[u8]) -> Option<Self> {
        HEADERS
            .iter()
            .find(|(_, known)| *known == header)
            .map(|(algorithm, _)| *algorithm)
    }
}
