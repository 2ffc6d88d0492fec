//! ACLs are switched off: the one that says what always holds is taken, every other is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::xml::request::{SMALL_BODY_MAX_BYTES, check_acl};
use billet_s3::xml::response::{Owner, access_control_policy};
use billet_s3::{Code, RequestHead, S3Error};

const OWNER: &str = "canonical-owner";

fn check(headers: &[(&str, &str)], body: &str) -> Result<(), S3Error> {
    let mut head = RequestHead::new("PUT", "/bucket", Some("acl"));
    for (name, value) in headers {
        head.push_header(name, *value);
    }
    check_acl(&head, body.as_bytes(), OWNER)
}

fn refused(headers: &[(&str, &str)], body: &str) -> Code {
    match check(headers, body) {
        Err(error) => error.code,
        Ok(()) => panic!("taken: {headers:?} {body}"),
    }
}

fn policy(owner: &str, list: &str) -> String {
    format!(
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner>\
         <AccessControlList>{list}</AccessControlList></AccessControlPolicy>"
    )
}

fn grant(grantee: &str, permission: &str) -> String {
    format!("<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>")
}

fn full() -> String {
    grant(&format!("<ID>{OWNER}</ID>"), "FULL_CONTROL")
}

#[test]
fn what_holds_is_taken() {
    for canned in ["private", "bucket-owner-full-control"] {
        check(&[("x-amz-acl", canned)], "").unwrap();
    }
    let told = access_control_policy(&Owner {
        id: OWNER.to_owned(),
        name: "<name>".to_owned(),
    });
    check(&[], &told).unwrap();
    check(&[], &policy(OWNER, &full())).unwrap();
    // As s3cmd writes it, and an empty header, which says nothing.
    let typed = "<?xml version=\"1.0\" ?><AccessControlPolicy \
        xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>canonical-owner</ID>\
        <DisplayName>n</DisplayName></Owner><AccessControlList><Grant><Grantee \
        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\">\
        <ID>canonical-owner</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>\
        </AccessControlList></AccessControlPolicy>";
    check(&[("x-amz-acl", "")], typed).unwrap();
}

#[test]
fn every_other_acl_is_not_supported() {
    let other = Code::AccessControlListNotSupported;
    for canned in ["public-read", "public-read-write", "bucket-owner-read"] {
        assert_eq!(refused(&[("x-amz-acl", canned)], ""), other);
    }
    assert_eq!(refused(&[("x-amz-grant-read", "id=\"a\"")], ""), other);
    let owner = format!("<ID>{OWNER}</ID>");
    let everybody = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
    for list in [
        String::new(),
        grant(&owner, "READ"),
        grant("<ID>somebody</ID>", "FULL_CONTROL"),
        grant(everybody, "FULL_CONTROL"),
        // An address or a group that is spelled as the owner's id is not the owner.
        grant(&format!("<URI>{OWNER}</URI>"), "FULL_CONTROL"),
        grant(
            &format!("<EmailAddress>{OWNER}</EmailAddress>"),
            "FULL_CONTROL",
        ),
        full() + &grant(everybody, "READ"),
        grant(everybody, "READ") + &full(),
    ] {
        assert_eq!(refused(&[], &policy(OWNER, &list)), other, "{list}");
    }
    assert_eq!(refused(&[], &policy("somebody", &full())), other);
}

#[test]
fn broken_documents_are_malformed() {
    let whole = policy(OWNER, &full());
    for end in 1..whole.len() {
        assert_eq!(refused(&[], &whole[..end]), Code::MalformedAclError);
    }
    let owner = format!("<ID>{OWNER}</ID>");
    for body in [
        "<Tagging/>".to_owned(),
        "<AccessControlPolicy/>".to_owned(),
        format!("<AccessControlPolicy><Owner>{owner}</Owner></AccessControlPolicy>"),
        "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>".to_owned(),
        format!("<AccessControlPolicy>{}</AccessControlPolicy>", full()),
        whole.replace("<Owner>", "<Owner/><Owner>"),
        whole.replace("ID>", "URI>"),
        whole.replace("Grant>", "Given>"),
        policy(OWNER, &grant(&owner, "EVERYTHING")),
        policy(OWNER, &grant(&owner, "")),
        policy(OWNER, &grant("", "READ")),
        policy(OWNER, &grant(&owner.repeat(2), "READ")),
        policy(OWNER, "<Grant><Permission>READ</Permission></Grant>"),
        policy(OWNER, "<Grant/>"),
        format!("{whole}<more/>"),
    ] {
        assert_eq!(refused(&[], &body), Code::MalformedAclError, "{body}");
    }
    let long = format!("{whole}{}", " ".repeat(SMALL_BODY_MAX_BYTES));
    assert_eq!(refused(&[], &long), Code::MaxMessageLengthExceeded);
}

#[test]
fn header_or_body_and_not_both() {
    let missing = check(&[], "").unwrap_err();
    assert_eq!(missing.code, Code::MissingSecurityHeader);
    assert_eq!(
        missing.fields,
        [("MissingHeaderName", "x-amz-acl".to_owned())]
    );
    let canned = ("x-amz-acl", "private");
    let both = refused(&[canned], &policy(OWNER, &full()));
    assert_eq!(both, Code::UnexpectedContent);
    let grants = [canned, ("x-amz-grant-read", "id=\"a\"")];
    assert_eq!(refused(&grants, ""), Code::InvalidRequest);
    let unknown = [("x-amz-acl", "secret")];
    assert_eq!(refused(&unknown, ""), Code::InvalidArgument);
}
