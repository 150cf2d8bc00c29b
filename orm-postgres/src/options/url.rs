//! A URL as the options that it stands for: `postgresql://alice@a:1,b/app?x=y` is `user=alice`, `host=a,b`, `port=1,`,
//! `dbname=app` and `x=y`.

use orm_core::error::Result;

use super::{KNOWN, invalid};

/// The options in their order: a later one takes the place of an earlier one.
pub(super) fn pairs(url: &str) -> Result<Vec<(String, String)>> {
    let rest = url.strip_prefix("postgresql://").or(url.strip_prefix("postgres://"));
    let rest = rest.ok_or_else(|| invalid("it does not begin with `postgresql://`"))?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    if cuts_a_password(authority, database, query) {
        return Err(invalid(
            "there is an `@` behind a `/` or `?`: in a password they are written `%40`, `%2F` and `%3F`",
        ));
    }
    let (user, addresses) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut pairs = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            pairs.push((name.to_owned(), value));
        }
    };
    add("user", decode(user)?);
    add("password", decode(password)?);
    let (hosts, ports) = hosts_and_ports(addresses)?;
    add("host", hosts);
    add("port", ports);
    add("dbname", decode(database)?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

/// Whether the user and the password seem to end at a later `@`. What follows would be taken for names, and a message
/// would show it.
fn cuts_a_password(authority: &str, database: &str, query: &str) -> bool {
    let first = query.split('=').next().unwrap_or_default();
    database.contains('@') || (!authority.contains('@') && query.contains('@') && !KNOWN.contains(&first))
}

/// The list of hosts, and the list of ports if one is given.
fn hosts_and_ports(addresses: &str) -> Result<(String, String)> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for address in addresses.split(',') {
        let (host, port) = host_and_port(address);
        hosts.push(decode(host)?);
        ports.push(port.unwrap_or_default());
    }
    let ports = if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") };
    Ok((hosts.join(","), ports))
}

fn host_and_port(address: &str) -> (&str, Option<&str>) {
    match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // An address of IPv6 has colons of its own.
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    }
}

/// Takes `%20` and the like apart.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid("`%` is not followed by two hexadecimal digits"))?);
        bytes.extend(part.bytes().skip(2));
    }
    if bytes.contains(&0) {
        return Err(invalid("it has a NUL in it"));
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))
}
