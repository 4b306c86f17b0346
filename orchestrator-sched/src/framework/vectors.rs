//! Loops over nodes in the widest vectors of the processor.

/// Runs `work` as compiled for the vectors of this processor: a plain loop inside is turned into
/// vectors of up to 512 bits, though the program runs on every processor of its kind.
///
/// It is for loops over slices of numbers, of some hundred entries at least, without calls that
/// are not inlined; the result is the same as without.
///
/// # Examples
/// ```
/// use orchestrator_sched::framework::widest;
/// let (has, taken) = ([8_i64; 100], [3_i64; 100]);
/// let mut left = [0; 100];
/// widest(|| {
///     for (left, (has, taken)) in left.iter_mut().zip(has.iter().zip(&taken)) {
///         *left = has - taken;
///     }
/// });
/// assert_eq!(left, [5; 100]);
/// ```
#[inline]
#[allow(unsafe_code)]
pub fn widest<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
        {
            // SAFETY: the processor has AVX-512.
            return unsafe { with_avx512(work) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { with_avx2(work) };
        }
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx2")]
fn with_avx512<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<T>(work: impl FnOnce() -> T) -> T {
    work()
}
