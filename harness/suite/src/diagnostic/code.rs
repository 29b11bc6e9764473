//! The closed table of diagnostics.

/// Whether a suite can be run in spite of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can.
    Warning,
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $doc:literal,)*) => {
        /// What can be wrong with a suite.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $doc] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, as rendered and as in docs/format.md.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Error or warning.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it means, one sentence.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

codes! {
    Header "header" Error "The file does not begin with `tcpt 1` and `suite \"…\"`.",
    Syntax "syntax" Error "Something else was expected here.",
    Notation "notation" Error "The notation of segments was not understood: a flag, field, option or value.",
    Reserved "reserved" Error "The word is reserved for a later version of the language.",
    Unclosed "unclosed" Error "A brace, string or parameter is not closed.",
    Limit "limit" Error "The file, its nesting, a number or the number of instances is beyond the limit.",
    UnknownItem "unknown-item" Error "Neither `test`, `fixture` nor `rules` stands at the top of a file.",
    UnknownStep "unknown-step" Error "No step and no directive begins with this word.",
    UnknownField "unknown-field" Error "No field and no clause of a segment has this name.",
    MisplacedDirective "misplaced-directive" Error "A directive stands behind the first step, or where only steps may stand.",
    DuplicateDirective "duplicate-directive" Error "A directive that may stand once stands twice.",
    DuplicateField "duplicate-field" Error "A field or clause stands twice in one step.",
    MissingTitle "missing-title" Error "A test has no `title`.",
    MissingSpec "missing-spec" Error "A test, or an instance of it, cites no requirement.",
    TableShape "table-shape" Error "A row of a table has more or fewer cells than its header.",
    EmptyBlock "empty-block" Error "A block that must hold something is empty.",
    BadName "bad-name" Error "A slug, label or other name has characters that are not allowed in it.",
    DuplicateTest "duplicate-test" Error "Two tests of a folder have the same slug.",
    DuplicateFixture "duplicate-fixture" Error "Two fixtures that a file can see have the same name.",
    DuplicateParameter "duplicate-parameter" Error "A parameter is defined twice.",
    DuplicateLabel "duplicate-label" Error "A label or array is bound twice.",
    DuplicateInstance "duplicate-instance" Error "Two instances of a test have the same id.",
    UnknownParameter "unknown-parameter" Error "`${…}` names no parameter.",
    UnusedParameter "unused-parameter" Warning "A parameter is defined but not used.",
    BadValue "bad-value" Error "The value of a parameter cannot be read where it is used.",
    UnknownSymbol "unknown-symbol" Error "An expression names something that the model does not have.",
    UnknownProfile "unknown-profile" Error "`profile.…` names a value that targets do not have.",
    UnknownLabel "unknown-label" Error "No step binds this label, or only a later one.",
    UnknownConnection "unknown-connection" Error "The connection is not opened by `conn` or a step before.",
    UnknownFunction "unknown-function" Error "No function has this name.",
    Arity "arity" Error "A function or fixture is given the wrong number of arguments.",
    Type "type" Error "A value has the wrong type: a number for a duration, an array for a number.",
    UnknownFixture "unknown-fixture" Error "No fixture has this name.",
    FixtureRecursion "fixture-recursion" Error "A fixture uses itself.",
    UnknownRequirement "unknown-requirement" Error "The id is not in requirements.toml.",
    UnknownCrossref "unknown-crossref" Error "`also` names a test that crossrefs.toml does not know.",
    UnknownFeature "unknown-feature" Error "`given` names a feature that targets do not know.",
    UnknownService "unknown-service" Error "`service` names no plain service.",
    UnknownState "unknown-state" Error "The state is none of RFC 9293's eleven.",
    UnknownPath "unknown-path" Error "`via` names no path that leads to this state.",
    UnknownIcmp "unknown-icmp" Error "The ICMP message has no such name.",
    UnknownSetting "unknown-setting" Error "`app set` names nothing that an application can set, or `app … expect` no event or error.",
    FieldNotHere "field-not-here" Error "The field, value or relation makes sense only in the other direction.",
    BranchStart "branch-start" Error "A branch of `either`, or a step of `unordered`, does not begin with `>`.",
    BranchesAlike "branches-alike" Error "Two branches of `either` begin with the same `>`: the first would always be taken.",
    NoProofOfLife "no-proof-of-life" Warning "Nothing shows that the target still lives after `> nothing`: a dead target would pass.",
    NothingExpected "nothing-expected" Warning "The test expects nothing of the target: it cannot fail.",
    DuplicateRules "duplicate-rules" Error "Two `rules` of a file have the same name.",
    UnknownRules "unknown-rules" Error "No `rules` of the file have this name.",
    UnknownValue "unknown-value" Error "A row of `rules` names a value that the parameter does not have in any test that goes by them.",
    RuleMissing "rule-missing" Error "An instance matches no row of its `rules`.",
    RuleUnreached "rule-unreached" Error "No instance comes to a row of `rules`: it matches none, or rows above it take all that it matches.",
    RuleSameAs "rule-same-as" Error "`same-as` leads to no cell, or to one that is left out itself.",
    UnusedFixture "unused-fixture" Warning "A fixture of the file is not used by its tests.",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
