//! Store engines over one versioned state machine
