//! Tokens: read from bytes, kept with their bytes, and signed.
//!
//! Must never verify a signature over anything but the bytes that were received.

use std::ops::Range;

use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::cbor::{self, Map, Reader};
use crate::key::{self, Key};

/// Header of an ed25519 signature over DAG-CBOR.
pub const ED25519: [u8; 8] = [0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71];
/// Header of a delegation that an authority attests.
pub const ATTESTED: [u8; 7] = [0x34, 0x01, 0x81, 0x80, 0xc0, 0x01, 0x71];

const DELEGATION: &str = "ucan/dlg@1.0.0-rc.1";
const INVOCATION: &str = "ucan/inv@1.0.0-rc.1";
/// The command that makes an invocation a receipt.
pub const RECEIPT: &str = "/ucan/assert/receipt";

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hands a capability on.
    Delegation,
    /// Asks for a task.
    Invocation,
    /// Says what became of a task.
    Receipt,
}

/// A token with the bytes it came in.
#[derive(Clone, Debug)]
pub struct Token {
    kind: Kind,
    bytes: Vec<u8>,
    cid: Cid,
    header: Vec<u8>,
    signature: Vec<u8>,
    signed: Range<usize>,
    payload: Map,
    canonical: bool,
}

impl Token {
    /// Reads a token; `None` for what is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.head().ok()? != (4, 2) {
            return None;
        }
        let Ipld::Bytes(signature) = reader.item().ok()? else {
            return None;
        };
        let start = reader.at();
        let Ipld::Map(mut envelope) = reader.item().ok()? else {
            return None;
        };
        let signed = start..reader.at();
        let Some(Ipld::Bytes(header)) = envelope.remove("h") else {
            return None;
        };
        let (tag, payload) = envelope.pop_first()?;
        let Ipld::Map(payload) = payload else {
            return None;
        };
        if !envelope.is_empty() || !reader.done() {
            return None;
        }
        let kind = match tag.as_str() {
            DELEGATION => Kind::Delegation,
            INVOCATION if payload.get("cmd") == Some(&Ipld::String(RECEIPT.into())) => {
                Kind::Receipt
            }
            INVOCATION => Kind::Invocation,
            _ => return None,
        };
        let token = Self {
            kind,
            bytes: bytes.to_vec(),
            cid: cbor::block_cid(bytes),
            header,
            signature,
            signed,
            payload,
            canonical: reader.canonical(),
        };
        token.well_formed().then_some(token)
    }

    /// Whether the fields that the kind must have are there and of the right type.
    fn well_formed(&self) -> bool {
        let text = |name| matches!(self.payload.get(name), Some(Ipld::String(_)));
        let bytes = |name| matches!(self.payload.get(name), Some(Ipld::Bytes(_)));
        let list = |name| matches!(self.payload.get(name), Some(Ipld::List(_)));
        let exp = matches!(self.payload.get("exp"), Some(Ipld::Integer(_) | Ipld::Null));
        let common = text("iss") && text("cmd") && bytes("nonce") && exp && self.only_known();
        common
            && match self.kind {
                Kind::Delegation => {
                    let sub = matches!(self.payload.get("sub"), Some(Ipld::String(_) | Ipld::Null));
                    text("aud") && sub && list("pol")
                }
                Kind::Invocation => text("sub") && list("prf") && self.has_args(),
                // A receipt that names an audience is refused by the real services.
                Kind::Receipt => {
                    text("sub")
                        && list("prf")
                        && !self.payload.contains_key("aud")
                        && self.ran().is_some()
                        && matches!(self.args().get("out"), Some(Ipld::Map(out)) if out.len() == 1)
                }
            }
    }

    fn has_args(&self) -> bool {
        matches!(self.payload.get("args"), Some(Ipld::Map(_)))
    }

    fn only_known(&self) -> bool {
        let known: &[&str] = match self.kind {
            Kind::Delegation => &[
                "iss", "aud", "sub", "cmd", "pol", "nonce", "exp", "nbf", "meta",
            ],
            _ => &[
                "iss", "aud", "sub", "cmd", "args", "prf", "nonce", "exp", "iat", "cause", "meta",
            ],
        };
        self.payload.keys().all(|key| known.contains(&key.as_str()))
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes as received or signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The link: CID of the bytes.
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// Whether the bytes are in the one allowed form.
    pub fn canonical(&self) -> bool {
        self.canonical
    }

    /// The bytes under the signature.
    pub fn signed(&self) -> &[u8] {
        self.bytes.get(self.signed.clone()).unwrap_or_default()
    }

    /// The signature's header.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.payload.get(name) {
            Some(Ipld::String(text)) => Some(text),
            _ => None,
        }
    }

    fn integer(&self, name: &str) -> Option<i64> {
        match self.payload.get(name) {
            Some(Ipld::Integer(value)) => Some(i64::try_from(*value).unwrap_or(i64::MAX)),
            _ => None,
        }
    }

    /// The issuer.
    pub fn iss(&self) -> &str {
        self.text("iss").unwrap_or_default()
    }

    /// The audience; of an invocation without one, the subject.
    pub fn aud(&self) -> &str {
        self.text("aud").or(self.sub()).unwrap_or_default()
    }

    /// The subject; `None` for a delegation of any subject.
    pub fn sub(&self) -> Option<&str> {
        self.text("sub")
    }

    /// The command.
    pub fn cmd(&self) -> &str {
        self.text("cmd").unwrap_or_default()
    }

    /// The arguments; an empty map where there are none.
    pub fn args(&self) -> &Map {
        static NONE: Map = Map::new();
        match self.payload.get("args") {
            Some(Ipld::Map(args)) => args,
            _ => &NONE,
        }
    }

    /// An entry of the token's own notes.
    pub fn meta(&self, name: &str) -> Option<&Ipld> {
        match self.payload.get("meta") {
            Some(Ipld::Map(meta)) => meta.get(name),
            _ => None,
        }
    }

    /// The policy of a delegation.
    pub fn pol(&self) -> &[Ipld] {
        match self.payload.get("pol") {
            Some(Ipld::List(list)) => list,
            _ => &[],
        }
    }

    /// The links of the proofs, root first.
    pub fn prf(&self) -> Vec<Cid> {
        match self.payload.get("prf") {
            Some(list) => links(list),
            None => Vec::new(),
        }
    }

    /// Seconds since 1970 from which it does not hold; `None` for never.
    pub fn exp(&self) -> Option<i64> {
        self.integer("exp")
    }

    /// Seconds since 1970 until which it does not hold.
    pub fn nbf(&self) -> Option<i64> {
        self.integer("nbf")
    }

    /// The CID of the task that an invocation asks for.
    pub fn task(&self) -> Cid {
        let fields = ["sub", "cmd", "args", "nonce"];
        let task: Map = self
            .payload
            .iter()
            .filter(|(key, _)| fields.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        cbor::block_cid(&cbor::write(&Ipld::Map(task)))
    }

    /// The task that a receipt is about.
    pub fn ran(&self) -> Option<Cid> {
        match (self.kind, self.args().get("ran")) {
            (Kind::Receipt, Some(Ipld::Link(cid))) => Some(*cid),
            _ => None,
        }
    }

    /// What a receipt says: the result, or the error's name and message.
    ///
    /// # Errors
    /// The receipt reports a failure.
    pub fn out(&self) -> Result<&Ipld, (String, String)> {
        let Some(Ipld::Map(out)) = self.args().get("out") else {
            return Err((String::new(), "no receipt".into()));
        };
        if let Some(ok) = out.get("ok") {
            return Ok(ok);
        }
        let part = |name: &str| match out.get("error") {
            Some(Ipld::Map(error)) => match error.get(name) {
                Some(Ipld::String(text)) => text.clone(),
                _ => String::new(),
            },
            _ => String::new(),
        };
        Err((part("name"), part("message")))
    }
}

/// The links of a list.
pub fn links(value: &Ipld) -> Vec<Cid> {
    match value {
        Ipld::List(list) => list
            .iter()
            .filter_map(|item| match item {
                Ipld::Link(cid) => Some(*cid),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A token that is not signed yet.
#[derive(Clone, Debug)]
pub struct Draft {
    tag: &'static str,
    payload: Map,
}

impl Draft {
    fn new(tag: &'static str, payload: Ipld) -> Self {
        match payload {
            Ipld::Map(payload) => Self { tag, payload },
            _ => Self {
                tag,
                payload: Map::new(),
            },
        }
    }

    /// An invocation with a random nonce and no expiry.
    pub fn invocation(sub: &str, cmd: &str, args: Ipld) -> Self {
        Self::new(
            INVOCATION,
            cbor::map([
                ("sub", Ipld::String(sub.into())),
                ("cmd", Ipld::String(cmd.into())),
                ("args", args),
                ("prf", Ipld::List(Vec::new())),
                ("nonce", Ipld::Bytes(key::nonce())),
                ("exp", Ipld::Null),
            ]),
        )
    }

    /// A delegation with a random nonce, no policy and no expiry; no subject means any.
    pub fn delegation(aud: &str, sub: Option<&str>, cmd: &str) -> Self {
        let sub = sub.map_or(Ipld::Null, |sub| Ipld::String(sub.into()));
        Self::new(
            DELEGATION,
            cbor::map([
                ("aud", Ipld::String(aud.into())),
                ("sub", sub),
                ("cmd", Ipld::String(cmd.into())),
                ("pol", Ipld::List(Vec::new())),
                ("nonce", Ipld::Bytes(key::nonce())),
                ("exp", Ipld::Null),
            ]),
        )
    }

    /// A receipt of its signer.
    pub fn receipt(signer: &str, ran: Cid, out: Ipld, iat: i64) -> Self {
        let args = cbor::map([("ran", Ipld::Link(ran)), ("out", out)]);
        Self::invocation(signer, RECEIPT, args).with("iat", Ipld::Integer(iat.into()))
    }

    /// Sets a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: Ipld) -> Self {
        self.payload.insert(name.into(), value);
        self
    }

    /// Sets the audience.
    #[must_use]
    pub fn aud(self, did: &str) -> Self {
        self.with("aud", Ipld::String(did.into()))
    }

    /// Sets the end, in seconds since 1970.
    #[must_use]
    pub fn exp(self, seconds: i64) -> Self {
        self.with("exp", Ipld::Integer(seconds.into()))
    }

    /// Sets the proofs, root first.
    #[must_use]
    pub fn prf(self, proofs: &[Cid]) -> Self {
        let list = proofs.iter().copied().map(Ipld::Link).collect();
        self.with("prf", Ipld::List(list))
    }

    /// Sets the notes.
    #[must_use]
    pub fn meta(self, meta: Ipld) -> Self {
        self.with("meta", meta)
    }

    /// Makes the task the same however often it is asked for.
    #[must_use]
    pub fn no_nonce(self) -> Self {
        self.with("nonce", Ipld::Bytes(Vec::new()))
    }

    /// The signed token.
    pub fn sign(self, key: &Key) -> Token {
        self.with("iss", Ipld::String(key.did().into()))
            .seal(&ED25519, |bytes| key.sign(bytes))
    }

    /// A delegation of an account: signed by nobody, attested by the authority.
    pub fn attest(self, account: &str, authority: &Key) -> Token {
        self.with("iss", Ipld::String(account.into()))
            .seal(&ATTESTED, |bytes| {
                let proof = cbor::map([("proof", Ipld::Link(cbor::cid_of(0x55, bytes)))]);
                Self::invocation(authority.did(), "/ucan/attest/proof", proof)
                    .no_nonce()
                    .sign(authority)
                    .bytes
            })
    }

    /// The token with a signature that holds for other bytes.
    pub fn sign_badly(self, key: &Key) -> Token {
        self.with("iss", Ipld::String(key.did().into()))
            .seal(&ED25519, |bytes| key.sign(&[bytes, b"?"].concat()))
    }

    fn seal(self, header: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Token {
        let envelope = cbor::map([
            ("h", Ipld::Bytes(header.to_vec())),
            (self.tag, Ipld::Map(self.payload.clone())),
        ]);
        let signed = cbor::write(&envelope);
        let signature = sign(&signed);
        let bytes = cbor::write(&Ipld::List(vec![Ipld::Bytes(signature.clone()), envelope]));
        let receipt = self.payload.get("cmd") == Some(&Ipld::String(RECEIPT.into()));
        let kind = match (self.tag, receipt) {
            (DELEGATION, _) => Kind::Delegation,
            (_, true) => Kind::Receipt,
            (_, false) => Kind::Invocation,
        };
        Token {
            kind,
            cid: cbor::block_cid(&bytes),
            header: header.to_vec(),
            signature,
            signed: bytes.len() - signed.len()..bytes.len(),
            payload: self.payload,
            canonical: true,
            bytes,
        }
    }
}
