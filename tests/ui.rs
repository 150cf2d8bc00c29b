//! Programs that must not compile, each with its message, and programs that must.
//!
//! A program in `ui/` has one mistake and is named after it; `compiles/` holds what has none. Read a new message aloud
//! before it is kept: does it say what to do? `TRYBUILD=overwrite cargo test -p orm-tests --test ui` writes them anew.

mod compiles;

#[test]
fn a_mistake_is_a_compile_error_that_names_the_mend() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
