//! From a Rust name to a name in the database, and to the names of generated items.

use syn::ext::IdentExt;

/// How the words of a name are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Snake,
    Lower,
    Upper,
    ScreamingSnake,
    Pascal,
    Camel,
    Kebab,
}

impl Case {
    /// Every case by the word that chooses it.
    pub(crate) const ALL: [(&'static str, Case); 7] = [
        ("snake_case", Case::Snake),
        ("lowercase", Case::Lower),
        ("UPPERCASE", Case::Upper),
        ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
        ("PascalCase", Case::Pascal),
        ("camelCase", Case::Camel),
        ("kebab-case", Case::Kebab),
    ];

    /// Writes `name`, in whatever case it is, in this one.
    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        match self {
            Case::Snake => words.join("_"),
            Case::Lower => words.concat(),
            Case::Upper => words.concat().to_uppercase(),
            Case::ScreamingSnake => words.join("_").to_uppercase(),
            Case::Pascal => words.iter().map(|word| capitalized(word)).collect(),
            Case::Camel => match words.split_first() {
                Some((first, rest)) => rest.iter().fold(first.clone(), |name, word| name + &capitalized(word)),
                None => String::new(),
            },
            Case::Kebab => words.join("-"),
        }
    }
}

/// The name without `r#`.
pub(crate) fn plain(ident: &proc_macro2::Ident) -> String {
    ident.unraw().to_string()
}

/// The words of a name, in lower case. A word begins after a `_`, at a capital after a small letter or a digit, and at
/// the last capital of several: `HTTPServer` is `http server`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before)).copied().unwrap_or('_');
        let after_is_small = letters.get(index + 1).is_some_and(|after| after.is_lowercase());
        let begins = letter.is_uppercase() && (!before.is_uppercase() || after_is_small);
        if letter == '_' || begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_name_becomes_a_table_name() {
        for (name, table) in [
            ("User", "user"),
            ("PostTag", "post_tag"),
            ("HTTPServer", "http_server"),
            ("OAuth2Token", "o_auth2_token"),
            ("Áccent", "áccent"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(Case::Snake.apply(name), table);
        }
    }

    #[test]
    fn every_case_joins_the_words_its_own_way() {
        let joined = Case::ALL.map(|(_, case)| case.apply("InReview"));
        let expected = ["in_review", "inreview", "INREVIEW", "IN_REVIEW", "InReview", "inReview", "in-review"];
        assert_eq!(joined, expected);
    }

    #[test]
    fn a_field_name_becomes_a_type_parameter() {
        assert_eq!(Case::Pascal.apply("author_id"), "AuthorId");
        assert_eq!(Case::Pascal.apply("_hidden"), "Hidden");
    }
}
