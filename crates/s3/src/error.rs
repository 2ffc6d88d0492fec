//! S3 errors: a code, a message, extra fields, and the XML document that carries them. It must
//! never hold or print anything that a client may not see.

mod code;
mod make;

use std::borrow::Cow;

pub use code::Code;
pub use make::Resource;

use crate::xml::write::Writer;

/// The result of every parser in this crate.
pub type Result<T> = std::result::Result<T, S3Error>;

/// An error as a client sees it: code, text, and the extra elements AWS puts beside them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct S3Error {
    /// Which error; it decides the HTTP status.
    pub code: Code,
    /// The text of `<Message>`.
    pub message: Cow<'static, str>,
    /// Extra elements between `<Message>` and `<Resource>`, in order.
    pub fields: Vec<(&'static str, String)>,
    /// The value of an `Allow` response header, for a method that is not allowed.
    pub allow: Option<&'static str>,
}

impl S3Error {
    /// An error with its code's own text and no extra field.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            code,
            message: Cow::Borrowed(code.message()),
            fields: Vec::new(),
            allow: None,
        }
    }

    /// The same error with another text.
    #[must_use]
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// The same error with one more extra element.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The HTTP status to answer with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The whole XML document. `resource` is the request's path; an empty one is left out. The
    /// answer to HEAD and a 304 carry no body: the caller sends none of this then.
    #[must_use]
    pub fn to_xml(&self, resource: &str, request_id: &str, host_id: &str) -> String {
        let mut writer = Writer::document();
        writer.open("Error");
        self.write_body(&mut writer, resource, request_id, host_id);
        writer.close("Error");
        writer.finish()
    }

    /// The document for an answer whose status and declaration have been sent already (a long
    /// CompleteMultipartUpload): the root element alone, without `<?xml …?>`.
    #[must_use]
    pub fn to_xml_tail(&self, resource: &str, request_id: &str, host_id: &str) -> String {
        let mut writer = Writer::fragment();
        writer.open("Error");
        self.write_body(&mut writer, resource, request_id, host_id);
        writer.close("Error");
        writer.finish()
    }

    fn write_body(&self, writer: &mut Writer, resource: &str, request_id: &str, host_id: &str) {
        writer.text("Code", self.code.name());
        writer.text("Message", &self.message);
        for (name, value) in &self.fields {
            writer.text(name, value);
        }
        if !resource.is_empty() {
            writer.text("Resource", resource);
        }
        writer.text("RequestId", request_id);
        writer.text("HostId", host_id);
    }
}

impl From<Code> for S3Error {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}
