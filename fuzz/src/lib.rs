//! What all fuzz targets have in common: the allocator.
//!
//! An input of `stack_ops` asks for memory some hundred times. Where no sanitizer must see that, `mimalloc` answers
//! faster than glibc; the feature is off where it is not asked for (`cargo fuzz build`, ClusterFuzzLite, OSS-Fuzz).

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
