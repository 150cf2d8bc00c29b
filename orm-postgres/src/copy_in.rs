//! Rows into a table by `COPY`, in its binary form.
//!
//! A copy reads what it is sent as the columns' own types, whatever they may be: so the table is locked against being
//! changed, as an `INSERT` would lock it, before its types are looked up. Copies and inserts differ where a table has rules
//! or row security, or a column whose values are always generated; such tables are not copied into.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use orm_core::ast::{InsertChunk, RowSource, Statement};
use orm_core::compile::{copy_in, table_name};
use orm_core::driver::{BoxFuture, CopyIn, Done};
use orm_core::error::{Binds, Result};
use orm_core::types::{BindSink, unbindable};
use orm_core::value::ValueRef;
use tokio_postgres::CopyInSink;
use tokio_postgres::types::{Kind, Type};

use crate::connection::{Failure, PostgresConnection};
use crate::dialect::PostgresDialect;
use crate::live::Live;
use crate::statement::Failed;
use crate::value::{Form, encode, not};

/// The columns of a table that can be copied into.
const COLUMNS: &str = "SELECT a.attname::text, a.atttypid \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
     WHERE c.oid = pg_catalog.to_regclass($1::text) AND c.relkind IN ('r', 'p') \
     AND NOT c.relhasrules AND NOT c.relrowsecurity \
     AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a' AND a.attgenerated = ''";

/// What comes before all rows.
pub(crate) const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// And after it: no flags, and nothing more.
const NO_FLAGS: &[u8] = &[0; 8];

/// How much is sent at once.
const BYTES_AT_ONCE: usize = 64 * 1024;

/// Rows on their way.
pub(crate) struct PostgresCopy<'a> {
    connection: &'a mut PostgresConnection,
    chunk: InsertChunk<'a>,
    sql: String,
    columns: Vec<u16>,
    types: Vec<Type>,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    bytes: BytesMut,
}

impl<'a> PostgresCopy<'a> {
    /// Begins a copy, unless an `INSERT` would do something else.
    pub(crate) async fn begin(connection: &'a mut PostgresConnection, chunk: InsertChunk<'a>) -> Result<Option<Self>> {
        let table = table_name(chunk.table, &PostgresDialect)?;
        let sql = copy_in(chunk.table, chunk.columns, &PostgresDialect)?;
        let show = connection.show_binds();
        let begun = begin(connection.live()?, &table, &sql, chunk).await;
        match begun.map_err(|failure| failure.describe(&failed(&sql, chunk, show)))? {
            None => Ok(None),
            Some((types, sink)) => {
                let mut bytes = BytesMut::with_capacity(BYTES_AT_ONCE + 1_024);
                bytes.put_slice(SIGNATURE);
                bytes.put_slice(NO_FLAGS);
                let columns = chunk.columns.iter().collect();
                Ok(Some(PostgresCopy { connection, chunk, sql, columns, types, sink, bytes }))
            }
        }
    }

    async fn send_rows(&mut self, rows: &dyn RowSource) -> Result<()> {
        let width = i16::try_from(self.columns.len()).unwrap_or_default();
        for row in 0..rows.len() {
            self.bytes.put_i16(width);
            let mut cells = Cells { types: self.types.iter(), bytes: &mut self.bytes };
            rows.bind(row, &self.columns, &mut cells)?;
            if self.bytes.len() >= BYTES_AT_ONCE {
                let sent = self.sink.send(self.bytes.split().freeze()).await;
                sent.map_err(|error| self.describe(error))?;
                self.bytes.reserve(BYTES_AT_ONCE + 1_024);
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<Done> {
        // No row has this number of columns.
        self.bytes.put_i16(-1);
        let sent = self.sink.send(self.bytes.split().freeze()).await;
        let ended = match sent {
            Ok(()) => poll_fn(|context| self.sink.as_mut().poll_finish(context)).await,
            Err(error) => Err(error),
        };
        self.connection.live()?.arrive(ended.as_ref().err());
        match ended {
            Ok(rows_affected) => Ok(Done { rows_affected }),
            Err(error) => Err(self.describe(error)),
        }
    }

    fn describe(&self, error: tokio_postgres::Error) -> orm_core::error::Error {
        Failure::Server(error).describe(&failed(&self.sql, self.chunk, self.connection.show_binds()))
    }
}

fn failed<'a>(sql: &'a str, chunk: InsertChunk<'a>, show: bool) -> Failed<'a> {
    Failed { sql, binds: Binds::None, statement: Some(Statement::Insert(chunk)), show }
}

/// Has the server begin a copy, and gives the types of its columns.
async fn begin(
    live: &mut Live,
    table: &str,
    sql: &str,
    chunk: InsertChunk<'_>,
) -> Result<Option<(Vec<Type>, Pin<Box<CopyInSink<Bytes>>>)>, Failure> {
    live.control(&format!("LOCK TABLE {table} IN ROW EXCLUSIVE MODE")).await?;
    let Some(types) = types_of(live, table, chunk).await? else { return Ok(None) };
    let copy = match live.statements.find(sql) {
        Some(copy) => copy,
        None => live.prepare_typed(sql, &[]).await?,
    };
    live.depart();
    let begun = live.client.copy_in(&copy).await;
    if let Err(error) = &begun {
        live.arrive(Some(error));
    }
    Ok(Some((types, Box::pin(begun?))))
}

/// The types of the columns, if all are known here and can be copied into.
async fn types_of(live: &mut Live, table: &str, chunk: InsertChunk<'_>) -> Result<Option<Vec<Type>>, Failure> {
    let find = match live.statements.find(COLUMNS) {
        Some(find) => find,
        None => live.prepare_typed(COLUMNS, &[]).await?,
    };
    live.depart();
    let found = live.client.query(&find, &[&table]).await;
    live.arrive(found.as_ref().err());
    let found = found?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>();
    let found: Vec<(String, u32)> = found.map_err(|error: tokio_postgres::Error| Failure::Server(error))?;
    let type_of = |index: u16| {
        let name = chunk.table.column(index)?.name;
        let (_, oid) = found.iter().find(|(known, _)| known == name)?;
        Type::from_oid(*oid).filter(is_sent_as_it_is)
    };
    Ok(chunk.columns.iter().map(type_of).collect())
}

/// Whether values of this type are sent in binary form, not as text.
fn is_sent_as_it_is(column_type: &Type) -> bool {
    match *column_type {
        Type::INT8
        | Type::INT4
        | Type::INT2
        | Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::BOOL
        | Type::FLOAT8
        | Type::FLOAT4
        | Type::NUMERIC
        | Type::BYTEA
        | Type::UUID
        | Type::DATE
        | Type::TIME
        | Type::TIMESTAMP
        | Type::TIMESTAMPTZ
        | Type::JSON
        | Type::JSONB
        | Type::OID => true,
        _ => matches!(column_type.kind(), Kind::Array(inside) if is_sent_as_it_is(inside)),
    }
}

/// Takes the values of a row.
struct Cells<'a> {
    /// Of the columns whose values are still to come.
    types: std::slice::Iter<'a, Type>,
    bytes: &'a mut BytesMut,
}

impl BindSink for Cells<'_> {
    #[inline]
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        let Some(column_type) = self.types.next() else { return Ok(()) };
        if matches!(value, ValueRef::Null) {
            self.bytes.put_i32(-1);
            return Ok(());
        }
        let at = self.bytes.len();
        self.bytes.put_i32(0);
        match encode(value, column_type, self.bytes).map_err(unbindable)? {
            Form::Binary => {}
            Form::Text => return Err(unbindable(not("of a type that can be copied"))),
        }
        let length = i32::try_from(self.bytes.len() - at - 4).map_err(|_| unbindable(not("shorter")))?;
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

impl CopyIn for PostgresCopy<'_> {
    fn sql(&self) -> &str {
        &self.sql
    }

    fn send<'a>(&'a mut self, rows: &'a dyn RowSource) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.send_rows(rows))
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<Done>> {
        Box::pin(self.end())
    }
}
