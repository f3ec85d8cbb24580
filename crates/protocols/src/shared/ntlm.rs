//! NTLM messages (MS-NLMP section 2.2.1), as they stand inside the authentication of other protocols.

use overheard_tap::{Cursor, Cut};

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// Message type of the AUTHENTICATE_MESSAGE.
const AUTHENTICATE: u32 = 3;
/// NTLMSSP_NEGOTIATE_UNICODE.
const UNICODE: u32 = 1;

/// Who logs in, where `token` holds an AUTHENTICATE_MESSAGE, bare or wrapped (SPNEGO); nothing where
/// it holds none. Anonymous logins give an empty name.
pub fn user(token: &[u8]) -> Option<String> {
    let start = token
        .windows(SIGNATURE.len())
        .position(|window| window == SIGNATURE)?;
    authenticate(token.get(start..)?).ok().flatten()
}

fn authenticate(message: &[u8]) -> Result<Option<String>, Cut> {
    let mut cursor = Cursor::new("ntlm", message);
    cursor.skip(SIGNATURE.len())?;
    if cursor.u32_le()? != AUTHENTICATE {
        return Ok(None);
    }
    // LmChallengeResponse, NtChallengeResponse and DomainName: length, maximal length, offset.
    cursor.skip(3 * 8)?;
    let length = usize::from(cursor.u16_le()?);
    cursor.skip(2)?;
    let offset = usize::try_from(cursor.u32_le()?).map_err(|_| cursor.wrong())?;
    // Workstation and EncryptedRandomSessionKey.
    cursor.skip(2 * 8)?;
    let flags = cursor.u32_le()?;
    let mut name = Cursor::new("ntlm user name", message);
    name.skip(offset)?;
    let name = name.take(length)?;
    if flags & UNICODE == 0 {
        return Ok(Some(String::from_utf8_lossy(name).into_owned()));
    }
    let units = name
        .chunks_exact(2)
        .filter_map(|pair| pair.first_chunk())
        .map(|pair| u16::from_le_bytes(*pair));
    Ok(Some(
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u32, flags: u32, name: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend([0; 24]);
        let length = u16::try_from(name.len()).unwrap();
        bytes.extend(length.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(64_u32.to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(flags.to_le_bytes());
        assert_eq!(bytes.len(), 64);
        bytes.extend(name);
        bytes
    }

    #[test]
    fn names_the_user_in_either_character_set() {
        assert_eq!(user(&message(3, 0, b"ada")).as_deref(), Some("ada"));
        assert_eq!(
            user(&message(3, UNICODE, b"a\0d\0a\0")).as_deref(),
            Some("ada")
        );
    }

    #[test]
    fn finds_the_message_inside_a_wrapper() {
        let wrapped = [b"\xa1\x82\x01\x00".to_vec(), message(3, 0, b"ada")].concat();
        assert_eq!(user(&wrapped).as_deref(), Some("ada"));
    }

    #[test]
    fn says_nothing_of_other_messages_and_of_cut_ones() {
        assert_eq!(user(&message(1, 0, b"ada")), None);
        let whole = message(3, 0, b"ada");
        for length in 0..whole.len() {
            assert_eq!(user(&whole[..length]), None, "{length} bytes");
        }
    }
}
