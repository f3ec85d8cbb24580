//! What takes two conversations to know.
