//! The bytes of a fuzzer, read as choices. An input that is used up gives zeros, which everywhere mean the
//! plainest choice.

use arbitrary::Unstructured;

/// What is left of an input.
#[derive(Debug)]
pub(super) struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub(super) fn word(&mut self) -> u16 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub(super) fn long(&mut self) -> u32 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// A small number of either sign.
    pub(super) fn small(&mut self) -> i32 {
        i32::from(self.byte().cast_signed())
    }

    /// One of these; the first when nothing is left.
    pub(super) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }
}
