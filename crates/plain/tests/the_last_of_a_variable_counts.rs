//! Variables of the environment that are there twice, empty, or not at all. Must never hold a
//! secret that is one.

use billet_plain::{Environment, Principal, Refusal, Signature};

const ID: &str = "BILLET_ACCESS_KEY_ID";
const SECRET: &str = "BILLET_SECRET_ACCESS_KEY";

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter();
    Environment::new(variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// Presents the example of AWS under an access key.
fn verify(environment: &Environment, access_key: &str) -> Result<Principal, Refusal> {
    let mac = hex::decode("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    environment.keys().verify(&Signature {
        algorithm: "AWS4-HMAC-SHA256",
        access_key,
        has_session_token: false,
        date: "20130524",
        region: "us-east-1",
        service: "s3",
        message: b"AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
            7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
        mac: &mac.unwrap_or_default(),
    })
}

const GOOD: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

#[test]
fn a_new_pair_behind_an_old_one_is_taken_whole() {
    let rotated = environment(&[(ID, "old"), (SECRET, "old"), (ID, "new"), (SECRET, GOOD)]);
    assert!(verify(&rotated, "new").is_ok());
    assert_eq!(verify(&rotated, "old"), Err(Refusal::UnknownKey));
    assert_eq!(rotated.missing(), None);
}

#[test]
fn an_empty_one_takes_back_what_was_set() {
    let taken_back = environment(&[("BILLET_REGION", "eu-1"), ("BILLET_REGION", "")]);
    assert_eq!(taken_back.setting("BILLET_REGION"), None);
    let disabled = environment(&[(ID, "new"), (SECRET, GOOD), (SECRET, "")]);
    assert_eq!(verify(&disabled, "new"), Err(Refusal::UnknownKey));
    assert_eq!(disabled.missing(), Some(SECRET));
}

#[test]
fn a_missing_half_is_named_and_the_secret_is_no_setting() {
    assert_eq!(environment(&[(SECRET, GOOD)]).missing(), Some(ID));
    assert_eq!(environment(&[]).missing(), Some(ID));
    let whole = environment(&[(ID, "new"), (SECRET, GOOD)]);
    assert_eq!(whole.setting(SECRET), None);
    assert_eq!(whole.setting(ID), Some("new"));
}
