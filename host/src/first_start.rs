//! What a first start prints: the new key pair, once, with lines ready for S3 clients.
//!
//! Must never be called for a key pair that already existed: a secret is shown once.

use std::fmt::Write;
use std::path::Path;

use crate::credentials::KeyPair;

/// The text for a key pair that was just made and stored in `file`.
pub fn greeting(pair: &KeyPair, file: &Path, endpoint: &str, region: &str) -> String {
    let (access, secret) = (&pair.access_key_id, pair.secret_access_key.as_str());
    let mut text = String::new();
    let lines = [
        format!("A new key pair was made and stored in {}:", file.display()),
        String::new(),
        format!("  access key id      {access}"),
        format!("  secret access key  {secret}"),
        String::new(),
        "aws:".to_owned(),
        format!("  export AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY={secret}"),
        format!("  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region}"),
        "  aws s3 mb s3://first && aws s3 cp README.md s3://first/".to_owned(),
        "rclone:".to_owned(),
        format!(
            "  rclone config create billet s3 provider=Other endpoint={endpoint} \
             region={region} access_key_id={access} secret_access_key={secret}"
        ),
        "  rclone ls billet:first".to_owned(),
        "mc:".to_owned(),
        format!("  mc alias set billet {endpoint} {access} {secret}"),
        "  mc ls billet/first".to_owned(),
        String::new(),
        "The secret is not shown again.".to_owned(),
    ];
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text
}
