//! Entity tags: lists of them as conditions carry, and their comparison. It must never make one.

/// An ETag condition: any entity, or one of a list. Tags are held without their quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagMatch {
    /// `*`
    Any,
    /// The listed tags.
    Tags(Vec<EtagText>),
}

/// One tag of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtagText {
    /// Whether `W/` stood before it.
    pub weak: bool,
    /// The text between the quotes.
    pub text: String,
}

impl EtagMatch {
    /// Reads a header's value; tags may come without quotes, as several clients send them.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = header.trim_start_matches([' ', '\t', ',']);
        while !rest.is_empty() {
            let weak = rest.strip_prefix("W/");
            let body = weak.unwrap_or(rest);
            let (text, after) = match body.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => body.split_once(',').unwrap_or((body, "")),
            };
            tags.push(EtagText {
                weak: weak.is_some(),
                text: text.trim().to_owned(),
            });
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        Self::Tags(tags)
    }

    /// The strong comparison, for `If-Match`: a weak tag matches nothing. `etag` may have quotes.
    #[must_use]
    pub fn matches_strong(&self, etag: &str) -> bool {
        self.matches(etag, false)
    }

    /// The weak comparison, for `If-None-Match`.
    #[must_use]
    pub fn matches_weak(&self, etag: &str) -> bool {
        self.matches(etag, true)
    }

    fn matches(&self, etag: &str, weak_too: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => {
                let etag = unquote(etag);
                tags.iter()
                    .any(|tag| tag.text == etag && (weak_too || !tag.weak))
            }
        }
    }
}

/// An ETag without the quotes around it.
#[must_use]
pub fn unquote(etag: &str) -> &str {
    let inner = etag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(etag)
}

/// An ETag in quotes, as headers and documents carry it; quotes that are there are not doubled.
#[must_use]
pub fn quote(etag: &str) -> String {
    format!("\"{}\"", unquote(etag))
}
