//! Addresses and ports that the server hands out.
