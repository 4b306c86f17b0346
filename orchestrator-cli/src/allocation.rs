//! The allocator of the program, which can count: what a store holds is told by what it asked for.
//!
//! Bytes as they are asked for, not as the allocator rounds them up or as the system counts pages,
//! so that the figure is the engine's own and the same on every machine. Counting costs nothing
//! while nobody does: one look at a flag that never changes.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use mimalloc::MiMalloc;

static COUNTING: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicIsize = AtomicIsize::new(0);

/// mimalloc with a counter.
pub struct Counting;

/// How many bytes `work`, and whatever runs beside it, asked for and did not give back; its result
/// is still there when they are counted.
pub fn held<T>(work: impl FnOnce() -> T) -> (T, isize) {
    COUNTING.store(true, Ordering::SeqCst);
    let before = BYTES.load(Ordering::SeqCst);
    let done = work();
    let held = BYTES.load(Ordering::SeqCst) - before;
    COUNTING.store(false, Ordering::SeqCst);
    (done, held)
}

#[inline]
fn count(more: usize, less: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        // No allocation is larger than half of all addresses.
        BYTES.fetch_add(more.cast_signed() - less.cast_signed(), Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on unchanged; the counter touches no memory of others.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_there_is_counted() {
        const LARGE: usize = 64 << 20;
        let (kept, held) = held(|| {
            drop(vec![1_u8; LARGE]);
            vec![1_u8; LARGE]
        });
        // Other tests run beside this one, with less.
        let held = held.cast_unsigned();
        assert!((LARGE / 2..LARGE * 3 / 2).contains(&held), "{held} of {}", kept.len());
    }
}
