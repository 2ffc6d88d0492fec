//! `/.well-known/did.json`: the agent's key, for whoever resolves the listener's `did:web`.
//!
//! It is the host's own answer, as keys are the host's. Must never stand in the way of a bucket:
//! its name cannot begin with a dot, but in virtual-host style the path is a key of the bucket.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use wasmtime_wasi_http::WasiBody;

const PATH: &str = "/.well-known/did.json";
/// What a verifier does with a key.
const USES: [&str; 4] = [
    "authentication",
    "assertionMethod",
    "capabilityDelegation",
    "capabilityInvocation",
];

/// What the answer is made of.
pub(crate) struct IdentityPage {
    agent: String,
    /// Domains under which a host names a bucket, in lower case.
    domains: Vec<String>,
}

impl IdentityPage {
    /// Of an agent, a `did:key`, on a listener with these domains of virtual-host style.
    pub(crate) fn new(agent: String, domains: &[String]) -> Self {
        let clean = |name: &String| name.trim_matches('.').to_ascii_lowercase();
        let domains = domains.iter().map(clean).filter(|name| !name.is_empty());
        Self {
            agent,
            domains: domains.collect(),
        }
    }

    /// The answer, where this is asked for.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Option<Response<WasiBody>> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if request.uri().path() != PATH || !is_read {
            return None;
        }
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        let host = host.to_ascii_lowercase();
        let name = host.split_once(':').map_or(host.as_str(), |(name, _)| name);
        if self.names_a_bucket(name) {
            return None;
        }
        let body = Full::new(Bytes::from(self.document(&host))).map_err(|never| match never {});
        let mut response = Response::new(body.boxed_unsync());
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Some(response)
    }

    fn names_a_bucket(&self, name: &str) -> bool {
        let is_under = |domain: &String| {
            let bucket = name.strip_suffix(domain.as_str());
            bucket.is_some_and(|bucket| bucket.ends_with('.'))
        };
        !self.domains.iter().any(|domain| domain == name) && self.domains.iter().any(is_under)
    }

    /// The document of the host that was asked, by whatever name.
    fn document(&self, host: &str) -> String {
        let did = did_web(host).unwrap_or_else(|| self.agent.clone());
        let id = format!("{did}#key-0");
        let key = self.agent.trim_start_matches("did:key:");
        let mut document = json!({
            "@context": ["https://www.w3.org/ns/did/v1.1"],
            "id": did,
            "alsoKnownAs": [self.agent],
            "verificationMethod": [{
                "id": id,
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": key,
            }],
        });
        if let Some(document) = document.as_object_mut() {
            document.extend(USES.map(|usage| (usage.to_owned(), json!([id]))));
        }
        document.to_string()
    }
}

/// The `did:web` of a host; none for an address of the sixth version, which it cannot name.
fn did_web(host: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_good =
        !name.is_empty() && name.chars().all(is_name) && port.chars().all(|c| c.is_ascii_digit());
    is_good.then(|| match port {
        "" => format!("did:web:{name}"),
        port => format!("did:web:{name}%3A{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str = "did:key:z6MkagentsKey";

    fn ask(method: &str, host: &str, path: &str) -> Option<Response<WasiBody>> {
        let domains = ["s3.example.net".to_owned(), "bucket.other.org".to_owned()];
        let page = IdentityPage::new(AGENT.to_owned(), &domains);
        let request = Request::builder().method(method).uri(path);
        page.answer(&request.header("host", host).body(()).unwrap())
    }

    #[test]
    fn it_is_served_where_no_bucket_is() {
        for (method, host, path, served) in [
            ("GET", "a.example:9000", "/.well-known/did.json", true),
            ("HEAD", "s3.example.net", "/.well-known/did.json", true),
            ("GET", "S3.Example.net:80", "/.well-known/did.json?x", true),
            (
                "GET",
                "photos.S3.example.net",
                "/.well-known/did.json",
                false,
            ),
            (
                "GET",
                "a.bucket.other.org:9000",
                "/.well-known/did.json",
                false,
            ),
            ("PUT", "a.example", "/.well-known/did.json", false),
            ("GET", "a.example", "/.well-known/did.json/", false),
            ("GET", "a.example", "/bucket/.well-known/did.json", false),
        ] {
            let answer = ask(method, host, path);
            assert_eq!(answer.is_some(), served, "{method} {host} {path}");
        }
    }

    #[test]
    fn it_is_the_document_of_whoever_was_asked() {
        let page = IdentityPage::new(AGENT.to_owned(), &[]);
        for (host, did) in [
            ("a.example", "did:web:a.example"),
            ("127.0.0.1:9000", "did:web:127.0.0.1%3A9000"),
            ("[::1]:9000", AGENT),
            ("a\"b", AGENT),
        ] {
            let text = page.document(host);
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(document["id"], did);
            let method = &document["verificationMethod"][0];
            assert_eq!(method["publicKeyMultibase"], "z6MkagentsKey");
            assert_eq!(method["controller"], did);
            for usage in USES {
                assert_eq!(document[usage], json!([method["id"]]));
            }
        }
    }
}
