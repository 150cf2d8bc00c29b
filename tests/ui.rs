//! Programs that must not compile, each with its message, and programs that must.
//!
//! A program of `ui/` has one mistake and is named after it. Read a new message aloud before it is kept: does it say
//! what to do? `TRYBUILD=overwrite cargo test -p orm-tests --test ui` writes the messages anew.

#[test]
fn a_mistake_is_a_compile_error_that_names_the_mend() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
