//! Captured text made inert: what a stranger said cannot command a terminal, a browser or a reader's eye.

/// The most characters of one captured string that a page shows.
const MAX_SHOWN: usize = 300;

/// Whether a character is invisible, or moves or reorders what stands around it: control characters,
/// directional overrides and isolates (UAX #9), zero-width and other format characters, separators of
/// lines, tags, and private noncharacters.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
}

/// The text with every unseen character made visible, and cut after 300 characters: C0
/// controls and DEL become their Unicode control pictures, others their code point, as `⟨U+202E⟩`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_SHOWN));
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => {
            push_inert(&mut shown, text.get(..end).unwrap_or_default());
            shown.push('…');
        }
        None => push_inert(&mut shown, text),
    }
    shown
}

/// The whole text, every unseen character of it made visible: fit to be printed on one line of a terminal.
pub fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    push_inert(&mut shown, text);
    shown
}

fn push_inert(shown: &mut String, text: &str) {
    for character in text.chars() {
        match u32::from(character) {
            code @ 0..=0x1f => shown.extend(char::from_u32(0x2400 + code)),
            0x7f => shown.push('␡'),
            code if is_unseen(character) => shown.push_str(&format!("⟨U+{code:04X}⟩")),
            _ => shown.push(character),
        }
    }
}

/// Visible text with everything escaped that Markdown (CommonMark and the tables, strikethrough and
/// autolinks of GFM) or HTML within it would act upon.
pub(crate) fn markdown(text: &str) -> String {
    let text = visible(text);
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            ':' if rest.peek() == Some(&'/') => escaped.push_str("\\:"),
            '.' if escaped.to_ascii_lowercase().ends_with("www") => escaped.push_str("\\."),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// JSON text with what is unseen, and what begins a tag, as `\u` escapes. Outside of strings JSON
/// holds none of these but line ends and spaces, so the meaning stays the same.
pub(crate) fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && (is_unseen(character) || matches!(character, '<' | '>' | '&')) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Columns that a character takes on a terminal: 2 for East Asian wide ones and pictographs, 0 for
/// combining marks of the common blocks.
pub(crate) fn columns(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
