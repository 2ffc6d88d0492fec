//! Documents made to exhaust a reader end early, in linear time and bounded memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::time::Instant;

use billet_s3::Code;
use billet_s3::tag::TagOwner;
use billet_s3::xml::request::{
    COMPLETE_BODY_MAX_BYTES, DELETE_BODY_MAX_BYTES, DEPTH_MAX, complete_multipart_upload,
    create_bucket, delete_objects, tagging,
};

/// Reads a body that is wrong and tells how.
type Read = fn(&[u8]) -> Code;

#[test]
fn billion_laughs() {
    let mut body = String::from("<!DOCTYPE lolz [<!ENTITY a \"lol\">");
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")] {
        body.push_str(&format!(
            "<!ENTITY {name} \"{}\">",
            format!("&{of};").repeat(10)
        ));
    }
    body.push_str("]><Delete><Object><Key>&e;</Key></Object></Delete>");
    assert_eq!(
        delete_objects(body.as_bytes()).unwrap_err().code,
        Code::MalformedXml
    );
}

#[test]
fn deep_nesting_stops_at_the_limit() {
    let deep = format!("<Delete>{}", "<Object>".repeat(200_000));
    assert_eq!(
        delete_objects(deep.as_bytes()).unwrap_err().code,
        Code::MalformedXml
    );
    assert_eq!(DEPTH_MAX, 16);
}

#[test]
fn bodies_above_their_limit_are_not_read() {
    let limits: [(usize, Read); 4] = [
        (DELETE_BODY_MAX_BYTES, |body| {
            delete_objects(body).unwrap_err().code
        }),
        (COMPLETE_BODY_MAX_BYTES, |body| {
            complete_multipart_upload(body).unwrap_err().code
        }),
        (64 * 1024, |body| create_bucket(body).unwrap_err().code),
        (64 * 1024, |body| {
            tagging(body, TagOwner::Bucket).unwrap_err().code
        }),
    ];
    for (limit, read) in limits {
        assert_eq!(read(&vec![b' '; limit + 1]), Code::MaxMessageLengthExceeded);
        assert_eq!(read(&vec![b' '; limit]), Code::MalformedXml);
    }
}

/// Each input fills the limit. Quadratic work over two million bytes would take hours, linear work
/// takes milliseconds; the bound leaves room for the slowest machine.
#[test]
fn the_largest_inputs_take_linear_time() {
    let fill = |unit: &str| unit.repeat((DELETE_BODY_MAX_BYTES - 100) / unit.len());
    let bodies = [
        format!("<Delete a='{}'/>", fill("x")),
        format!("<Delete {}/>", fill("a='' ")),
        format!("<Delete><!--{}--></Delete>", fill("x")),
        format!("<Delete>{}</Delete>", fill("<!---->")),
        format!(
            "<Delete><Object><Key>{}</Key></Object></Delete>",
            fill("&amp;")
        ),
        format!(
            "<Delete><Object><Key>{}</Key></Object></Delete>",
            fill("<![CDATA[x]]>")
        ),
        format!("<Delete><Object><Key>{}", fill("<")),
        format!("<Delete><Object><Key>{}", fill("&")),
        format!("<Delete>{}</Delete>", fill("<Object><Key>k</Key></Object>")),
        fill("<"),
        fill("<a "),
    ];
    let started = Instant::now();
    for body in bodies {
        assert!(body.len() <= DELETE_BODY_MAX_BYTES);
        let _ = delete_objects(body.as_bytes());
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
