//! The exchanges that were recorded in front of a running service.

use std::collections::BTreeMap;

use billet_forge::{Answer, Moment, Party, RETRY_MS, Request};
use billet_ucan::{
    Container, Delegation, Did, Directory, Document, Ed25519Signer, Invocation, Seed, Signed,
};
use serde_json::Value;

use super::{asked, invocation_for};

pub const SERVICE: &str = "did:web:upload.test";

pub struct Recording {
    json: Value,
    pub directory: Directory,
    pub signers: BTreeMap<String, Ed25519Signer>,
    pub service: Did,
}

impl Recording {
    pub fn read(name: &str) -> Option<Self> {
        let json = billet_vectors::json(&format!("forge-wire/{name}.json"))?;
        let mut directory = Directory::default();
        let mut signers = BTreeMap::new();
        for key in json["keys"].as_array().unwrap() {
            let seed = hex::decode(key["seed_hex"].as_str().unwrap()).unwrap();
            let seed = Seed::new(seed.try_into().unwrap());
            let did: Did = key["did"].as_str().unwrap().parse().unwrap();
            if did.method() == "web" {
                let document = Document::of_key(seed.public());
                directory.documents.insert(did.clone(), document);
            }
            let label = key["label"].as_str().unwrap().to_owned();
            signers.insert(label, Ed25519Signer::named(&seed, did));
        }
        let service: Did = SERVICE.parse().unwrap();
        directory.authority = Some(service.clone());
        Some(Self {
            json,
            directory,
            signers,
            service,
        })
    }

    pub fn party<'a>(&'a self, label: &str, proofs: &'a [Signed<Delegation>]) -> Party<'a> {
        Party {
            agent: &self.signers[label],
            service: &self.service,
            resolver: &self.directory,
            proofs,
        }
    }

    pub fn find(&self, seq: u64) -> Option<&Value> {
        let all = self.json["exchanges"].as_array().unwrap();
        all.iter().find(|exchange| exchange["seq"] == seq)
    }

    pub fn exchange(&self, seq: u64) -> &Value {
        self.find(seq).unwrap()
    }

    /// The container of the recorded request.
    pub fn request(&self, seq: u64) -> Container {
        let exchange = self.exchange(seq);
        match exchange["request_headers"].get("x-ucan-container") {
            Some(packed) => {
                let packed = packed.as_str().unwrap().as_bytes();
                Container::unpack(packed).unwrap().1
            }
            None => Container::from_body(&hex_of(&exchange["request_body_hex"])).unwrap(),
        }
    }

    /// The delegations of the recorded request.
    pub fn proofs(&self, seq: u64) -> Vec<Signed<Delegation>> {
        self.request(seq).delegations().cloned().collect()
    }

    /// The recorded answer.
    pub fn answer(&self, seq: u64) -> Answer {
        let exchange = self.exchange(seq);
        let Some(status) = exchange["status"].as_u64() else {
            return Answer::Lost;
        };
        let headers = exchange["response_headers"].as_object().unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        Answer::Whole {
            status: u16::try_from(status).unwrap(),
            headers: headers.collect(),
            body: exchange["response_body_hex"]
                .as_str()
                .map(|body| hex::decode(body).unwrap())
                .unwrap_or_default(),
        }
    }

    /// The moment at which the recorded request was made, with its nonce and that of the token
    /// that was signed beside it.
    pub fn moment(&self, seq: u64, audience: &str, other_nonce: &[u8]) -> Moment {
        let request = self.request(seq);
        let mut random = [0; 32];
        let nonce = &invocation_for(&request, audience).claims().nonce;
        random[..16].copy_from_slice(nonce);
        random[16..16 + other_nonce.len()].copy_from_slice(other_nonce);
        Moment {
            now_ms: self.exchange(seq)["time"].as_u64().unwrap() * 1_000,
            random,
            retry_ms: RETRY_MS,
        }
    }

    /// The request asks what the recorded one asks, in the same task, with the same proofs.
    pub fn same(&self, seq: u64, request: &Request, audience: &str) {
        let (ours, theirs) = (asked(request), self.request(seq));
        let invocation = |container| -> Invocation {
            let token: &Signed<Invocation> = invocation_for(container, audience);
            let mut claims = token.claims().clone();
            // How long it is good is up to whoever signs.
            claims.expires_s = None;
            claims
        };
        assert_eq!(invocation(&ours), invocation(&theirs), "exchange {seq}");
        let links = |container: &Container| -> Vec<_> {
            let delegations = container.delegations();
            delegations.map(Signed::link).collect()
        };
        assert_eq!(links(&ours), links(&theirs), "exchange {seq}");
        self.same_head(seq, request);
    }

    /// Method, path and content type are the recorded ones.
    pub fn same_head(&self, seq: u64, request: &Request) {
        let exchange = self.exchange(seq);
        let method = format!("{:?}", request.method).to_uppercase();
        assert_eq!(method, exchange["method"].as_str().unwrap());
        let path = match &request.place {
            billet_forge::Place::Service(path) => path.clone(),
            billet_forge::Place::Url(url) => {
                let path = url.splitn(4, '/').nth(3).unwrap();
                format!("/{path}")
            }
        };
        assert_eq!(path, exchange["path"].as_str().unwrap());
        let content_type = request
            .headers
            .iter()
            .find(|(name, _)| name == "content-type");
        if let (Some(recorded), "POST") =
            (exchange["request_headers"].get("content-type"), &*method)
        {
            assert_eq!(content_type.unwrap().1, recorded.as_str().unwrap());
        }
    }
}

pub fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}
