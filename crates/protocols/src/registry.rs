//! The one list of protocols.

/// Declares the modules of the protocols and lists their `PROTOCOL` entries, in this order: where two
/// protocols recognise a conversation with equal weight, the earlier one gets it.
macro_rules! protocols {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every protocol that the tap understands.
        pub static PROTOCOLS: &[&overheard_tap::Protocol] = &[$(&$name::PROTOCOL),*];
    };
}
pub(crate) use protocols;
