"""Which network addresses a request may go to: public ones, and others only when they are listed.                pure

Three kinds of address. *Public* ones may be asked. *Private* ones (loopback, private use, carrier-grade NAT) may be
asked when they are listed, by themselves, by a network that holds them, or by the host name that leads to them.
*Special* ones (link-local with the clouds' metadata services, multicast, reserved) only when they or their network
are listed: a name's owner decides where it leads, and could lead it there.

Source: https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
"""

import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Kind = Literal["public", "private", "special"]

PRIVATE: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
SPECIAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "100.100.100.200/32",  # a cloud's metadata, in carrier-grade NAT
        "168.63.129.16/32",  # another cloud's host, in a public network
        "fd00:ec2::/32",  # another's metadata, in a private network
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
)
PUBLIC_V6 = IPv6Network("2000::/3")
"""All that is given out for the public internet; whatever lies outside is special."""
EMBEDS_V4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Their last 32 bits are the IPv4 address that is really reached: mapped, and translated (NAT64)."""

_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_NUMBERS_ONLY = re.compile(r"[0-9.]+|0[xX][0-9A-Fa-f.xX]*")


def kind_of(address: Address) -> Kind:
    """What sort of address this is; one that embeds an IPv4 address is what that one is."""
    reached = _reached(address)
    if any(reached in network for network in SPECIAL if network.version == reached.version):
        return "special"
    if any(reached in network for network in PRIVATE if network.version == reached.version):
        return "private"
    return "public" if reached.version == 4 or reached in PUBLIC_V6 else "special"


def read_address(host: str) -> Address | None:
    """The address that a URL's host spells, None when it is a name.

    Args:
        host: without brackets.

    Raises:
        ValueError: an address in another notation (`2130706433`, `0x7f.1`): nobody writes one by accident.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        if ":" in host or _NUMBERS_ONLY.fullmatch(host):
            raise ValueError(f"{host} is no address and no name") from None
        return None
    raise ValueError(f"{host} is an address in an unusual notation")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be asked beside public addresses. Made by `read`."""

    names: frozenset[str] = frozenset()
    """Host names, small letters, no dot at the end: the private addresses that they lead to are allowed."""
    networks: tuple[Network, ...] = ()
    """Allowed whatever kind they are; an address is a network of one."""
    private: bool = False
    """Whether every private address is allowed."""

    @classmethod
    def read(cls, allowed: bool | Collection[str]) -> Self:
        """Read a list of host names, addresses and networks (`10.1.0.0/16`); True allows every private address.

        Raises:
            ValueError: an entry is none of these; the message names it.
        """
        if isinstance(allowed, bool):
            return cls(private=allowed)
        names: set[str] = set()
        networks: list[Network] = []
        for entry in allowed:
            try:
                networks.append(ip_network(entry.strip("[]")))
            except ValueError as error:
                if "/" in entry or ":" in entry or _NUMBERS_ONLY.fullmatch(entry) or not _NAME.fullmatch(entry):
                    raise ValueError(
                        f"{entry!r} is no host name, address or network; write it like"
                        " orders.internal, 10.1.2.3 or 10.1.0.0/16, without scheme and port"
                    ) from error
                names.add(plain_name(entry))
        return cls(frozenset(names), tuple(networks))

    def admits(self, address: Address, name: str | None = None) -> bool:
        """Whether this address may be asked.

        Args:
            address: that is about to be connected to.
            name: the host name that led there, None when the URL holds the address itself.
        """
        kind = kind_of(address)
        if kind == "public":
            return True
        if kind == "private" and (self.private or (name is not None and plain_name(name) in self.names)):
            return True
        reached = _reached(address)
        return any(each in network for each in {address, reached} for network in self.networks if _same(each, network))


def plain_name(name: str) -> str:
    """A host name as it is compared."""
    return name.rstrip(".").lower()


def _same(address: Address, network: Network) -> bool:
    return address.version == network.version


def _reached(address: Address) -> Address:
    if isinstance(address, IPv6Address) and any(address in network for network in EMBEDS_V4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
