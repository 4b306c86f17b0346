//! Services: a pure routing table and the data paths that carry it
