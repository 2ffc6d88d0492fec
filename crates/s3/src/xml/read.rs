//! A strict pull reader of request documents: elements and text only. It must never expand an
//! entity of the document's own, follow a DOCTYPE, run a processing instruction, or take more than
//! linear time.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Code, Result, S3Error};

/// How deep elements may nest.
pub const DEPTH_MAX: usize = 16;
/// How many attributes a start tag may have; they carry namespaces and are ignored.
pub const ATTRIBUTES_MAX: usize = 16;

/// Reads one document from its root element on, child by child.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl<'a> Xml<'a> {
    /// Opens a document whose root has this local name.
    pub(crate) fn open(body: &'a [u8], max_bytes: usize, root: &str) -> Result<Self> {
        if body.len() > max_bytes {
            return Err(S3Error::message_too_long(max_bytes));
        }
        let text = std::str::from_utf8(body).map_err(|_| malformed())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let mut xml = Self { reader, depth: 0 };
        xml.prolog()?;
        match xml.child()? {
            Some(name) if name == root => Ok(xml),
            _ => Err(malformed()),
        }
    }

    /// Takes the declaration if there is one; it may stand only at the very beginning.
    fn prolog(&mut self) -> Result<()> {
        let mut probe = self.reader.clone();
        if let Ok(Event::Decl(declaration)) = probe.read_event() {
            let encoding = declaration
                .encoding()
                .transpose()
                .map_err(|_| malformed())?;
            if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("utf-8")) {
                return Err(malformed());
            }
            self.reader = probe;
        }
        Ok(())
    }

    /// The local name of the next child of the open element, which then is the open one; `None`
    /// when the open element ends. Text between children is malformed.
    pub(crate) fn child(&mut self) -> Result<Option<String>> {
        loop {
            match self.event()? {
                Event::Start(start) => {
                    let name = local_name(&start)?;
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(malformed());
                    }
                    return Ok(Some(name));
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(None);
                }
                Event::Text(text) if text.trim_matches(is_blank).is_empty() => {}
                Event::Comment(_) => {}
                _ => return Err(malformed()),
            }
        }
    }

    /// The text of the open element, which ends with it. Child elements are malformed.
    pub(crate) fn text(&mut self) -> Result<String> {
        let mut out = String::new();
        loop {
            match self.event()? {
                Event::Text(text) => out.push_str(&text.xml10_content()),
                Event::CData(text) => out.push_str(&text.xml10_content()),
                Event::GeneralRef(name) => out.push(resolve(&name)?),
                Event::Comment(_) => {}
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(out);
                }
                _ => return Err(malformed()),
            }
        }
    }

    /// After the root ended: nothing may follow but blanks and comments.
    pub(crate) fn finish(mut self) -> Result<()> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Text(text) if text.trim_matches(is_blank).is_empty() => {}
                Event::Comment(_) => {}
                _ => return Err(malformed()),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'a>> {
        self.reader.read_event().map_err(|_| malformed())
    }
}

/// The error for whatever is wrong with a document.
pub(crate) fn malformed() -> S3Error {
    S3Error::new(Code::MalformedXml)
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn local_name(start: &BytesStart<'_>) -> Result<String> {
    // Duplicates are not looked for: that would take quadratic time.
    let mut attributes = start.attributes();
    let attributes = attributes.with_checks(false);
    for (index, attribute) in attributes.enumerate() {
        if index == ATTRIBUTES_MAX || attribute.is_err() {
            return Err(malformed());
        }
    }
    Ok(start.local_name().as_ref().to_owned())
}

/// One of the five predefined entities or a character's number; any character but NUL, as keys may
/// hold what XML 1.0 cannot write otherwise.
fn resolve(name: &str) -> Result<char> {
    let found = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name
            .strip_prefix('#')
            .map(|number| match number.strip_prefix('x') {
                Some(hex) => (hex, 16),
                None => (number, 10),
            })
            .filter(|(digits, _)| !digits.starts_with('+'))
            .and_then(|(digits, radix)| u32::from_str_radix(digits, radix).ok())
            .and_then(char::from_u32)
            .filter(|character| *character != '\0'),
    };
    found.ok_or_else(malformed)
}
