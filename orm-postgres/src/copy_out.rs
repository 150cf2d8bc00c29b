//! Rows out of a query by `COPY`, in its binary form.
//!
//! The bytes do not say their types. Those are asked of the query itself, in the transaction of the copy: so the tables
//! are locked against being changed before the server is told to copy. `COPY` takes no values, so they are literals in
//! its text.
//!
//! tokio-postgres reads no further than the rows that are asked for, and the server waits when the socket is full.

use std::ops::Range;
use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::TryStreamExt;
use orm_core::compile::{Prepared, compile_with_literals, copy_out};
use orm_core::driver::{Flow, Row, RowSink};
use orm_core::error::{Context, Error, ValueError};
use orm_core::value::ValueRef;
use tokio_postgres::{Column, CopyOutStream};

use crate::connection::Failure;
use crate::copy_in::SIGNATURE;
use crate::dialect::PostgresDialect;
use crate::literal::literals;
use crate::live::Live;
use crate::readable;
use crate::row::decode;
use crate::value::Bound;

/// The signature, flags, and the length of an extension.
const HEAD: usize = SIGNATURE.len() + 8;

/// Rows on their way.
pub(crate) struct CopyOut {
    /// The query by itself, which knows its columns.
    query: tokio_postgres::Statement,
    stream: Pin<Box<CopyOutStream>>,
    /// What has come and is not read yet.
    bytes: Bytes,
    place: Place,
    /// Where the cells of the present row are.
    cells: Vec<Option<Range<usize>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Rows,
    /// The server has said that there are no more.
    Tail,
    /// And has ended the copy.
    Over,
}

impl CopyOut {
    /// Has the server begin a copy. There must be a transaction.
    pub(crate) async fn begin(live: &mut Live, prepared: &Prepared<'_>) -> Result<Self, Failure> {
        let mut sql = match prepared.bind_count() {
            0 => prepared.sql().to_owned(),
            _ => with_literals(live, prepared).await?,
        };
        let mut query = live.prepare_once(&sql, &[]).await?;
        if let Some(readable) = readable::with_texts(&sql, query.columns()) {
            query = live.prepare_once(&readable, &[]).await?;
            sql = readable;
        }
        let copy = live.prepare_once(&copy_out(&sql), &[]).await?;
        live.depart();
        let begun = live.client.copy_out(&copy).await;
        if let Err(error) = &begun {
            live.arrive(Some(error));
        }
        let (stream, cells) = (Box::pin(begun?), Vec::with_capacity(query.columns().len()));
        Ok(CopyOut { query, stream, bytes: Bytes::new(), place: Place::Head, cells })
    }

    /// Whether the server has nothing more to say of it.
    pub(crate) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Pushes so many rows at most; false if they were the last ones, or nobody wants more.
    pub(crate) async fn push(&mut self, live: &mut Live, most: usize, sink: &mut dyn RowSink) -> Result<bool, Failure> {
        let mut count = 0;
        while count < most {
            if self.read_row()? {
                let row = CopiedRow { bytes: &self.bytes, cells: &self.cells, columns: self.query.columns() };
                let given = sink.row(&row)?;
                self.bytes.advance(self.cells_end());
                count += 1;
                if given == Flow::Stop {
                    return Ok(false);
                }
            } else if !self.read_more(live).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits for bytes; false if there are no more.
    async fn read_more(&mut self, live: &mut Live) -> Result<bool, Failure> {
        let next = match self.stream.try_next().await {
            Ok(next) => next,
            Err(error) => {
                live.arrive(Some(&error));
                return Err(error.into());
            }
        };
        let Some(more) = next else {
            live.arrive(None);
            if self.place != Place::Tail {
                return Err(malformed());
            }
            self.place = Place::Over;
            return Ok(false);
        };
        // Mostly a message is a row, and nothing is left of the one before.
        self.bytes = match self.bytes.is_empty() {
            true => more,
            false => {
                let mut both = BytesMut::with_capacity(self.bytes.len() + more.len());
                both.extend_from_slice(&self.bytes);
                both.extend_from_slice(&more);
                both.freeze()
            }
        };
        Ok(true)
    }

    /// Finds the cells of the next row; false if it is not there as a whole.
    fn read_row(&mut self) -> Result<bool, Failure> {
        if self.place == Place::Head && !self.read_head()? {
            return Ok(false);
        }
        if self.place != Place::Rows {
            return Ok(false);
        }
        let mut bytes: &[u8] = &self.bytes;
        let Ok(width) = bytes.try_get_i16() else { return Ok(false) };
        if width == -1 {
            self.bytes.advance(2);
            self.place = Place::Tail;
            return Ok(false);
        }
        if usize::try_from(width) != Ok(self.query.columns().len()) {
            return Err(malformed());
        }
        self.cells.clear();
        for _ in 0..width {
            let Ok(length) = bytes.try_get_i32() else { return Ok(false) };
            let at = self.bytes.len() - bytes.len();
            let Ok(length) = usize::try_from(length) else {
                // -1: there is no value.
                self.cells.push(None);
                continue;
            };
            if bytes.len() < length {
                return Ok(false);
            }
            bytes.advance(length);
            self.cells.push(Some(at..at + length));
        }
        Ok(true)
    }

    /// How many bytes the present row has.
    fn cells_end(&self) -> usize {
        2 + self.cells.iter().map(|cell| 4 + cell.as_ref().map_or(0, Range::len)).sum::<usize>()
    }

    fn read_head(&mut self) -> Result<bool, Failure> {
        let Some((head, rest)) = self.bytes.split_at_checked(HEAD) else { return Ok(false) };
        let mut flags = head.strip_prefix(SIGNATURE).ok_or_else(malformed)?;
        // Flags beyond those of old would say that the form is another one.
        let (flags, extension) = (flags.get_u32(), flags.get_u32());
        let extension = usize::try_from(extension).map_err(|_| malformed())?;
        if flags != 0 {
            return Err(malformed());
        }
        if rest.len() < extension {
            return Ok(false);
        }
        self.bytes.advance(HEAD + extension);
        self.place = Place::Rows;
        Ok(true)
    }
}

/// The statement with its values as literals. They are encoded as well, so that one which its place cannot hold is the same
/// error as in every statement.
async fn with_literals(live: &mut Live, prepared: &Prepared<'_>) -> Result<String, Failure> {
    let statement = live.find_or_prepare(prepared).await?;
    Bound::of(prepared, statement.params())?;
    let literals = literals(prepared, statement.params())?;
    Ok(compile_with_literals(prepared.statement(), &PostgresDialect, &literals)?)
}

fn malformed() -> Failure {
    let source = "the server's copy is not of the form that is known".into();
    Error::Database { context: Box::new(Context::default()), source }.into()
}

/// A row of a copy, as long as it is there.
struct CopiedRow<'a> {
    bytes: &'a [u8],
    cells: &'a [Option<Range<usize>>],
    columns: &'a [Column],
}

impl Row for CopiedRow<'_> {
    fn width(&self) -> usize {
        self.columns.len()
    }

    #[inline]
    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        let missing = ValueError::NoColumn { width: self.width() };
        match (self.cells.get(index), self.columns.get(index)) {
            (Some(None), Some(_)) => Ok(ValueRef::Null),
            (Some(Some(range)), Some(column)) => decode(column.type_(), self.bytes.get(range.clone()).ok_or(missing)?),
            _ => Err(missing),
        }
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(Column::name)
    }
}
