//! The examples of AWS's page on signing headers that sign no more than this signer does. They
//! must match to the digit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_bench::sign::{Keys, Parts, Signer};

/// 2013-05-24 00:00:00 UTC
const NOW_S: u64 = 1_369_353_600;
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn signer() -> Signer {
    let keys = Keys {
        access: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        region: "us-east-1".to_owned(),
    };
    Signer::new(keys, "examplebucket.s3.amazonaws.com".to_owned())
}

fn head(signer: &mut Signer, now_s: u64, query: &str) -> String {
    let mut head = String::new();
    let parts = Parts {
        method: "GET",
        path: "/",
        query,
        payload: EMPTY,
    };
    signer.sign(now_s, &parts, &mut head);
    head
}

const LIFECYCLE: &str = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
const LIST: &str = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";

#[test]
fn get_of_a_lifecycle_and_of_a_listing() {
    for (query, signature) in [("lifecycle=", LIFECYCLE), ("max-keys=2&prefix=J", LIST)] {
        let expected = format!(
            "host: examplebucket.s3.amazonaws.com\r\n\
             x-amz-content-sha256: {EMPTY}\r\n\
             x-amz-date: 20130524T000000Z\r\n\
             authorization: AWS4-HMAC-SHA256 \
             Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}\r\n"
        );
        assert_eq!(head(&mut signer(), NOW_S, query), expected, "{query}");
    }
}

#[test]
fn what_is_kept_between_requests_changes_with_the_second_and_the_day() {
    let mut signer = signer();
    let first = head(&mut signer, NOW_S, "lifecycle=");
    for other_s in [NOW_S + 1, NOW_S + 86_400, NOW_S + 86_401] {
        let other = head(&mut signer, other_s, "lifecycle=");
        assert_ne!(other, first);
        assert_eq!(
            other,
            head(&mut self::signer(), other_s, "lifecycle="),
            "{other_s}"
        );
    }
    assert_eq!(head(&mut signer, NOW_S, "lifecycle="), first);
}
