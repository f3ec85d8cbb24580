//! Who is available, and who is on the telephone: presence (RFC 3863) and the state of dialogs (RFC 4235).

use crate::shared::header_block::HeaderBlock;

use super::message::shortened;

/// What a document of presence gives away: whose state it is. The state itself differs every time.
pub(super) fn learned(block: &HeaderBlock<'_>, body: &[u8]) -> Option<String> {
    let kind = block.get("Content-Type", "c")?.to_ascii_lowercase();
    let body = std::str::from_utf8(body).ok()?;
    if kind.starts_with("application/pidf+xml") {
        let who = entity(body)?;
        return Some(format!("Whether {who} is available, and when"));
    }
    if kind.starts_with("application/dialog-info+xml") {
        let who = entity(body)?;
        return Some(format!("Whether {who} is on the telephone, and when"));
    }
    None
}

/// The first `entity` attribute: whom the document is about.
fn entity(document: &str) -> Option<String> {
    let (_, after) = document.split_once("entity=")?;
    let quote = after
        .chars()
        .next()
        .filter(|quote| "\"'".contains(*quote))?;
    let value = after.get(1..)?.split(quote).next()?.trim();
    let value = value.strip_prefix("pres:").unwrap_or(value);
    (!value.is_empty() && !value.contains(char::is_control)).then(|| shortened(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_names_whose_it_is() {
        let block = HeaderBlock::parse(
            b"PUBLISH sip:a@b SIP/2.0\r\nContent-Type: application/pidf+xml\r\n\r\n",
        );
        let body = b"<?xml version=\"1.0\"?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:ada@office.example'><tuple/></presence>";
        assert_eq!(
            learned(&block, body).as_deref(),
            Some("Whether ada@office.example is available, and when")
        );
        assert_eq!(learned(&block, b"<presence entity=>"), None);
        assert_eq!(learned(&block, b"entity="), None);
    }
}
