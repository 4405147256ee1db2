"""Where the requests of one allowance may connect to: the address that was checked is the one that is connected to.

A host name is resolved once, each address it leads to is checked, and those very addresses go to the connection. Last,
the socket itself is only made for an address that passes; so an address in the URL, which nobody resolves, is checked,
too. A name that leads elsewhere a moment later (DNS rebinding) is checked again when it is resolved again.
"""

import socket
from ipaddress import ip_address

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from ivr_bridge.tools.addresses import Allowance


class AddressRefused(OSError):
    """An address that is not public and not listed. An `OSError`, as the HTTP client expects of a connection."""


class AddressGuard(AbstractResolver):
    """Resolves names and makes sockets for an HTTP connector: `TCPConnector(resolver=it, socket_factory=it.socket)`.

    Args:
        allowance: what may be asked beside public addresses.
        resolver: asked for each name; closed with this one.
    """

    def __init__(self, allowance: Allowance, resolver: AbstractResolver) -> None:
        self._allowance = allowance
        self._resolver = resolver
        self._by_name: set[str] = set()
        """Addresses that only their name allows: the socket does not know the name any more."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of a name.

        Raises:
            AddressRefused: one of them may not be asked; then none is, for an honest name leads to one kind only.
            OSError: the name cannot be resolved.
        """
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            address = ip_address(result["host"])
            if not self._allowance.admits(address, host):
                raise AddressRefused(f"{host} leads to {address}, which is neither public nor allowed")
            if not self._allowance.admits(address):
                self._by_name.add(str(address))
        return results

    def socket(self, addr_info: AddrInfoType) -> socket.socket:
        """A socket for this address, not yet connected.

        Raises:
            AddressRefused: the address may not be asked.
        """
        family, kind, protocol, _, place = addr_info
        host = str(place[0])
        try:
            address = ip_address(host)
        except ValueError as error:
            raise AddressRefused(f"{host} is no address") from error
        if not (self._allowance.admits(address) or str(address) in self._by_name):
            raise AddressRefused(f"{address} is neither public nor allowed")
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()
