//! A body in frames is refused wherever it is not an object's or a part's, before anything is done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod routing;

use billet_s3::Code;
use routing::send;

#[test]
fn framed_bodies_are_for_uploads_alone() {
    for value in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ] {
        let framed = [("x-amz-content-sha256", value)];
        for (method, path) in [
            ("PUT", "/bucket?cors"),
            ("PUT", "/bucket?tagging"),
            ("PUT", "/bucket?object-lock"),
            ("PUT", "/bucket?ownershipControls"),
            ("PUT", "/bucket?versioning"),
            ("PUT", "/bucket?policy"),
            ("PUT", "/bucket?acl"),
            ("PUT", "/bucket"),
            ("POST", "/bucket?delete"),
            ("GET", "/"),
            ("GET", "/bucket/key"),
            ("PUT", "/bucket/key?tagging"),
            ("POST", "/bucket/key?uploads"),
            ("POST", "/bucket/key?uploadId=u"),
            ("DELETE", "/bucket/key"),
        ] {
            let error = send(method, path, &framed).unwrap_err();
            assert_eq!(error.code, Code::InvalidRequest, "{method} {path}");
            assert_eq!(
                error.message, "The value of x-amz-content-sha256 header is invalid.",
                "{method} {path}"
            );
        }
        let copy = [framed[0], ("x-amz-copy-source", "/source/key")];
        assert_eq!(
            send("PUT", "/bucket/key", &copy).unwrap_err().code,
            Code::InvalidRequest
        );
        for path in ["/bucket/key", "/bucket/key?partNumber=1&uploadId=u"] {
            assert!(send("PUT", path, &framed).is_ok(), "{path}");
        }
        // What is wrong with an upload's own parameters is told as such.
        let error = send("PUT", "/bucket/key?partNumber=0&uploadId=u", &framed).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
    }
    let plain = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
    assert!(send("PUT", "/bucket?tagging", &plain).is_ok());
}
