//! DNS messages that HTTP carries (RFC 8484): in the body, or in the query of a target.

use overheard_tap::Notes;

use super::base64;
use super::dns_listener::{Habits, Listener};
use super::dns_message::whole;

/// The media type of a DNS message.
pub const MEDIA_TYPE: &str = "application/dns-message";

static HABITS: Habits = Habits {
    source: "dns-query",
    owners: false,
    zone_transfer: None,
};

/// Hears the messages of one conversation.
pub struct DnsOverHttp(Listener);

impl Default for DnsOverHttp {
    fn default() -> DnsOverHttp {
        DnsOverHttp(Listener::new(&HABITS))
    }
}

impl DnsOverHttp {
    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        self.0.held()
    }

    /// Hears what may be a message.
    pub fn hear(&mut self, message: &[u8], notes: &mut Notes<'_>) {
        if whole(message).is_some() {
            // What cannot be read of it says nothing; its bytes are booked as HTTP.
            let _ = self.0.message(message, notes);
        }
    }
}

/// The message in a target `/dns-query?dns=...` (RFC 8484 section 6).
pub fn in_target(target: &str) -> Option<Vec<u8>> {
    let (_, query) = target.split_once('?')?;
    let coded = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("dns="))?;
    // Of RFC 4648 section 5, where two characters are others.
    let coded: Vec<u8> = coded
        .bytes()
        .map(|digit| match digit {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    base64::decode(&coded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_a_target_is_found() {
        // The example of RFC 8484 section 4.1.1.
        let target = "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        let message = in_target(target).unwrap();
        assert!(whole(&message).is_some());
        assert_eq!(
            in_target("/x?a=b&dns=-_8").as_deref(),
            Some(&b"\xfb\xff"[..])
        );
        assert_eq!(in_target("/x?udns=AAAA"), None);
        assert_eq!(in_target("/x?dns=%"), None);
    }
}
