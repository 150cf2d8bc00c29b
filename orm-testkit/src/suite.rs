//! The list of cases.

/// Makes a test of every case for one backend.
///
/// `suite!(open)` or `suite!(open, lacks: [Lacks::Returning])`, where `open` is an [`Open`](crate::Open).
#[macro_export]
macro_rules! suite {
    ($open:expr) => {
        $crate::suite!($open, lacks: []);
    };
    ($open:expr, lacks: [$($lacks:expr),* $(,)?]) => {
        $crate::cases! { @tests $open, [$($lacks),*]; }
    };
}

/// Writes the list of cases once: as tests for a backend, and as names for the check that none is missing.
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($($how:tt)*) => {
        $crate::expand! { $($how)*
            select: [
                a_model_is_read_back_as_it_was_written,
            ],
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! expand {
    (@names $($area:ident: [$($case:ident),* $(,)?],)*) => {
        &[$((stringify!($area), &[$(stringify!($case)),*])),*]
    };
    (@tests $open:expr, $lacks:expr; $($area:ident: $cases:tt,)*) => {
        $( mod $area { #[allow(unused_imports, reason = "the opener may be named by a path")] use super::*; $crate::expand! { @area $area, $open, $lacks, $cases } } )*
    };
    (@area $area:ident, $open:expr, $lacks:expr, [$($case:ident),* $(,)?]) => {
        $crate::expand! { @each $area, $open, $lacks, $($case)* }
    };
    (@each $area:ident, $open:expr, $lacks:expr, $($case:ident)*) => {
        $( $crate::expand! { @one $area, $open, $lacks, $case } )*
    };
    (@one $area:ident, $open:expr, $lacks:expr, $case:ident) => {
        #[test]
        fn $case() -> $crate::TestResult {
            let runtime = $crate::__private::tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let db = $crate::TestDb::open($open, &$lacks).await;
                $crate::cases::$area::$case(&db).await
            })
        }
    };
}

#[cfg(test)]
mod tests {
    /// Every `pub async fn` of a case file must be in the list: a case that is not run proves nothing.
    #[test]
    fn every_case_is_in_the_list() {
        let listed: &[(&str, &[&str])] = crate::cases! { @names };
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
        let mut written = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the folder of cases") {
            let path = entry.expect("an entry").path();
            let area = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let text = std::fs::read_to_string(&path).expect("a case file");
            for line in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = line.split('(').next().unwrap_or_default();
                written.push(format!("{area}::{name}"));
            }
        }
        let listed = listed.iter().flat_map(|(area, names)| names.iter().map(move |name| format!("{area}::{name}")));
        let mut listed: Vec<String> = listed.collect();
        listed.sort();
        written.sort();
        assert_eq!(written, listed);
    }
}
