//! Rules that one file's text can break: heads, lengths, words, effects in pure crates.
//!
//! Must never judge generated or vendored files.

use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::Visit;

/// Most lines of a function, its signature and braces included.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Most characters of a line of Rust.
pub const LINE_CHARS_MAX: usize = 100;

/// Names that a pure crate may not say: effects, clocks, threads, bindings.
const EFFECTS: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
    "tokio",
    "wit_bindgen",
    "async fn",
];

/// Notes to oneself do not land.
const NOTES: [&str; 3] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

/// Checks one file.
pub fn check(path: &Path, text: &str, problems: &mut Vec<String>) {
    let name = path.display().to_string();
    if name.starts_with("wit/deps") {
        return;
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => rust(&name, text, problems),
        Some("md") => markdown(&name, text, problems),
        Some("wit" | "toml" | "sh" | "py") => common(&name, text, problems),
        _ => {}
    }
}

fn common(name: &str, text: &str, problems: &mut Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if line.ends_with([' ', '\t']) {
            problems.push(format!("{name}:{line_number}: ends in blanks"));
        }
        if NOTES.iter().any(|note| line.contains(note)) {
            problems.push(format!("{name}:{line_number}: a note to oneself"));
        }
    }
}

fn markdown(name: &str, text: &str, problems: &mut Vec<String>) {
    common(name, text, problems);
    let mut fenced = false;
    let mut titles = 0;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        titles += usize::from(!fenced && line.starts_with("# "));
    }
    if titles != 1 {
        problems.push(format!("{name}: {titles} titles instead of one"));
    }
}

fn rust(name: &str, text: &str, problems: &mut Vec<String>) {
    common(name, text, problems);
    if !text.starts_with("//!") {
        problems.push(format!("{name}: does not open with //!"));
    }
    for (index, line) in text.lines().enumerate() {
        if line.chars().count() > LINE_CHARS_MAX {
            problems.push(format!(
                "{name}:{}: more than {LINE_CHARS_MAX} columns",
                index + 1
            ));
        }
    }
    if name.starts_with("crates/") && name.contains("/src/") {
        for effect in EFFECTS {
            if code_says(text, effect) {
                problems.push(format!("{name}: a pure crate says {effect}"));
            }
        }
    }
    match syn::parse_file(text) {
        Ok(file) => {
            let mut functions = Functions { name, problems };
            functions.visit_file(&file);
        }
        Err(error) => problems.push(format!("{name}: {error}")),
    }
}

/// Whether a line other than a comment has that text.
fn code_says(text: &str, words: &str) -> bool {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| line.contains(words))
}

struct Functions<'a> {
    name: &'a str,
    problems: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, ident: &syn::Ident, signature: Span, block: Span) {
        let lines = block.end().line + 1 - signature.start().line;
        if lines > FUNCTION_LINES_MAX {
            let (name, at) = (self.name, signature.start().line);
            self.problems.push(format!(
                "{name}:{at}: {ident} has {lines} lines, {FUNCTION_LINES_MAX} at most"
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, item.sig.span(), item.block.span());
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, item.sig.span(), item.block.span());
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig.ident, item.sig.span(), block.span());
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}
