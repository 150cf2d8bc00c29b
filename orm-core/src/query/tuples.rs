//! Tuples as rows, selections, orders and keys: the only macros over arities here.

use smallvec::SmallVec;

use super::columns::ColumnsOf;
use super::derived::{Derivable, Parts};
use super::pipeline::{Answer, Queries};
use super::selection::{Selection, Width};
use super::with::Append;
use super::{Command, Query};
use crate::ast::{Expr, Order, Projection};
use crate::driver::{Row, RowSink};
use crate::error::Result;
use crate::expr::{Expression, IntoOrder, PlainRow, RowOf, RowParts};
use crate::model::{FromRow, KeyValues};
use crate::query::select::IntoGroup;
use crate::types::{Comparable, IntoKey, Scalar, SqlType};

macro_rules! tuples {
    ($($name:ident $key:ident $position:tt),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($name: Selection),+> Selection for ($($name,)+) {
            type Row = ($($name::Row,)+);
            const WIDTH: Width = || 0 $(+ ($name::WIDTH)())+;

            fn project(self, projection: &mut Vec<Projection>) {
                $(self.$position.project(projection);)+
            }

            #[inline]
            fn decode(row: &dyn Row, mut at: usize) -> Result<Self::Row> {
                Ok(($({
                    let start = at;
                    at += ($name::WIDTH)();
                    let _last = at;
                    $name::decode(row, start)?
                },)+))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: Query),+> Queries for ($($name,)+) {
            type Rows = ($(Vec<$name::Row>,)+);
            type Sinks = ($(Answer<$name::Row>,)+);

            fn sinks(&self) -> Result<Self::Sinks> {
                Ok(($(Answer::of(&self.$position)?,)+))
            }

            fn parts<'a>(&'a self, sinks: &'a mut Self::Sinks) -> Vec<(Command<'a>, &'a mut dyn RowSink)> {
                vec![$((self.$position.command(), &mut sinks.$position as &mut dyn RowSink)),+]
            }

            fn rows(sinks: Self::Sinks) -> Self::Rows {
                ($(sinks.$position.rows,)+)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: SqlType),+> FromRow for ($($name,)+) {
            const WIDTH: usize = 0 $(+ { let _ = $position; 1 })+;

            fn from_row(row: &dyn Row, at: usize) -> Result<Self> {
                Ok(($(<$name as FromRow>::from_row(row, at + $position)?,)+))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: Derivable<$key>, $key),+> Derivable<($($key,)+)> for ($($name,)+) {
            type Columns = ($($name::Columns,)+);

            fn columns(parts: &mut Parts) -> Self::Columns {
                ($($name::columns(parts),)+)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: Expression),+> RowParts for ($($name,)+) {
            type Types = ($(<$name::Type as SqlType>::Plain,)+);

            fn into_parts(self) -> Vec<Expr> {
                vec![$(self.$position.into_tree()),+]
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: Comparable<$key>, $key: Scalar),+> RowOf<($($key,)+)> for ($($name,)+) {
            fn into_values(self) -> Vec<Expr> {
                vec![$(self.$position.into_operand()),+]
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: SqlType),+> PlainRow for ($($name,)+) {
            type Types = ($($name::Plain,)+);
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: IntoOrder),+> IntoOrder for ($($name,)+) {
            fn append_to(self, order: &mut Vec<Order>) {
                $(self.$position.append_to(order);)+
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: Expression),+> IntoGroup for ($($name,)+) {
            fn append_to(self, group: &mut Vec<Expr>) {
                $(group.push(self.$position.into_tree());)+
            }
        }

        #[diagnostic::do_not_recommend]
        impl<Owner, $($name: ColumnsOf<Owner>),+> ColumnsOf<Owner> for ($($name,)+) {
            fn append_to(self, columns: &mut Vec<u16>) {
                $(self.$position.append_to(columns);)+
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: IntoKey<$key>, $key),+> IntoKey<($($key,)+)> for ($($name,)+) {
            fn into_key(self) -> KeyValues {
                let mut values = SmallVec::new();
                $(values.extend(self.$position.into_key());)+
                values
            }
        }
    };
}

macro_rules! longer {
    ($($name:ident $position:tt),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($name: Send + 'static,)+ Last: Send + 'static> Append<Last> for ($($name,)+) {
            type Row = ($($name,)+ Last);

            #[inline]
            fn append(self, last: Last) -> Self::Row {
                ($(self.$position,)+ last)
            }
        }
    };
}

longer!(A 0);
longer!(A 0, B 1);
longer!(A 0, B 1, C 2);
longer!(A 0, B 1, C 2, D 3);
longer!(A 0, B 1, C 2, D 3, E 4);
longer!(A 0, B 1, C 2, D 3, E 4, F 5);
longer!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
longer!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
longer!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
longer!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
longer!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);

tuples!(A KA 0);
tuples!(A KA 0, B KB 1);
tuples!(A KA 0, B KB 1, C KC 2);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9, K KK 10);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9, K KK 10, L KL 11);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9, K KK 10, L KL 11, M KM 12);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9, K KK 10, L KL 11, M KM 12, N KN 13);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9, K KK 10, L KL 11, M KM 12, N KN 13, O KO 14);
tuples!(A KA 0, B KB 1, C KC 2, D KD 3, E KE 4, F KF 5, G KG 6, H KH 7, I KI 8, J KJ 9, K KK 10, L KL 11, M KM 12, N KN 13, O KO 14, P KP 15);
