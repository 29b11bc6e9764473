//! Here would be your stack; smoltcp stands for it. See tests/conformance.rs.
