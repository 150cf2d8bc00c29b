//! Names for constraints that were given none, so that every one can be dropped later.

use crate::meta::IndexMeta;

/// `uq_users_email`
#[must_use]
pub fn unique(table: &str, columns: &[String]) -> String {
    format!("uq_{table}_{}", columns.join("_"))
}

/// `ix_post_author_id`
#[must_use]
pub fn index(table: &str, columns: &[String]) -> String {
    format!("ix_{table}_{}", columns.join("_"))
}

/// `ux_users_email`, `ix_users_lower_email`, `ix_post_author_id_where` of the rows for which a condition holds.
pub(super) fn index_of(table: &str, columns: &[String], index: &IndexMeta) -> String {
    let parts: Vec<String> = columns.iter().cloned().chain(index.expressions.iter().map(|sql| words(sql))).collect();
    let name = self::index(table, &parts);
    let name = if index.unique { name.replacen("ix_", "ux_", 1) } else { name };
    if index.filter.is_some() { name + "_where" } else { name }
}

/// `lower(email)` as `lower_email`.
fn words(sql: &str) -> String {
    let words = sql.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// `ex_booking_room_during`
#[must_use]
pub fn exclusion(table: &str, columns: &[String]) -> String {
    format!("ex_{table}_{}", columns.join("_"))
}

/// `fk_post_author_id_users`
#[must_use]
pub fn foreign_key(table: &str, columns: &[String], references: &str) -> String {
    format!("fk_{table}_{}_{references}", columns.join("_"))
}

/// `ck_product_price`, `ck_product_price_2` for the column's second, or `ck_product_1` for a check over the whole row.
#[must_use]
pub fn check(table: &str, column: Option<&str>, number: usize) -> String {
    match column {
        Some(column) if number > 0 => format!("ck_{table}_{column}_{}", number + 1),
        Some(column) => format!("ck_{table}_{column}"),
        None => format!("ck_{table}_{}", number + 1),
    }
}

/// `ck_users_email_length`: the check that keeps a text within its `max_length`.
#[must_use]
pub fn max_length(table: &str, column: &str) -> String {
    format!("ck_{table}_{column}_length")
}

/// `ck_users_role_values`: the check that keeps an enum within its words.
#[must_use]
pub fn values(table: &str, column: &str) -> String {
    format!("ck_{table}_{column}_values")
}
