//! What can grow has a limit, so that a stranger's suite cannot exhaust the machine that reads it.

/// Bytes of a file.
pub const FILE_BYTES: usize = 1 << 20;
/// Bytes of a line.
pub const LINE_BYTES: usize = 4096;
/// Blocks within blocks.
pub const BLOCK_DEPTH: usize = 16;
/// Brackets within brackets in an expression.
pub const EXPRESSION_DEPTH: usize = 32;
/// Operators and indices on one line: a long chain is a deep tree.
pub const OPERATORS: usize = 256;
/// Fixtures that use fixtures.
pub const FIXTURE_DEPTH: usize = 16;
/// Instances of one test.
pub const INSTANCES: usize = 20_000;
/// Steps of one instance after expansion, each written step counted once.
pub const STEPS: usize = 10_000;
/// Steps of all instances of a run together, after expansion.
pub const PLAN_STEPS: usize = 5_000_000;
/// How long `impair` may hold a segment.
pub const IMPAIR_DELAY: std::time::Duration = std::time::Duration::from_secs(3_600);
/// What `impair` may count to.
pub const IMPAIR_ORDINAL: u32 = 1_000_000;
/// Rounds of `sample` and `repeat`.
pub const ROUNDS: i128 = 100_000;
