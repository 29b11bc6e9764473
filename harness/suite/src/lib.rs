//! The suite language `.tcpt`: parser, checker, formatter, and the plan that comes out.
//!
//! ```text
//! text ─ parse ─► ast::Suite ─ load ─► plan::Plan ─ Instance::lower ─► steps for the engine
//! ```
//!
//! Pure: files are given as text, and nothing is printed.  docs/format.md describes the language.

pub mod ast;
mod check;
mod crossrefs;
pub mod diagnostic;
mod expr;
pub mod impair;
pub mod limits;
mod load;
mod lower;
mod parser;
pub mod plan;
mod print;
mod requirements;
mod spans;
pub mod vocabulary;

pub use crossrefs::{CrossRef, CrossRefs, CrossRefsError, System};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use load::{load, load_exhaustive};
pub use parser::{parse, parse_expr, parse_shared};
pub use plan::{Instance, Level, Needs, Plan, SourceFile};
pub use print::format;
pub use requirements::{Basis, KeyWord, Observable, Requirement, Requirements, RequirementsError};
pub use spans::Spans;
