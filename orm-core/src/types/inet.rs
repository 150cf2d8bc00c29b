//! Addresses of hosts and networks.

use std::net::IpAddr;

use super::{BindSink, ColumnType, Scalar, mismatch};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{Cidr, Inet, ValueRef};

#[diagnostic::do_not_recommend]
impl Scalar for Inet {
    const COLUMN: ColumnType = ColumnType::Inet;
    const NAME: &'static str = "Inet";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Inet(*self))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Inet(inet) => Ok(inet),
            ValueRef::Text(text) => text.parse(),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(Inet);

/// An `inet` whose value is the address of one host. One with a network in it is an error when it is read.
#[diagnostic::do_not_recommend]
impl Scalar for IpAddr {
    const COLUMN: ColumnType = ColumnType::Inet;
    const NAME: &'static str = "IpAddr";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Inet(Inet::from(*self)))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let inet = match value {
            ValueRef::Inet(inet) => inet,
            ValueRef::Text(text) => text.parse()?,
            other => return Err(mismatch::<Self>(other)),
        };
        match inet.is_host() {
            true => Ok(inet.address()),
            false => Err(ValueError::OutOfRange { target: "IpAddr: it is in a network, which `Inet` holds" }),
        }
    }
}
literal!(IpAddr);

#[diagnostic::do_not_recommend]
impl Scalar for Cidr {
    const COLUMN: ColumnType = ColumnType::Cidr;
    const NAME: &'static str = "Cidr";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Inet(Inet::from(*self)))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Inet(inet) => Cidr::new(inet.address(), inet.prefix()),
            ValueRef::Text(text) => text.parse(),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(Cidr);
