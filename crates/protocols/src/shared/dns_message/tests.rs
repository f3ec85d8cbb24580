use super::*;

fn name_at(message: &[u8], offset: usize) -> Result<(String, usize), Cut> {
    let mut cursor = Cursor::new("test", message);
    cursor.skip(offset).unwrap();
    Name::read(message, &mut cursor).map(|name| (name.text(), cursor.position()))
}

#[test]
fn a_name_is_lower_case_without_a_trailing_dot() {
    assert_eq!(
        name_at(b"\x03WwW\x07ExAmPlE\0rest", 0),
        Ok(("www.example".into(), 13))
    );
}

#[test]
fn the_root_is_empty() {
    assert_eq!(name_at(b"\0", 0), Ok((String::new(), 1)));
}

#[test]
fn a_pointer_leads_back_and_reading_goes_on_behind_it() {
    assert_eq!(
        name_at(b"\x07example\0\x04mail\xc0\x00rest", 9),
        Ok(("mail.example".into(), 16))
    );
}

#[test]
fn a_pointer_to_itself_and_a_ring_of_pointers_are_refused() {
    assert!(name_at(b"\xc0\x00", 0).is_err());
    assert!(name_at(b"\xc0\x02\xc0\x00", 0).is_err());
    assert!(name_at(b"\x01a\xc0\x00", 0).is_err());
}

#[test]
fn a_pointer_out_of_the_message_is_refused() {
    assert!(name_at(b"\xc0\x02", 0).is_err());
    assert!(name_at(b"\xff\xff", 0).is_err());
}

#[test]
fn label_types_other_than_those_of_rfc_1035_are_refused() {
    assert!(name_at(b"\x41a\0", 0).is_err());
    assert!(name_at(b"\x81a\0", 0).is_err());
}

#[test]
fn a_name_has_255_bytes_at_most() {
    let mut longest = Vec::new();
    for _ in 0..127 {
        longest.extend(b"\x01a");
    }
    longest.push(0);
    assert_eq!(longest.len(), 255);
    assert_eq!(name_at(&longest, 0).unwrap().1, 255);
    longest.splice(0..2, *b"\x02aa");
    assert!(name_at(&longest, 0).is_err());
}

#[test]
fn what_is_not_printable_is_escaped_in_decimal() {
    assert_eq!(
        name_at(b"\x06a.b\\ \xff\x01c\0", 0),
        Ok(("a\\046b\\092\\032\\255.c".into(), 10))
    );
}

#[test]
fn names_are_equal_whatever_their_case_and_compression() {
    let message = b"\x01A\x01b\0\x01a\xc0\x02";
    let mut cursor = Cursor::new("test", message);
    let plain = Name::read(message, &mut cursor).unwrap();
    let compressed = Name::read(message, &mut cursor).unwrap();
    assert!(plain == compressed);
    assert!(cursor.is_empty());
}

const QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

#[test]
fn a_query_is_whole() {
    let (header, question) = whole(QUERY).unwrap();
    assert!(header.is_usual());
    assert!(!header.is_response());
    assert_eq!(question.unwrap().name.text(), "www.example");
}

#[test]
fn every_cut_and_every_addition_makes_a_message_less_than_whole() {
    for length in 0..QUERY.len() {
        assert!(whole(&QUERY[..length]).is_none(), "{length}");
    }
    let mut longer = QUERY.to_vec();
    longer.push(0);
    assert!(whole(&longer).is_none());
}

#[test]
fn a_record_gives_its_address() {
    let bytes = b"\0\0\x80\0\0\0\0\x01\0\0\0\0\x01a\0\0\x01\x80\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
    let mut message = Message::new(bytes).unwrap();
    let record = message.record().unwrap();
    assert_eq!(record.address(), Some([192, 0, 2, 1].into()));
    assert_eq!(message.position(), bytes.len());
}
