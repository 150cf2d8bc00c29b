//! [`ColumnsOf`]: columns of one model, as a list.

use crate::expr::Column;
use crate::model::Model;
use crate::types::SqlType;

/// Columns of the model `M`: one, or a tuple of up to 16.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of columns of `{M}`",
    label = "expected a column of `{M}`, or a tuple of up to 16 of them"
)]
pub trait ColumnsOf<M> {
    /// Adds their positions.
    fn append_to(self, columns: &mut Vec<u16>);
}

#[diagnostic::do_not_recommend]
impl<M: Model, T: SqlType> ColumnsOf<M> for Column<M, T> {
    fn append_to(self, columns: &mut Vec<u16>) {
        columns.push(self.reference().index);
    }
}

/// No columns.
#[diagnostic::do_not_recommend]
impl<M: Model> ColumnsOf<M> for () {
    fn append_to(self, _columns: &mut Vec<u16>) {}
}

/// The positions of the columns.
pub(crate) fn positions<M>(columns: impl ColumnsOf<M>) -> Vec<u16> {
    let mut positions = Vec::new();
    columns.append_to(&mut positions);
    positions
}
