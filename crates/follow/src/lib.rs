//! Conversations: defragmentation, the flow table, streams, limits.
