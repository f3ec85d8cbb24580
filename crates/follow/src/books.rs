//! The books of one conversation (law 1).

use overheard_ledger::{Account, Accounts};

use crate::conflict::Conflicts;

/// The largest hole in a stream that is believed, in bytes: a sequence number from nowhere must not make
/// gigabytes go missing.
pub(crate) const PLAUSIBLE_HOLE: u64 = 64 << 20;

/// Where the payload bytes of a conversation ended, and how many of them never arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// The accounts.
    pub(crate) accounts: Accounts,
    /// Payload bytes that arrived, on the wire.
    pub(crate) arrived: u64,
    /// Bytes booked as missing that no frame brought: holes in streams.
    pub(crate) holes: u64,
    /// Records and hints set aside by a limit.
    pub(crate) set_aside: u64,
    /// Where two different copies of the same bytes were seen.
    pub(crate) conflicts: Conflicts,
}

impl Books {
    /// Books bytes of a stream that no frame brought, as far as they are believed.
    pub(crate) fn hole(&mut self, bytes: u64) {
        if bytes <= PLAUSIBLE_HOLE {
            self.accounts.add(Account::Missing, bytes);
            self.holes += bytes;
        }
    }

    /// Books `taken` bytes that an analyzer took: to `read`, but for those that it booked `apart`.
    pub(crate) fn take(&mut self, taken: usize, apart: Accounts) {
        let taken = taken as u64;
        if apart.total() <= taken {
            self.accounts += apart;
            self.accounts.add(Account::Read, taken - apart.total());
        } else {
            debug_assert!(
                false,
                "an analyzer booked {} bytes of {taken} that it took",
                apart.total()
            );
            self.accounts.add(Account::Read, taken);
        }
    }
}
