//! Window functions and their windows.

use super::Writer;
use super::expr::{Call, Level};
use crate::ast::{Exclude, Expr, Frame, FrameUnit, Window, WindowFunction};
use crate::error::Result;

impl<'a> Writer<'a> {
    /// `row_number() OVER (..)`
    pub(super) fn windowed(
        &mut self,
        function: WindowFunction,
        arguments: &'a [Expr],
        filter: Option<&'a Expr>,
        window: &'a Window,
    ) -> Result<()> {
        let name = match function {
            WindowFunction::Aggregate(aggregate) => {
                let call = Call { distinct: false, expr: arguments.first(), filter, order_by: &[] };
                return self.aggregate(aggregate, &call, Some(window));
            }
            WindowFunction::RowNumber => "row_number",
            WindowFunction::Rank => "rank",
            WindowFunction::DenseRank => "dense_rank",
            WindowFunction::PercentRank => "percent_rank",
            WindowFunction::CumeDist => "cume_dist",
            WindowFunction::Ntile => "ntile",
            WindowFunction::Lag => "lag",
            WindowFunction::Lead => "lead",
            WindowFunction::FirstValue => "first_value",
            WindowFunction::LastValue => "last_value",
            WindowFunction::NthValue => "nth_value",
        };
        self.push(name);
        self.push("(");
        self.separated(arguments.iter().enumerate(), ", ", |out, (place, argument)| match argument {
            // A number of rows has the type that the function asks for.
            Expr::Bind(number) if counts_rows(function, place) => out.bind(number),
            argument => out.expr(argument, Level::Or),
        })?;
        self.push(")");
        self.over(window)
    }

    /// ` OVER (PARTITION BY .. ORDER BY .. ROWS BETWEEN .. AND ..)`
    pub(super) fn over(&mut self, window: &'a Window) -> Result<()> {
        let Window { partition_by, order_by, frame } = window;
        self.push(" OVER (");
        if !partition_by.is_empty() {
            self.push("PARTITION BY ");
            self.separated(partition_by, ", ", |out, expr| out.expr(expr, Level::Raw))?;
        }
        if !order_by.is_empty() {
            self.push(if partition_by.is_empty() { "ORDER BY " } else { " ORDER BY " });
            self.separated(order_by, ", ", Writer::order)?;
        }
        if let Some(frame) = frame {
            self.push(if partition_by.is_empty() && order_by.is_empty() { "" } else { " " });
            self.frame(*frame);
        }
        self.push(")");
        Ok(())
    }

    fn frame(&mut self, frame: Frame) {
        let Frame { unit, start, end, exclude } = frame;
        self.push(match unit {
            FrameUnit::Rows => "ROWS BETWEEN ",
            FrameUnit::Range => "RANGE BETWEEN ",
            FrameUnit::Groups => "GROUPS BETWEEN ",
        });
        self.bound(start, "UNBOUNDED PRECEDING");
        self.push(" AND ");
        self.bound(end, "UNBOUNDED FOLLOWING");
        self.push(match exclude {
            Exclude::Nothing => "",
            Exclude::CurrentRow => " EXCLUDE CURRENT ROW",
            Exclude::Group => " EXCLUDE GROUP",
            Exclude::Ties => " EXCLUDE TIES",
        });
    }

    fn bound(&mut self, distance: Option<i64>, unbounded: &str) {
        match distance {
            None => self.push(unbounded),
            Some(0) => self.push("CURRENT ROW"),
            Some(distance) => {
                self.push_number(distance.unsigned_abs());
                self.push(if distance < 0 { " PRECEDING" } else { " FOLLOWING" });
            }
        }
    }
}

/// Whether an argument is a number of rows or of buckets.
fn counts_rows(function: WindowFunction, place: usize) -> bool {
    match function {
        WindowFunction::Ntile => place == 0,
        WindowFunction::Lag | WindowFunction::Lead | WindowFunction::NthValue => place == 1,
        WindowFunction::RowNumber
        | WindowFunction::Rank
        | WindowFunction::DenseRank
        | WindowFunction::PercentRank
        | WindowFunction::CumeDist
        | WindowFunction::FirstValue
        | WindowFunction::LastValue
        | WindowFunction::Aggregate(_) => false,
    }
}
