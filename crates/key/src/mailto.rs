//! Accounts: `did:mailto:domain:local`, each part escaped as in a form.
//!
//! Must never give two accounts to one address by escaping it differently.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::did::{Did, DidError};

/// What a form escapes: all but letters, digits and these four.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl Did {
    /// The account of an e-mail address: the domain comes first.
    ///
    /// # Errors
    /// When there is no `@`, or nothing on one side of it.
    pub fn of_email(email: &str) -> Result<Self, DidError> {
        let (local, domain) = email.rsplit_once('@').ok_or(DidError)?;
        if local.is_empty() || domain.is_empty() {
            return Err(DidError);
        }
        format!("did:mailto:{}:{}", escape(domain), escape(local)).parse()
    }

    /// The e-mail address of an account; `None` for other identities and for escapes that
    /// [`Did::of_email`] would not have written.
    pub fn email(&self) -> Option<String> {
        if self.method() != "mailto" {
            return None;
        }
        let (domain, local) = self.name().split_once(':')?;
        let email = format!("{}@{}", unescape(local)?, unescape(domain)?);
        (Self::of_email(&email).as_ref() == Ok(self)).then_some(email)
    }
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, FORM)
        .to_string()
        .replace("%20", "+")
}

fn unescape(text: &str) -> Option<String> {
    let text = text.replace('+', "%20");
    let text = percent_decode_str(&text).decode_utf8().ok()?;
    Some(text.into_owned())
}
