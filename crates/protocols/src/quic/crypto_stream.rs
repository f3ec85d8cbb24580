//! The stream of CRYPTO frames (RFC 9000 section 19.6): pieces of the handshake, in any order.

use overheard_tap::{Cursor, Evidence};

/// Bytes of the handshake that one side may say in Initial packets; what lies beyond is set aside.
pub(super) const MAX_CRYPTO: usize = 16 * 1024;

/// Pieces that may lie apart from each other.
const MAX_PIECES: usize = 256;

/// What one side said in CRYPTO frames.
#[derive(Debug, Default)]
pub(super) struct CryptoStream {
    data: Vec<u8>,
    /// What is there, as start and end, ascending and apart from each other.
    pieces: Vec<(usize, usize)>,
    /// Where the next message begins.
    next: usize,
    /// Frames that brought something since the last message was whole.
    pub(super) evidence: Evidence,
}

impl CryptoStream {
    /// Memory that it takes, in bytes.
    pub(super) fn held(&self) -> usize {
        self.data.capacity() + self.pieces.capacity() * size_of::<(usize, usize)>()
    }

    /// Puts a piece in its place; the first copy of a byte stays. `false` where a limit set it aside.
    pub(super) fn insert(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let Ok(start) = usize::try_from(offset) else {
            return false;
        };
        let Some(end) = start.checked_add(bytes.len()) else {
            return false;
        };
        if end > MAX_CRYPTO || self.pieces.len() >= MAX_PIECES {
            return false;
        }
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        let mut at = start;
        for &(from, to) in &self.pieces {
            if to <= at {
                continue;
            }
            if from >= end {
                break;
            }
            copy(&mut self.data, bytes, start, at, from);
            at = to;
        }
        copy(&mut self.data, bytes, start, at, end);
        self.join(start, end);
        true
    }

    /// Notes that `start` to `end` is there.
    fn join(&mut self, start: usize, end: usize) {
        let first = self.pieces.partition_point(|&(_, to)| to < start);
        let touched = self.pieces.iter().skip(first);
        let count = touched.take_while(|&&(from, _)| from <= end).count();
        let whole = self
            .pieces
            .drain(first..first + count)
            .fold((start, end), |whole, piece| {
                (whole.0.min(piece.0), whole.1.max(piece.1))
            });
        self.pieces.insert(first, whole);
    }

    /// What is there without a hole, from the beginning.
    pub(super) fn beginning(&self) -> &[u8] {
        match self.pieces.first() {
            Some(&(0, end)) => self.data.get(..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether nothing of a message waits for the rest of it.
    pub(super) fn is_between_messages(&self) -> bool {
        self.pieces.as_slice() == [(0, self.next)]
    }

    /// The next handshake message, once it is whole: its number and its body.
    pub(super) fn message(&mut self) -> Option<(u8, &[u8])> {
        let &(0, end) = self.pieces.first()? else {
            return None;
        };
        let mut cursor = Cursor::new("quic handshake", self.data.get(self.next..end)?);
        let kind = cursor.u8().ok()?;
        let length = usize::try_from(cursor.u24().ok()?).ok()?;
        let body = cursor.take(length).ok()?;
        self.next += cursor.position();
        Some((kind, body))
    }
}

/// Copies the part `from` to `to` of a piece that begins at `start`; nothing where that is no range.
fn copy(data: &mut [u8], piece: &[u8], start: usize, from: usize, to: usize) {
    if let (Some(target), Some(source)) = (
        data.get_mut(from..to),
        from.checked_sub(start)
            .zip(to.checked_sub(start))
            .and_then(|(from, to)| piece.get(from..to)),
    ) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_give_the_message_once() {
        let message = [1, 0, 0, 6, 10, 11, 12, 13, 14, 15];
        let pieces = [(0, 3), (2, 5), (4, 8), (7, 10)];
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
        for order in orders {
            let mut stream = CryptoStream::default();
            let mut found = Vec::new();
            for index in order {
                let (from, to) = pieces[index];
                assert!(stream.insert(from as u64, &message[from..to]));
                if let Some((kind, body)) = stream.message() {
                    found.push((kind, body.to_vec()));
                }
            }
            assert_eq!(found, [(1, message[4..].to_vec())], "{order:?}");
            assert_eq!(stream.message(), None);
        }
    }

    #[test]
    fn the_first_copy_of_a_byte_stays() {
        let mut stream = CryptoStream::default();
        stream.insert(5, &[5]);
        stream.insert(0, &[2, 0, 0, 3, 9, 9, 9]);
        assert_eq!(stream.message(), Some((2, &[9, 5, 9][..])));
    }

    #[test]
    fn a_hello_in_frames_of_a_byte_is_heard_in_any_order_that_stays_within_the_pieces() {
        let message: Vec<u8> = [&[1, 0, 0x0f, 0xa0][..], &[7; 4000]].concat();
        let backwards: Vec<usize> = (0..message.len()).rev().collect();
        // Far and near in turn: as many pieces as may lie apart, again and again.
        let strides = (0..message.len()).map(|at| (at % 200) * 20 + at / 200);
        let strides: Vec<usize> = strides
            .filter(|at| *at < message.len())
            .chain(4000..4004)
            .collect();
        for order in [backwards, strides] {
            let mut stream = CryptoStream::default();
            for at in order {
                assert!(stream.insert(at as u64, &message[at..at + 1]));
                assert!(stream.pieces.len() <= MAX_PIECES);
            }
            assert_eq!(stream.message(), Some((1, &message[4..])));
        }
    }

    #[test]
    fn limits_set_aside() {
        let mut stream = CryptoStream::default();
        assert!(!stream.insert(MAX_CRYPTO as u64, &[1]));
        assert!(!stream.insert(u64::MAX, &[1]));
        for piece in 0..MAX_PIECES {
            assert!(stream.insert(2 * piece as u64, &[1]));
        }
        assert!(!stream.insert(2 * MAX_PIECES as u64, &[1]));
        assert!(stream.data.len() <= MAX_CRYPTO);
    }
}
