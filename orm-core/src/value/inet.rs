//! Addresses of hosts and networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::ValueError;

/// An address and how many of its first bits say the network: PostgreSQL's `inet`.
///
/// A column of plain addresses is a [`std::net::IpAddr`]. For networks there is [`Cidr`].
///
/// ```
/// use orm::types::Inet;
///
/// let address: Inet = "10.0.0.7/8".parse()?;
/// assert_eq!((address.prefix(), address.to_string().as_str()), (8, "10.0.0.7/8"));
/// // An address alone is the network of its own.
/// assert_eq!("10.0.0.7/32".parse::<Inet>()?.to_string(), "10.0.0.7");
/// # Ok::<(), orm::error::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inet {
    address: IpAddr,
    prefix: u8,
}

/// A network: an address whose bits beyond the prefix are 0. PostgreSQL's `cidr`.
///
/// ```
/// use orm::types::Cidr;
///
/// let network: Cidr = "10.0.0.0/8".parse()?;
/// assert!("10.0.0.7/8".parse::<Cidr>().is_err());
/// assert!(network.contains("10.200.0.1".parse().unwrap()));
/// # Ok::<(), orm::error::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr(Inet);

impl Inet {
    /// An address in a network.
    ///
    /// # Errors
    ///
    /// The prefix has more bits than the address: 32, or 128.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, ValueError> {
        match prefix <= bits(address) {
            true => Ok(Inet { address, prefix }),
            false => Err(ValueError::OutOfRange { target: "the bits of an IP address" }),
        }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits say the network.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether all bits say the network: the address of one host.
    #[must_use]
    pub fn is_host(self) -> bool {
        self.prefix == bits(self.address)
    }

    /// The network that the address is in.
    #[must_use]
    pub fn network(self) -> Cidr {
        let address = match self.address {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(kept_v4(address, self.prefix))),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(kept_v6(address, self.prefix))),
        };
        Cidr(Inet { address, prefix: self.prefix })
    }

    /// Whether the first `prefix` bits are those of the other address.
    fn agrees(self, other: IpAddr, prefix: u8) -> bool {
        match (self.address, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => kept_v4(one, prefix) == kept_v4(other, prefix),
            (IpAddr::V6(one), IpAddr::V6(other)) => kept_v6(one, prefix) == kept_v6(other, prefix),
            _ => false,
        }
    }
}

impl Cidr {
    /// A network.
    ///
    /// # Errors
    ///
    /// The prefix has too many bits, or the address has one beyond it: [`Inet::network`] takes those away.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, ValueError> {
        let network = Inet::new(address, prefix)?.network();
        match network.0.address == address {
            true => Ok(network),
            false => Err(ValueError::Malformed { expected: "a network: it has bits beyond its prefix" }),
        }
    }

    /// The first address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.0.address
    }

    /// How many bits say the network.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.0.prefix
    }

    /// Whether an address is in the network.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.agrees(address, self.0.prefix)
    }
}

/// The address of one host.
impl From<IpAddr> for Inet {
    fn from(address: IpAddr) -> Self {
        Inet { address, prefix: bits(address) }
    }
}

impl From<Cidr> for Inet {
    fn from(network: Cidr) -> Self {
        network.0
    }
}

/// As PostgreSQL sorts: by family, by network, by the length of the prefix, by address.
impl Ord for Inet {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let common = self.prefix.min(other.prefix);
        let bits_kept = |address: IpAddr| match address {
            IpAddr::V4(address) => (4, u128::from(kept_v4(address, common))),
            IpAddr::V6(address) => (6, kept_v6(address, common)),
        };
        let by_network = bits_kept(self.address).cmp(&bits_kept(other.address));
        by_network.then(self.prefix.cmp(&other.prefix)).then(self.address.cmp(&other.address))
    }
}

impl PartialOrd for Inet {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The address, with its prefix unless that is all of it.
impl std::fmt::Display for Inet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.is_host() {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

impl std::str::FromStr for Inet {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let malformed = |_| ValueError::Malformed { expected: "an IP address" };
        let Some((address, prefix)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Inet::from).map_err(malformed);
        };
        let prefix = prefix.parse().map_err(|_| ValueError::Malformed { expected: "an IP address with a prefix" })?;
        Inet::new(address.parse().map_err(malformed)?, prefix)
    }
}

/// The first address and the prefix.
impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.0.address, self.0.prefix)
    }
}

impl std::str::FromStr for Cidr {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let inet: Inet = text.parse()?;
        Cidr::new(inet.address, inet.prefix)
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn kept_v4(address: Ipv4Addr, prefix: u8) -> u32 {
    address.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

fn kept_v6(address: Ipv6Addr, prefix: u8) -> u128 {
    address.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_from_their_text() {
        for text in ["10.0.0.1", "10.0.0.1/8", "0.0.0.0/0", "::1", "2001:db8::1/64"] {
            assert_eq!(text.parse::<Inet>().map(|inet| inet.to_string()).as_deref(), Ok(text));
        }
        for text in ["10.0.0.1/33", "::/129", "10.0.0/8", "", "x/8", "10.0.0.1/"] {
            assert!(text.parse::<Inet>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_has_no_bits_beyond_its_prefix() {
        assert_eq!("10.0.0.0/8".parse::<Cidr>().map(|cidr| cidr.to_string()).as_deref(), Ok("10.0.0.0/8"));
        assert_eq!("10.0.0.1".parse::<Cidr>().map(|cidr| cidr.to_string()).as_deref(), Ok("10.0.0.1/32"));
        assert!("10.0.0.1/8".parse::<Cidr>().is_err());
        let inet: Inet = "2001:db8::1/32".parse().expect("an address");
        assert_eq!(inet.network().to_string(), "2001:db8::/32");
    }

    #[test]
    fn addresses_sort_by_family_network_prefix_and_address() {
        let sorted = ["9.255.0.0", "10.0.0.0/8", "10.0.0.1/8", "10.0.0.0/16", "10.0.0.1", "::/0", "::1"];
        let mut parsed: Vec<Inet> = sorted.iter().rev().map(|text| text.parse().expect(text)).collect();
        parsed.sort();
        assert_eq!(parsed.iter().map(Inet::to_string).collect::<Vec<_>>(), sorted);
    }
}
