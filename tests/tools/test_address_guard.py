import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from ivr_bridge.tools.address_guard import AddressGuard, AddressRefused
from ivr_bridge.tools.addresses import Allowance
from ivr_bridge.tools.http_request import HttpRefused, HttpRequests
from tests.tools.loopback_service import saying, service


class Resolver(AbstractResolver):
    """Gives each set of addresses once, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
async def requests() -> AsyncIterator[list[HttpRequests]]:
    made: list[HttpRequests] = []
    yield made
    for each in made:
        await each.close()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"]],
)
async def test_a_name_that_leads_inside(addresses: list[str]) -> None:
    resolver = Resolver(addresses)
    with pytest.raises(AddressRefused, match=r"innocent\.example leads to .*neither public nor allowed"):
        await AddressGuard(Allowance(), resolver).resolve("innocent.example", 80)


async def test_a_listed_name_may_lead_to_private_addresses_and_no_special_ones() -> None:
    allowance = Allowance.read(["orders.internal"])
    guard = AddressGuard(allowance, Resolver(["10.0.0.1"], ["169.254.169.254"]))
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))
    with pytest.raises(AddressRefused):
        guard.socket(place)
    assert [result["host"] for result in await guard.resolve("orders.internal", 80)] == ["10.0.0.1"]
    guard.socket(place).close()
    with pytest.raises(AddressRefused):
        await guard.resolve("orders.internal", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "localhost", "::1", "169.254.169.254"])
def test_no_socket_for_what_is_not_allowed(host: str) -> None:
    guard = AddressGuard(Allowance(), Resolver([]))
    with pytest.raises(AddressRefused):
        guard.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 80)))


def test_a_socket_for_what_is_public() -> None:
    guard = AddressGuard(Allowance(), Resolver([]))
    made = guard.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80)))
    assert made.family == socket.AF_INET
    made.close()


async def test_closing_closes_the_resolver() -> None:
    resolver = Resolver([])
    await AddressGuard(Allowance(), resolver).close()
    assert resolver.closed


async def test_rebinding_the_address_that_was_checked_is_the_one_that_is_asked(requests: list[HttpRequests]) -> None:
    # 127.0.0.2 stands for a public address: it is listed, 127.0.0.1 is not.
    resolver = Resolver(["127.0.0.2"], ["127.0.0.1"])
    asking = HttpRequests(resolver)
    requests.append(asking)
    async with (
        service(saying('{"who":"outside"}'), "127.0.0.2") as outside,
        service(saying('{"who":"inside"}'), "127.0.0.1", outside.port) as inside,
    ):
        url = f"http://rebinding.example:{outside.port}/"
        reply = await asking.ask("GET", url, {}, timeout_s=5, allow_private=["127.0.0.2"])
        assert reply.json == {"who": "outside"}
        assert resolver.asked == ["rebinding.example"]
        again = HttpRequests(resolver)
        requests.append(again)
        with pytest.raises(HttpRefused):
            await again.ask("GET", url, {}, timeout_s=5, allow_private=["127.0.0.2"])
        assert inside.asked == []


async def test_a_connection_of_one_allowance_serves_no_other(requests: list[HttpRequests]) -> None:
    asking = HttpRequests()
    requests.append(asking)
    async with service(saying()) as running:
        for _ in range(2):
            await asking.ask("GET", running.url, {}, timeout_s=5, allow_private=True)
        with pytest.raises(HttpRefused):
            await asking.ask("GET", running.url, {}, timeout_s=5)
        assert len(running.asked) == 2


async def test_the_guard_stands_between_a_connector_and_every_address() -> None:
    guard = AddressGuard(Allowance(), Resolver(["127.0.0.1"]))
    async with (
        service(saying()) as running,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=guard, socket_factory=guard.socket)) as session,
    ):
        for host in ("127.0.0.1", "name.example", "[::1]"):
            with pytest.raises(aiohttp.ClientConnectorError) as raised:
                await session.get(f"http://{host}:{running.port}/")
            assert isinstance(raised.value.os_error, AddressRefused)
        assert running.asked == []
    await asyncio.sleep(0)
