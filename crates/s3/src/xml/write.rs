//! A small XML writer whose output depends on nothing but its calls. It must never emit a byte
//! that XML 1.0 readers reject, other than the numeric references by which AWS carries control
//! characters.

use std::fmt::Write as _;

/// The namespace of every S3 document.
pub(crate) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The declaration that opens every document.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Room for a small document, so that it need not grow.
const DOCUMENT_BYTES: usize = 512;

/// Appends elements to a string; names are ours and never escaped, text always is.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    /// A document with its declaration.
    pub(crate) fn document() -> Self {
        let mut out = String::with_capacity(DOCUMENT_BYTES);
        out.push_str(DECLARATION);
        Self { out }
    }

    /// Elements without a declaration.
    pub(crate) fn fragment() -> Self {
        Self { out: String::new() }
    }

    /// A document whose root element carries the S3 namespace.
    pub(crate) fn root(name: &str) -> Self {
        let mut writer = Self::document();
        // Writing to a String cannot fail.
        let _ = write!(writer.out, "<{name} xmlns=\"{NAMESPACE}\">");
        writer
    }

    pub(crate) fn open(&mut self, name: &str) {
        for piece in ["<", name, ">"] {
            self.out.push_str(piece);
        }
    }

    pub(crate) fn close(&mut self, name: &str) {
        for piece in ["</", name, ">"] {
            self.out.push_str(piece);
        }
    }

    /// `<name>` around what `inner` writes.
    pub(crate) fn nest(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.open(name);
        inner(self);
        self.close(name);
    }

    /// Text as given, for what is already markup.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Text of the open element.
    pub(crate) fn plain(&mut self, text: &str) {
        escape_into(&mut self.out, text);
    }

    /// An element with text; an empty text gives an empty element.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        escape_into(&mut self.out, text);
        self.close(name);
    }

    /// An element with a number or a boolean.
    pub(crate) fn value(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.out, "<{name}>{value}</{name}>");
    }

    /// An element only if there is a text.
    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// Escapes text as AWS does: quotes are references, and so is a control character. U+FFFE and
/// U+FFFF go the same way.
fn escape_into(out: &mut String, text: &str) {
    // Nearly every text needs nothing of this, and goes as it is.
    let plain =
        |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'>' | b'&' | b'"');
    if text.as_bytes().iter().all(plain) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "&#x{:x};", u32::from(character));
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Writer;

    #[test]
    fn text_is_escaped_as_aws_does() {
        let mut writer = Writer::fragment();
        writer.text("K", "a<b>&\"c'\u{1}\r\n\u{85}\u{7f}é\u{ffff}");
        assert_eq!(
            writer.finish(),
            "<K>a&lt;b&gt;&amp;&quot;c'&#x1;&#xd;&#xa;&#x85;&#x7f;é&#xffff;</K>"
        );
    }
}
