//! Text written by hand.

use super::Writer;
use super::expr::Level;
use crate::ast::{Raw, RawPart};
use crate::error::Result;

impl<'a> Writer<'a> {
    /// Writes the text as it is. Expressions in it hold together whatever stands around them.
    pub(super) fn raw(&mut self, raw: &'a Raw) -> Result<()> {
        for part in &raw.parts {
            match part {
                RawPart::Text(text) => self.push(text),
                RawPart::Expr(expr) => self.expr(expr, Level::Primary)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{BinaryOp, Expr, NumberKind, Statement};

    #[test]
    fn a_statement_by_hand_keeps_its_text_and_binds_its_values() {
        let sum = binary(BinaryOp::Add(NumberKind::Integer), int(1), int(2));
        let parts = vec![
            RawPart::Text("SELECT "),
            RawPart::Expr(sum),
            RawPart::Text(" * "),
            RawPart::Expr(user("id")),
            RawPart::Text(" FROM users"),
        ];
        let raw = Raw { parts };
        assert_eq!(sql(Statement::Raw(&raw), &LITE), r#"SELECT (?1 + ?2) * "users"."id" FROM users"#);
        assert_eq!(binds(Statement::Raw(&raw), &LITE), "[1, 2]");
    }

    #[test]
    fn a_nul_cannot_hide_the_rest_of_a_text() {
        let raw = Raw { parts: vec![RawPart::Text("a\0b")] };
        let fragment = users_where([Expr::Raw(Box::new(raw.clone()))]);
        for statement in [Statement::Raw(&raw), Statement::Select(&fragment)] {
            assert_eq!(error(statement, &LITE), r#"text in a statement cannot hold a NUL: "a\0b""#);
        }
    }
}
