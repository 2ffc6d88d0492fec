//! Headers of CreateBucket that would switch a feature on are refused by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::query::Query;
use billet_s3::target::{Domains, Target};
use billet_s3::{Code, RequestHead, route};

#[test]
fn creating_a_bucket_switches_nothing_on() {
    let create = |headers: &[(&str, &str)]| {
        let mut head = RequestHead::new("PUT", "/bucket", None);
        for (name, value) in headers {
            head.push_header(name, *value);
        }
        let target = Target::parse(None, "/bucket", &Domains::default()).unwrap();
        route(&head, &target, &Query::default(), 0)
            .map(|_| ())
            .map_err(|error| error.code)
    };
    assert_eq!(create(&[]), Ok(()));
    assert_eq!(create(&[("x-amz-acl", "private")]), Ok(()));
    assert_eq!(
        create(&[("x-amz-object-ownership", "BucketOwnerEnforced")]),
        Ok(())
    );
    assert_eq!(
        create(&[("x-amz-bucket-object-lock-enabled", "false")]),
        Ok(())
    );
    let refused = [
        (
            ("x-amz-acl", "public-read"),
            Code::InvalidBucketAclWithObjectOwnership,
        ),
        (("x-amz-acl", "odd"), Code::InvalidArgument),
        (
            ("x-amz-grant-read", "id=x"),
            Code::InvalidBucketAclWithObjectOwnership,
        ),
        (
            ("x-amz-object-ownership", "ObjectWriter"),
            Code::NotImplemented,
        ),
        (("x-amz-object-ownership", "odd"), Code::InvalidArgument),
        (
            ("x-amz-bucket-object-lock-enabled", "True"),
            Code::NotImplemented,
        ),
    ];
    for (header, code) in refused {
        assert_eq!(create(&[header]), Err(code), "{header:?}");
    }
}
