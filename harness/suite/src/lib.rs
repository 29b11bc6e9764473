//! The suite language `.tcpt`: parser, checker, formatter, and the plan that comes out.

pub mod ast;
pub mod plan;
