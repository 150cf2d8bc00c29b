//! `#[derive(Model)]`: parse, check, emit.

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::{check, emit, fallback, parse};

/// Everything that `#[derive(Model)]` writes.
pub(crate) fn derive(input: &syn::DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let Some(model) = parse::model(input, &mut errors) else {
        return errors.to_tokens();
    };
    check::model(&model, &mut errors);
    if errors.is_empty() { emit::model(&model) } else { fallback::model(model, &errors) }
}

#[cfg(test)]
mod tests {
    use super::derive;
    use crate::testing::{assert_errors, derived};

    /// Asserts what is reported for a model with a key and these fields.
    fn assert_field_errors(fields: &str, expected: &[&str]) {
        assert_errors(derive, &format!("struct User {{ #[model(primary_key)] id: i64, {fields} }}"), expected);
    }

    /// Asserts what is reported for a model with this attribute and the fields `id`, `name` and `note`.
    fn assert_struct_errors(attribute: &str, expected: &[&str]) {
        let fields = "#[model(primary_key)] id: i64, name: String, #[model(skip)] note: String";
        assert_errors(derive, &format!("#[model({attribute})] struct User {{ {fields} }}"), expected);
    }

    #[test]
    fn only_structs_with_named_fields_are_models() {
        let repair = "`Model` is derived for a struct with named fields";
        assert_errors(derive, "enum A { B }", &[repair]);
        assert_errors(derive, "struct A(i64);", &[repair]);
        assert_errors(derive, "struct A;", &[repair]);
        let generic = "`Model` cannot be derived for a type with generic parameters";
        assert_errors(derive, "struct A<T> { id: T }", &[generic]);
        assert_errors(derive, "struct A<'a> { id: &'a str }", &[generic]);
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let source = "#[model(tabel = \"users\", index(nam))] struct User {
            #[model(primary_key, max_length = 5)] id: i64,
            #[model(on_delete = set_null)] team_id: i64,
        }";
        assert_errors(
            derive,
            source,
            &[
                "unknown attribute `tabel`; on a model there are `table`, `schema`, `primary_key`, `unique`, `index`, `unique_index`, `check`, `exclude`, `belongs_to`, `has_many`, `has_one`, `many_to_many`, `crate`",
                "`User` has no field `nam`",
                "`max_length` needs a `String` or an `Option<String>`",
                "`on_delete = set_null` needs `Option<i64>` here",
                "`on_delete` needs a foreign key: add `belongs_to(name: Model)`",
            ],
        );
    }

    #[test]
    fn unknown_attributes_list_the_known() {
        assert_field_errors(
            "#[model(uniqe)] name: String",
            &[
                "unknown attribute `uniqe`; on a field there are `column`, `primary_key`, `natural`, `generated`, `unique`, `index`, `max_length`, `default`, `default_sql`, `sequence`, `default_on_update`, `version`, `computed`, `check`, `belongs_to`, `on_delete`, `on_update`, `delete_orphans`, `deferrable`, `skip`",
            ],
        );
    }

    #[test]
    fn an_attribute_of_the_wrong_form_shows_the_right_one() {
        assert_struct_errors("table(users)", &["write `table = \"..\"`"]);
        assert_struct_errors("table = users", &["write `table = \"..\"`"]);
        assert_struct_errors("table = \"\"", &["an empty string names nothing"]);
        assert_struct_errors("index", &["write `index(a, b)`"]);
        assert_struct_errors("unique(\"name\")", &["expected a field's name"]);
        assert_struct_errors(
            "unique(name, where = \"x\")",
            &["unknown attribute `where`; on a list of fields there are `name`, `deferrable`"],
        );
        assert_struct_errors(
            "index(name, method = tree)",
            &["`method` is one of `btree`, `hash`, `gin`, `gist`, `spgist`, `brin`"],
        );
        assert_struct_errors("exclude(name)", &["write `exclude(room with \"=\", during with \"&&\")`"]);
        assert_struct_errors("exclude(nam with \"=\")", &["`User` has no field `nam`"]);
        assert_struct_errors("check(name = \"c\", 5)", &["write `check = \"age >= 18\"`"]);
        assert_struct_errors("table = \"a\", table = \"b\"", &["`table` is given twice"]);
        assert_struct_errors("has_many(posts: Post)", &["write `has_many(posts: Post.author_id)`"]);
        assert_struct_errors("has_one(profile)", &["write `has_one(profile: Profile.user_id)`"]);
        assert_struct_errors(
            "many_to_many(tags: Tag by PostTag)",
            &["write `many_to_many(tags: Tag through PostTag)`"],
        );
        assert_field_errors("#[model = \"x\"] name: String", &["write `#[model(..)]`"]);
        assert_field_errors("#[model(unique = true)] name: String", &["`unique` stands alone here, without a value"]);
        assert_field_errors("#[model(max_length = \"5\")] name: String", &["write `max_length = 255`"]);
        assert_field_errors(
            "#[model(max_length = 0)] name: String",
            &["`max_length` is a number from 1 to 4294967295"],
        );
        assert_field_errors("#[model(default)] hits: i32", &["write `default = <value>`"]);
        assert_field_errors(
            "#[model(belongs_to(team: Team), on_delete = nullify)] team_id: i64",
            &["`on_delete` is one of `cascade`, `restrict`, `set_null`, `set_default`, `no_action`"],
        );
        assert_field_errors(
            "#[model(belongs_to(Team))] team_id: i64",
            &["write `belongs_to(author: User)`: a name for the relation, and the model"],
        );
        assert_field_errors(
            "#[model(belongs_to(a: A, b: B))] team_id: i64",
            &["a field belongs to one model; a key of several columns is written on the struct"],
        );
    }

    #[test]
    fn a_model_has_a_primary_key() {
        let none = "`User` has no primary key: put `#[model(primary_key)]` on a field";
        assert_errors(derive, "struct User { id: i64 }", &[none]);
    }

    #[test]
    fn a_primary_key_is_said_once_and_never_null() {
        assert_struct_errors(
            "primary_key(name)",
            &["the struct's `primary_key(..)` lists the key already: remove one of the two"],
        );
        let null = "a primary key is never NULL: make the field `i64`";
        assert_errors(derive, "struct A { #[model(primary_key)] id: Option<i64> }", &[null]);
    }

    #[test]
    fn where_a_key_comes_from_is_said_of_keys_and_once() {
        let key = |attributes: &str| format!("struct A {{ #[model(primary_key, {attributes})] id: i64 }}");
        assert_errors(derive, &key("generated, natural"), &["`generated` and `natural` exclude each other"]);
        assert_errors(derive, &key("generated, default = 5"), &["`generated` and `default` exclude each other"]);
        assert_field_errors("#[model(natural)] code: i64", &["`natural` is said of a primary key: add `primary_key`"]);
        assert_field_errors(
            "#[model(primary_key, generated)] code: i64",
            &["only a primary key of a single column can be `generated`"],
        );
    }

    #[test]
    fn groups_name_columns_once() {
        assert_struct_errors("index(name, nme)", &["`User` has no field `nme`"]);
        assert_struct_errors("unique(note)", &["the field `note` is skipped, so it is no column"]);
        assert_struct_errors("unique(name, name)", &["`name` is listed twice"]);
    }

    #[test]
    fn what_an_index_does_not_say_is_not_written() {
        let model = |attribute: &str| {
            derived(
                derive,
                &format!("#[model({attribute})] struct A {{ #[model(primary_key)] id: i64, name: String }}"),
            )
        };
        let plain = model("index(id, name)");
        assert!(plain.contains("IndexMeta :: new (:: core :: option :: Option :: None , & [0u16 , 1u16])"), "{plain}");
        let all = model("unique_index(name, \"lower(name)\", where = \"id > 5\", method = gin, name = \"x\")");
        let options = "unique : true , filter : :: core :: option :: Option :: Some (\"id > 5\") ,";
        assert!(all.contains(options) && all.contains("expressions : & [\"lower(name)\"]"), "{all}");
        assert!(all.contains("IndexMethod :: Gin"), "{all}");
        let exclusion = model("exclude(name with \"=\", id with \"&&\", where = \"id > 5\")");
        assert!(exclusion.contains("columns : & [(1u16 , \"=\") , (0u16 , \"&&\")]"), "{exclusion}");
    }

    #[test]
    fn a_sequence_is_named_in_quotes() {
        let code = derived(derive, "struct A { #[model(primary_key)] id: i64, #[model(sequence = \"it's\")] n: i64 }");
        assert!(code.contains(r#". sequence ("it's" , "nextval('\"it''s\"')")"#), "{code}");
        assert_field_errors(
            "#[model(sequence = \"s\", default = 1)] n: i64",
            &["`sequence` and `default` exclude each other"],
        );
    }

    #[test]
    fn only_constraints_are_deferrable() {
        assert_field_errors(
            "#[model(deferrable = initially_deferred)] n: i64",
            &[
                "`deferrable` needs a foreign key: add `belongs_to(name: Model)`; for a unique constraint write `unique(a, deferrable = initially_deferred)` on the struct",
            ],
        );
        assert_field_errors(
            "#[model(belongs_to(b: B), deferrable = later)] n: i64",
            &["`deferrable` is one of `initially_deferred`, `initially_immediate`"],
        );
    }

    #[test]
    fn a_skipped_field_says_nothing_else() {
        assert_field_errors(
            "#[model(skip, unique)] note: String",
            &["a skipped field is not a column: remove `unique` or `skip`"],
        );
    }

    #[test]
    fn columns_and_relations_have_names_of_their_own() {
        assert_field_errors(
            "#[model(column = \"n\")] a: i64, #[model(column = \"n\")] b: i64",
            &["the field `a` has the column `n` already"],
        );
        assert_field_errors(
            "name: i64, #[model(belongs_to(name: Team))] team_id: i64",
            &["there is a field `name` already: give the relation another name"],
        );
        assert_struct_errors(
            "has_many(posts: Post.a_id, posts: Post.b_id)",
            &["there is a relation `posts` already: give the relation another name"],
        );
    }

    #[test]
    fn a_model_has_at_most_256_columns() {
        let fields: String = (0..256).map(|index| format!("f{index}: i64,")).collect();
        assert_field_errors(&fields, &["a model has at most 256 columns"]);
    }

    #[test]
    fn foreign_key_actions_fit_their_column() {
        assert_field_errors(
            "#[model(belongs_to(team: Team), on_update = set_default)] team_id: i64",
            &["`on_update = set_default` needs a default in the database: `default_sql = \"..\"`"],
        );
        assert_field_errors(
            "#[model(on_update = cascade)] team_id: i64",
            &["`on_update` needs a foreign key: add `belongs_to(name: Model)`"],
        );
    }

    #[test]
    fn a_default_is_rust_or_sql() {
        assert_field_errors(
            "#[model(default = 0, default_sql = \"0\")] hits: i64",
            &["`default` and `default_sql` exclude each other: the builder sends the one, the server gives the other"],
        );
    }

    #[test]
    fn a_default_on_update_is_also_the_first_value() {
        let code = derived(
            derive,
            "struct A { #[model(primary_key)] id: i64, #[model(default_on_update = now())] at: Time,
                        #[model(default = 1, default_on_update = 2)] b: i64,
                        #[model(default_sql = \"0\", default_on_update = 3)] c: i64 }",
        );
        let set = "fn set_update_defaults (& mut self) { self . at = :: core :: convert :: Into :: < Time > :: into (now ()) ; self . b = 2 ; self . c = 3 ; }";
        assert!(code.contains(set), "{code}");
        let start = "at : :: core :: convert :: Into :: < Time > :: into (now ()) , b : 1 , c : :: core :: option :: Option :: None";
        assert!(code.contains(start), "{code}");
        assert!(!derived(derive, "struct A { #[model(primary_key)] id: i64 }").contains("set_update_defaults"));
    }

    #[test]
    fn a_key_is_not_changed_by_updates() {
        assert_errors(
            derive,
            "struct A { #[model(primary_key, default_on_update = 5)] id: i64 }",
            &["a primary key cannot change with every update: remove `default_on_update`"],
        );
        assert_field_errors("#[model(default_on_update)] at: i64", &["write `default_on_update = <value>`"]);
    }

    #[test]
    fn a_version_begins_with_one() {
        let code = derived(derive, "struct A { #[model(primary_key)] id: i64, #[model(version)] version: i32 }");
        assert!(code.contains("version : :: core :: option :: Option :: Some (1u16)"), "{code}");
        assert!(code.contains("version : 1 ,"), "{code}");
    }

    #[test]
    fn a_version_is_one_plain_integer_of_the_session() {
        assert_field_errors(
            "#[model(version)] a: i64, #[model(version)] b: i64",
            &["the field `a` is the version already"],
        );
        let plain = "a version is a plain integer, such as `i64`";
        assert_field_errors("#[model(version)] a: Option<i64>", &[plain]);
        assert_field_errors("#[model(version)] a: String", &[plain]);
        assert_field_errors("#[model(version = 1)] a: i64", &["`version` stands alone here, without a value"]);
        assert_field_errors("#[model(version, default = 5)] a: i64", &["`version` and `default` exclude each other"]);
        assert_errors(
            derive,
            "struct A { #[model(primary_key, version)] id: i64 }",
            &["`version` and `primary_key` exclude each other"],
        );
    }

    #[test]
    fn a_computed_column_is_never_given() {
        let code = derived(
            derive,
            "struct A { #[model(primary_key, natural)] id: i64, #[model(computed = \"id * 2\")] twice: i64 }",
        );
        assert!(code.contains(". computed (\"id * 2\")"), "{code}");
        assert!(!code.contains("fn twice") && !code.contains("fn build "), "{code}");
        assert_eq!(code.matches("columns . remove (1u16) ;").count(), 2, "{code}");
    }

    #[test]
    fn a_computed_column_has_no_other_source() {
        let exclude = |other: &str| format!("`computed` and `{other}` exclude each other");
        for (attribute, other) in [
            ("default = 1", "default"),
            ("default_sql = \"1\"", "default_sql"),
            ("default_on_update = 1", "default_on_update"),
            ("belongs_to(b: B)", "belongs_to"),
        ] {
            assert_field_errors(&format!("#[model(computed = \"1\", {attribute})] a: i64"), &[&exclude(other)]);
        }
        assert_errors(
            derive,
            "struct A { #[model(primary_key, computed = \"1\")] id: i64 }",
            &[&exclude("primary_key")],
        );
        assert_field_errors("#[model(computed)] a: i64", &["write `computed = \"..\"`"]);
        assert_field_errors("#[model(computed = \"\")] a: i64", &["an empty string names nothing"]);
    }

    #[test]
    fn a_key_is_set_to_a_value_or_to_a_handle() {
        let code = derived(
            derive,
            "struct Post { #[model(primary_key)] id: i64, #[model(belongs_to(author: User))] author_id: i64,
                           #[model(belongs_to(editor: User))] editor_id: Option<i64> }",
        );
        let private = ":: orm :: __private";
        let parameters = format!(
            "PostBuilder < __AuthorId = {private} :: model :: Unset , __EditorId = {private} :: model :: Set >"
        );
        assert!(code.contains(&parameters), "{code}");
        assert!(
            code.contains(&format!("fn author (mut self , parent : {private} :: session :: Ref < User >)")),
            "{code}"
        );
        assert!(code.contains("`Post` needs `.author_id(..)` or `.author(..)` before this"), "{code}");
        assert!(
            code.contains(
                "self . draft . author_id = :: orm :: __private :: session :: ParentKey :: of (parent , 0u16 , 0u16)"
            ),
            "{code}"
        );
        assert!(
            code.contains(
                "self . draft . editor_id = :: orm :: __private :: session :: ParentKey :: maybe (parent , 1u16 , 0u16)"
            ),
            "{code}"
        );
    }

    #[test]
    fn a_key_of_several_columns_is_written_on_the_struct() {
        let fields = "#[model(primary_key)] id: i64, region: String, number: Option<i64>";
        let errors = |key: &str, expected: &[&str]| {
            assert_errors(derive, &format!("#[model(belongs_to({key}))] struct Line {{ {fields} }}"), expected);
        };
        let form = "write `belongs_to(order: Order by (order_region, order_number))`: the columns that hold the key after `by`";
        errors("order: Order", &[form]);
        errors("order: Order by ()", &[form]);
        errors("on_delete = cascade", &[form]);
        errors(
            "order: Order by (region, number), unique",
            &["expected `on_delete = ..`, `on_update = ..` or `deferrable = ..`"],
        );
        errors("order: Order by (region)", &["a key of one column is written on its field, without `by`"]);
        errors("order: Order.code by (region, number)", &["the key has 2 columns, and points at 1"]);
        errors("order: Order by (region, nr)", &["`Line` has no field `nr`"]);
        errors("order: Order by (region, region)", &["`region` is listed twice"]);
        errors(
            "order: Order by (region, number), on_delete = set_null, on_update = set_default",
            &[
                "`on_delete = set_null` needs `region: Option<String>`",
                "`on_update = set_default` needs `default_sql = \"..\"` on `region`",
            ],
        );
        assert_field_errors(
            "#[model(belongs_to(order: Order(region, number)))] order: i64",
            &[
                "a field holds one column: write a key of several on the struct, with `by (..)`",
                "there is a field `order` already: give the relation another name",
            ],
        );
    }

    #[test]
    fn a_handle_sets_every_column_that_can_say_whether_there_is_a_parent() {
        let line = |fields: &str| {
            let key = "#[model(belongs_to(order: Order by (region, number)))]";
            derived(derive, &format!("{key} struct Line {{ #[model(primary_key)] id: i64, {fields} }}"))
        };
        let both = line("region: String, number: i64");
        assert!(both.contains("draft . region =") && both.contains("ParentKey :: of (parent , 0u16 , 1u16)"), "{both}");
        let maybe = line("region: String, number: Option<i64>");
        assert!(maybe.contains("ParentKey :: maybe (parent , 0u16 , 1u16)"), "{maybe}");
        assert!(!maybe.contains("(parent , 0u16 , 0u16)"), "{maybe}");
    }

    #[test]
    fn the_rest_is_written_beside_an_error() {
        let code = derived(derive, "struct User { id: i64, #[model(uniqe)] name: String }");
        for written in ["struct UserColumns", "const User : UserColumns", "type Key = ()", "struct UserBuilder"] {
            assert!(code.contains(written), "{code}");
        }
    }

    #[test]
    fn keys_come_from_the_database_the_builder_or_the_caller() {
        let key = |field: &str| derived(derive, &format!("struct A {{ #[model(primary_key)] {field} }}"));
        assert!(key("id: u32").contains("generated : :: core :: option :: Option :: Some (0u16)"));
        assert!(key("#[model(natural)] id: u32").contains("generated : :: core :: option :: Option :: None"));
        assert!(key("#[model(belongs_to(b: B))] id: i64").contains("generated : :: core :: option :: Option :: None"));
        assert!(key("#[model(generated)] id: Id").contains("is_zero (& self . id)"));
        assert!(key("id: uuid::Uuid").contains("types :: new_uuid ()"));
        assert!(!key("#[model(natural)] id: Uuid").contains("new_uuid"));
        let both = key("post_id: i64, #[model(primary_key)] tag_id: i64");
        assert!(both.contains("type Key = (i64 , i64 ,)") && both.contains("primary_key : & [0u16 , 1u16]"), "{both}");
    }

    #[test]
    fn required_fields_are_parameters_of_the_builder() {
        let code = derived(
            derive,
            "struct User { #[model(primary_key)] id: i64, name: String, nick: Option<String>, #[model(default = 0)] hits: i32 }",
        );
        assert!(code.contains("struct UserBuilder < __Name = :: orm :: __private :: model :: Unset >"), "{code}");
        assert!(code.contains(r#"message = "required field `name` is not set""#), "{code}");
    }

    #[test]
    fn self_is_the_model_and_paths_may_be_long() {
        let code = derived(
            derive,
            "#[model(crate = my::orm, has_many(reports: Self.boss_id))]
             struct User { #[model(primary_key)] id: i64, #[model(belongs_to(boss: crate::hr::User))] boss_id: Option<i64> }",
        );
        assert!(
            code.contains("boss : my :: orm :: __private :: relation :: MaybeBelongsTo < User , crate :: hr :: User >"),
            "{code}"
        );
        assert!(code.contains("= User . boss_id ; column . reference () . index"), "{code}");
    }
}
