//! Bodies of requests: what the SDKs send is read, everything else is refused whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::checksum::{Algorithm, Checksum};
use billet_s3::tag::{Tag, TagOwner};
use billet_s3::xml::request::{complete_multipart_upload, create_bucket, delete_objects, tagging};
use billet_s3::{Code, S3Error};
use proptest::prelude::*;

const NS: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

fn code<T: std::fmt::Debug>(outcome: Result<T, S3Error>) -> Code {
    outcome.unwrap_err().code
}

#[test]
fn delete_of_several_objects() {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone='yes'?>\r\n<!-- c -->\
         <Delete {NS}>\n  <Object><Key>a&amp;b</Key><VersionId>null</VersionId></Object>\
         <Object><Key> sp </Key><ETag>\"e\"</ETag></Object>\
         <Object><VersionId/><Key><![CDATA[<c>]]>&#x1;&#10;&lt;&gt;&quot;&apos;</Key></Object>\
         <Object><Key>a&amp;b</Key></Object><Quiet>true</Quiet></Delete>\n"
    );
    let delete = delete_objects(body.as_bytes()).unwrap();
    assert!(delete.quiet);
    let keys: Vec<_> = delete
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(keys, ["a&b", " sp ", "<c>\u{1}\n<>\"'", "a&b"]);
    assert_eq!(delete.objects[0].version_id.as_deref(), Some("null"));
    assert_eq!(delete.objects[1].etag.as_deref(), Some("e"));
    assert_eq!(delete.objects[2].version_id, None);
}

#[test]
fn delete_takes_1_to_1000_keys() {
    let body = |count: usize| {
        let objects: String = (0..count)
            .map(|n| format!("<Object><Key>{n}</Key></Object>"))
            .collect();
        format!("<Delete>{objects}</Delete>")
    };
    assert_eq!(
        delete_objects(body(1000).as_bytes()).unwrap().objects.len(),
        1000
    );
    assert_eq!(
        code(delete_objects(body(1001).as_bytes())),
        Code::MalformedXml
    );
    assert_eq!(code(delete_objects(body(0).as_bytes())), Code::MalformedXml);
    // A thousand keys of 1,024 bytes, each escaped to five times its size, fit.
    let object = format!("<Object><Key>{}</Key></Object>", "a".repeat(1024));
    let full = format!("<Delete>{}</Delete>", object.repeat(1000));
    assert_eq!(delete_objects(full.as_bytes()).unwrap().objects.len(), 1000);
}

#[test]
fn a_key_that_cannot_be_fails_alone() {
    let long = "k".repeat(1025);
    let body = format!("<Delete><Object><Key>{long}</Key></Object></Delete>");
    let delete = delete_objects(body.as_bytes()).unwrap();
    assert_eq!(
        delete.objects[0].check().unwrap_err().code,
        Code::KeyTooLongError
    );
}

#[test]
fn completion_of_parts() {
    let body = format!(
        "<CompleteMultipartUpload {NS}>\
         <Part><ETag>\"abc\"</ETag><PartNumber>1</PartNumber>\
         <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>\
         <Part><PartNumber>3</PartNumber><ETag>&quot;def&quot;</ETag></Part>\
         <Part><PartNumber>10000</PartNumber><ETag>ghi</ETag><ChecksumSHA1/></Part>\
         </CompleteMultipartUpload>"
    );
    let parts = complete_multipart_upload(body.as_bytes()).unwrap();
    let read: Vec<_> = parts
        .iter()
        .map(|part| (part.number, part.etag.as_str()))
        .collect();
    assert_eq!(read, [(1, "abc"), (3, "def"), (10_000, "ghi")]);
    let checksum = parts[0].checksum.as_ref().unwrap();
    assert_eq!(checksum.algorithm(), Algorithm::Crc32);
    assert_eq!(checksum.digest(), [0, 0, 0, 0]);
    assert_eq!(parts[2].checksum, None);
}

#[test]
fn parts_carry_checksums_of_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let checksum = Checksum::new(algorithm, &vec![7; algorithm.length_bytes()]).unwrap();
        let element = format!("Checksum{}", algorithm.name());
        let body = format!(
            "<CompleteMultipartUpload {NS}><Part><PartNumber>1</PartNumber><ETag>e</ETag>\
             <{element}>{}</{element}></Part></CompleteMultipartUpload>",
            checksum.to_base64()
        );
        let parts = complete_multipart_upload(body.as_bytes()).unwrap();
        assert_eq!(parts[0].checksum, Some(checksum));
    }
}

#[test]
fn completion_refuses() {
    let part = |inner: &str| {
        let body =
            format!("<CompleteMultipartUpload><Part>{inner}</Part></CompleteMultipartUpload>");
        complete_multipart_upload(body.as_bytes()).unwrap_err()
    };
    let number = |n: &str| part(&format!("<PartNumber>{n}</PartNumber><ETag>e</ETag>"));
    assert_eq!(part("<ETag>e</ETag>").code, Code::MalformedXml);
    assert_eq!(part("<PartNumber>1</PartNumber>").code, Code::MalformedXml);
    assert_eq!(number("x").code, Code::MalformedXml);
    assert_eq!(number("").code, Code::MalformedXml);
    let error = number("0");
    assert_eq!(error.message, "PartNumber must be >= 1");
    assert_eq!(error.fields[0], ("ArgumentName", "PartNumber".to_owned()));
    assert_eq!(number("-4").fields[1], ("ArgumentValue", "-4".to_owned()));
    assert_eq!(number("10001").code, Code::InvalidArgument);
    let twice = "<PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>e</ETag>";
    assert_eq!(part(twice).code, Code::MalformedXml);
    let base = "<PartNumber>1</PartNumber><ETag>e</ETag>";
    let error = part(&format!(
        "{base}<ChecksumCRC32>invalid_checksum</ChecksumCRC32>"
    ));
    assert_eq!(
        error.message,
        "Invalid Base64 or multiple checksums present in request"
    );
    assert_eq!(
        error.fields[1],
        ("ArgumentValue", "invalid_checksum".to_owned())
    );
    let error = part(&format!(
        "{base}<ChecksumCRC32>AAAAAA==</ChecksumCRC32>\
         <ChecksumSHA1>Kq5sNclPz7QV2+lfQIuc6R7oRu0=</ChecksumSHA1>"
    ));
    assert_eq!(
        error.fields[1].1,
        "CRC32:AAAAAA==;SHA1:Kq5sNclPz7QV2+lfQIuc6R7oRu0=;"
    );
    for name in ["ChecksumCRC16", "Checksumcrc32", "ChecksumType", "Checksum"] {
        let error = part(&format!("{base}<{name}>AAAAAA==</{name}>"));
        assert_eq!(error.code, Code::MalformedXml, "{name}");
    }
    for numbers in [&[2, 1][..], &[1, 1][..], &[1, 3, 2][..]] {
        let parts: String = numbers
            .iter()
            .map(|n| format!("<Part><PartNumber>{n}</PartNumber><ETag>e</ETag></Part>"))
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        assert_eq!(
            code(complete_multipart_upload(body.as_bytes())),
            Code::InvalidPartOrder
        );
    }
    let empty = b"<CompleteMultipartUpload/>";
    assert_eq!(code(complete_multipart_upload(empty)), Code::MalformedXml);
}

#[test]
fn ten_thousand_parts_with_checksums_fit() {
    let parts: String = (1..=10_000)
        .map(|n| {
            format!(
                "<Part><ChecksumSHA256>{}</ChecksumSHA256><ETag>&quot;{}&quot;</ETag>\
                 <PartNumber>{n}</PartNumber></Part>",
                "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=",
                "0".repeat(32)
            )
        })
        .collect();
    let body = format!("<CompleteMultipartUpload {NS}>{parts}</CompleteMultipartUpload>");
    assert_eq!(
        complete_multipart_upload(body.as_bytes()).unwrap().len(),
        10_000
    );
}

#[test]
fn bucket_configurations() {
    assert_eq!(create_bucket(b"").unwrap().location_constraint, None);
    let body = format!(
        "<CreateBucketConfiguration {NS}><LocationConstraint>eu-west-1</LocationConstraint>\
         <Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>"
    );
    let read = create_bucket(body.as_bytes()).unwrap();
    assert_eq!(
        read.tags,
        [Tag {
            key: "a".to_owned(),
            value: "b".to_owned()
        }]
    );
    read.check_region("eu-west-1").unwrap();
    let error = read.check_region("us-east-1").unwrap_err();
    assert_eq!(error.code, Code::InvalidLocationConstraint);
    assert_eq!(
        error.fields,
        [("LocationConstraint", "eu-west-1".to_owned())]
    );
    let same = b"<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint>\
                 </CreateBucketConfiguration>";
    let error = create_bucket(same)
        .unwrap()
        .check_region("us-east-1")
        .unwrap_err();
    assert_eq!(error.code, Code::InvalidLocationConstraint);
    let empty = b"<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>";
    create_bucket(empty)
        .unwrap()
        .check_region("us-east-1")
        .unwrap();
    let twice = b"<CreateBucketConfiguration><LocationConstraint>a</LocationConstraint>\
                  <LocationConstraint>b</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(code(create_bucket(twice)), Code::MalformedXml);
    let directory = b"<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket>\
                      </CreateBucketConfiguration>";
    assert_eq!(code(create_bucket(directory)), Code::NotImplemented);
}

#[test]
fn tag_sets() {
    let body = |inner: &str| format!("<Tagging {NS}><TagSet>{inner}</TagSet></Tagging>");
    let read = |inner: &str| tagging(body(inner).as_bytes(), TagOwner::Bucket);
    assert_eq!(read("").unwrap(), []);
    assert_eq!(
        read("<Tag><Key>k</Key><Value/></Tag>").unwrap()[0].value,
        ""
    );
    assert_eq!(code(read("<Tag><Key>k</Key></Tag>")), Code::MalformedXml);
    assert_eq!(
        code(read("<Tag><Key>k!</Key><Value/></Tag>")),
        Code::InvalidTag
    );
    assert_eq!(
        code(tagging(b"<Tagging/>", TagOwner::Bucket)),
        Code::MalformedXml
    );
    let many: String = (0..51)
        .map(|n| format!("<Tag><Key>{n}</Key><Value/></Tag>"))
        .collect();
    assert_eq!(code(read(&many)), Code::BadRequest);
}

/// Line ends are normalised as XML wants it, references are not.
#[test]
fn line_ends() {
    let body = b"<Delete><Object><Key>a\r\nb\rc&#13;d</Key></Object></Delete>";
    assert_eq!(delete_objects(body).unwrap().objects[0].key, "a\nb\nc\rd");
}

#[test]
fn what_is_not_that_document() {
    let object = "<Object><Key>k</Key></Object>";
    let bodies = [
        "".to_owned(),
        " ".to_owned(),
        "text".to_owned(),
        "{}".to_owned(),
        format!("<delete>{object}</delete>"),
        format!("<Delete>{object}"),
        format!("<Delete>{object}</Object></Delete>"),
        format!("<Delete>{object}</Delete><Delete/>"),
        format!("<Delete>{object}</Delete>tail"),
        format!("x<Delete>{object}</Delete>"),
        format!(" <?xml version='1.0'?><Delete>{object}</Delete>"),
        format!("<?xml version='1.0' encoding='utf-16'?><Delete>{object}</Delete>"),
        format!("<?xml version='1.0'?><?xml version='1.0'?><Delete>{object}</Delete>"),
        format!("<!DOCTYPE Delete><Delete>{object}</Delete>"),
        format!("<!DOCTYPE d [<!ENTITY k 'v'>]><Delete>{object}</Delete>"),
        format!("<?pi x?><Delete>{object}</Delete>"),
        format!("<Delete><?pi?>{object}</Delete>"),
        format!("<Delete>stray{object}</Delete>"),
        format!("<Delete>{object}<Unknown/></Delete>"),
        format!("<Delete>{object}<Quiet>maybe</Quiet></Delete>"),
        format!("<Delete a=>{object}</Delete>"),
        format!("<Delete a='1' b>{object}</Delete>"),
        "<Delete><Object><Key>&k;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#0;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#+65;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#x+41;</Key></Object></Delete>".to_owned(),
        format!("<Delete><Quiet>true</Quiet>{object}<Quiet>false</Quiet></Delete>"),
        "<Delete><Object><Key>&#xD800;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#99999999999;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a & b</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>a<b/>c</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key></Key></Object></Delete>".to_owned(),
        "<Delete><Object/></Delete>".to_owned(),
        "<Delete><Object><Key>k</Key><Key>l</Key></Object></Delete>".to_owned(),
        "<Delete><!-- -- --><Object><Key>k</Key></Object></Delete>".to_owned(),
    ];
    for body in bodies {
        assert_eq!(
            code(delete_objects(body.as_bytes())),
            Code::MalformedXml,
            "{body}"
        );
    }
    assert_eq!(
        code(delete_objects(b"<Delete>\xff</Delete>")),
        Code::MalformedXml
    );
    let marked = format!("\u{feff}<Delete>{object}</Delete>");
    assert!(delete_objects(marked.as_bytes()).is_ok());
    let prefixed = "<s:Delete xmlns:s='x'><s:Object><s:Key>k</s:Key></s:Object></s:Delete>";
    assert!(delete_objects(prefixed.as_bytes()).is_ok());
}

#[test]
fn directory_bucket_conditions_are_not_ignored() {
    let body = b"<Delete><Object><Key>k</Key><Size>1</Size></Object></Delete>";
    assert_eq!(code(delete_objects(body)), Code::NotImplemented);
}

const PIECE: &str = "<Delete>|</?Object>|</?Key>|</?Part|[<>/&;!?-]|&#x?[0-9a-f]{1,9};|\
                     <!\\[CDATA\\[|\\]\\]>|<!--|-->|[a-z\"'= ]{1,4}";

proptest! {
    #[test]
    fn readers_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = delete_objects(&body);
        let _ = complete_multipart_upload(&body);
        let _ = create_bucket(&body);
        let _ = tagging(&body, TagOwner::Object);
    }

    #[test]
    fn nor_on_what_looks_like_xml(
        pieces in proptest::collection::vec(PIECE, 0..40),
    ) {
        let body = format!("<Delete>{}", pieces.concat());
        let _ = delete_objects(body.as_bytes());
    }

    /// Escaping by hand, not with the crate's writer.
    #[test]
    fn any_key_is_read_back(key in "[^\u{0}]{1,100}") {
        let escaped: String = key.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        let body = format!("<Delete><Object><Key>{escaped}</Key></Object></Delete>");
        let read = delete_objects(body.as_bytes()).unwrap();
        prop_assert_eq!(&read.objects[0].key, &key);
    }
}
