"""What goes out for a call: conversations past the breaker, the vendor's own route, the operator's services."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.bridge.agent_breaker import FAILURES, PROBE_AFTER_S
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.twilio_calls import TwilioCalls
from ivr_bridge.errors import AgentRefused, AgentUnreachable, VendorError, VendorFailed, VendorUnreachable
from ivr_bridge.flows.model import HttpNode
from ivr_bridge.flows.moves import AskHttp, HttpAnswered
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpRequests
from tests.support.front_desk import incoming, sid
from tests.support.vendor_answers import VendorAnswers
from tests.support.vendor_server import Vendor, vendor_server
from tests.support.virtual_time import run_virtual
from tests.tools.loopback_service import saying, service

TWIML = "<Response><Connect><Stream url='wss://vendor.example/x'/></Connect></Response>"


class FakeProfile:
    """Knows the agent's id, or finds out in vain."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def agent_id(self) -> str:
        if self._error is not None:
            raise self._error
        return "agent_1"


def live(profile: FakeProfile | None = None, **config: Any) -> Any:
    ivr = SimpleNamespace(config=BridgeConfig(**config), profile=profile or FakeProfile())
    return SimpleNamespace(ivr=ivr, asked=incoming(), log=Log().bind(call_sid=sid()))


@pytest.fixture
async def requests() -> AsyncIterator[HttpRequests]:
    made = HttpRequests()
    yield made
    await made.close()


# Conversations


async def begun(vendor: Vendor, ws: web.WebSocketResponse) -> None:
    await vendor.begin(ws)
    await vendor.read_all(ws)


async def test_a_conversation_is_begun_with_all_that_bridge_flow_and_call_want() -> None:
    order = AgentOrder(
        overrides={"agent": {"prompt": {"prompt": "Be brief."}}, "tts": {"speed": 1.1}},
        dynamic_variables={"who": "a guest"},
        first_message="Hello.",
        language="es",
    )
    call = live(
        agent_auth="public",
        dynamic_variables={"number": "caller", "who": "called"},
        overrides={"agent": {"language": "en", "max_tokens": 9}, "conversation": {"text_only": False}},
    )
    async with vendor_server(begun) as vendor:
        rest = ElevenLabsAPIClient(vendor.http_url, "key")
        leg = await Switchboard(lambda _: rest, HttpRequests(), Log()).dial(call, order)
        await leg.close()
        await rest.close()
    assert leg.conversation_id == "conv_1"
    sent = vendor.received[0]
    assert sent["dynamic_variables"] == {"number": "+15550100001", "who": "a guest"}, "the flow's word wins"
    assert sent["conversation_config_override"] == {
        "agent": {"language": "es", "max_tokens": 9, "prompt": {"prompt": "Be brief."}, "first_message": "Hello."},
        "conversation": {"text_only": False},
        "tts": {"speed": 1.1},
    }


async def test_what_the_operator_wrote_is_not_changed_by_a_call() -> None:
    call = live(agent_auth="public", overrides={"agent": {"max_tokens": 9}})
    async with vendor_server(begun) as vendor:
        rest = ElevenLabsAPIClient(vendor.http_url, "key")
        switchboard = Switchboard(lambda _: rest, HttpRequests(), Log())
        for order in (AgentOrder(language="zh"), AgentOrder()):
            await (await switchboard.dial(call, order)).close()
        await rest.close()
    begins = [each for each in vendor.received if each["type"] == "conversation_initiation_client_data"]
    assert [each.get("conversation_config_override") for each in begins] == [
        {"agent": {"max_tokens": 9, "language": "zh"}},
        {"agent": {"max_tokens": 9}},
    ]


async def test_an_order_names_its_agent_and_its_host() -> None:
    async with vendor_server(begun) as vendor:
        rests: dict[str | None, ElevenLabsAPIClient] = {None: ElevenLabsAPIClient("http://127.0.0.1:9", "")}
        rests["https://eu.example"] = rest = ElevenLabsAPIClient(vendor.http_url, "")
        switchboard = Switchboard(rests.__getitem__, HttpRequests(), Log())
        order = AgentOrder(agent_id="agent_2", base_url="https://eu.example")
        unknown = live(FakeProfile(AgentRefused("nobody")), agent_auth="public")
        await (await switchboard.dial(unknown, order)).close()
        await rest.close()
    assert "agent_id=agent_2" in vendor.requests[0][1]


async def test_an_agent_that_cannot_be_found_is_no_agent() -> None:
    switchboard = Switchboard(lambda _: ElevenLabsAPIClient("http://127.0.0.1:9", ""), HttpRequests(), Log())
    with pytest.raises(AgentRefused, match="nobody"):
        await switchboard.dial(live(FakeProfile(AgentRefused("nobody"))), AgentOrder())


# The breaker


class DownRest:
    """A vendor that answers nobody, and counts."""

    websocket_url = "wss://vendor.example"

    def __init__(self) -> None:
        self.asked = 0
        self.conversations = self
        self.transport = SimpleNamespace(keys=SimpleNamespace(strike=lambda _error: None))

    async def get_signed_url(self, *_: object, **__: object) -> Any:
        self.asked += 1
        raise VendorUnreachable("no answer")


def with_a_vendor_that_is_down(
    story: Callable[[Switchboard, DownRest], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> list[Any]:
    monkeypatch.setattr("circuitbreaker.monotonic", lambda: asyncio.get_running_loop().time())
    rest: Any = DownRest()

    async def scene() -> None:
        await story(Switchboard(lambda _: rest, HttpRequests(), Log()), rest)

    with capture_logs() as logs:
        run_virtual(scene())
    return logs


async def fails(switchboard: Switchboard, order: AgentOrder, times: int = FAILURES) -> None:
    for _ in range(times):
        with pytest.raises(AgentUnreachable):
            await switchboard.dial(live(), order)


def test_an_agent_that_is_down_is_not_dialled_by_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(switchboard: Switchboard, rest: DownRest) -> None:
        await fails(switchboard, AgentOrder())
        await fails(switchboard, AgentOrder(first_message="Hello.", language="es"), 3)
        assert rest.asked == FAILURES, "however it is begun, it is the same agent"
        await asyncio.sleep(PROBE_AFTER_S + 1)
        await fails(switchboard, AgentOrder(), 2)
        assert rest.asked == FAILURES + 1, "one probe"

    logs = with_a_vendor_that_is_down(story, monkeypatch)
    assert [line["agent_id"] for line in logs if line["event"] == "breaker.opened"] == ["default"]


def test_another_agent_and_another_host_are_dialled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(switchboard: Switchboard, rest: DownRest) -> None:
        await fails(switchboard, AgentOrder())
        await fails(switchboard, AgentOrder(agent_id="agent_2"), 1)
        assert rest.asked == FAILURES + 1
        await fails(switchboard, AgentOrder(base_url="https://user:secret@eu.example/x"))
        assert rest.asked == 2 * FAILURES + 1

    logs = with_a_vendor_that_is_down(story, monkeypatch)
    assert [line["agent_id"] for line in logs if line["event"] == "breaker.opened"] == [
        "default",
        "default at eu.example",
    ]
    assert "secret" not in str(logs)


def test_an_agent_whose_id_cannot_be_asked_for_is_down_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(switchboard: Switchboard, _: DownRest) -> None:
        dark = live(FakeProfile(AgentUnreachable("the vendor does not answer")))
        for _again in range(FAILURES):
            with pytest.raises(AgentUnreachable, match="the vendor does not answer"):
                await switchboard.dial(dark, AgentOrder())
        with pytest.raises(AgentUnreachable, match="is down"):
            await switchboard.dial(dark, AgentOrder())

    with_a_vendor_that_is_down(story, monkeypatch)


# The vendor's own route


class RegisterRest:
    def __init__(self, answer: str | Exception = TWIML) -> None:
        vendor = VendorAnswers(answer)
        self.twilio = TwilioCalls(vendor.transport)
        self.vendor = vendor


async def registered(call: Any, rest: RegisterRest, order: AgentOrder | None = None) -> str:
    known: Any = rest
    return await Switchboard(lambda _: known, HttpRequests(), Log()).register(call, order or AgentOrder())


async def test_the_vendors_route_is_told_of_the_call() -> None:
    rest = RegisterRest()
    order = AgentOrder(dynamic_variables={"who": "a guest"})
    assert await registered(live(dynamic_variables={"sid": "call_sid"}), rest, order) == TWIML
    assert rest.vendor.bodies == [
        {
            "agent_id": "agent_1",
            "from_number": "+15550100001",
            "to_number": "+15550100002",
            "direction": "inbound",
            "conversation_initiation_client_data": {"dynamic_variables": {"sid": sid(), "who": "a guest"}},
        }
    ]
    await registered(live(), rest, AgentOrder(agent_id="agent_2"))
    assert rest.vendor.bodies[1]["agent_id"] == "agent_2"


@pytest.mark.parametrize("profile", [FakeProfile(AgentUnreachable("dark")), FakeProfile(AgentRefused("no agent"))])
async def test_without_an_agents_id_there_is_no_such_route(profile: FakeProfile) -> None:
    with pytest.raises(VendorError, match=r"dark|no agent"):
        await registered(live(profile), RegisterRest())


async def test_an_error_of_that_route_is_the_vendors() -> None:
    with pytest.raises(VendorFailed):
        await registered(live(), RegisterRest(VendorFailed("500")))


# Services of the operator's


def node(**more: Any) -> HttpNode:
    fields = {"kind": "http", "url": "https://unused.example", "next": "a", "failed": "b", "allow_private": True}
    return HttpNode.model_validate({**fields, **more})


async def asked(requests: HttpRequests, url: str, node: HttpNode, **more: Any) -> tuple[HttpAnswered, list[Any]]:
    unused: Any = None
    wanted = AskHttp("main", "look_up", url, more.get("headers", {}), more.get("body"))
    with capture_logs() as logs:
        answered = await Switchboard(unused, requests, Log()).ask(live(), wanted, node)
    assert len(logs) == 1
    assert logs[0]["call_sid"] == sid()
    return answered, logs


async def test_a_services_answer_fills_variables(requests: HttpRequests) -> None:
    saves = node(method="POST", save={"state": "/order/state", "count": "/n", "all": ""})
    async with service(saying('{"order":{"state":"sent"},"n":3}')) as running:
        answered, [line] = await asked(
            requests, f"{running.url}/orders?key=s3cret", saves, headers={"X-Key": "s3cret"}, body={"a": "b"}
        )
    assert answered == HttpAnswered({"state": "sent", "count": "3", "all": '{"order":{"state":"sent"},"n":3}'})
    assert running.asked == ["POST /orders?key=s3cret"]
    assert running.bodies == [b'{"a":"b"}']
    assert running.headers[0]["X-Key"] == "s3cret"
    assert (line["event"], line["node"], line["host"], line["status"]) == ("http.asked", "look_up", "127.0.0.1", 200)
    assert "s3cret" not in str(line)


async def test_an_answer_without_what_is_wanted_is_none(requests: HttpRequests) -> None:
    async with service(saying('{"order":null}')) as running:
        assert (await asked(requests, running.url, node(save={"state": "/order"})))[0] == HttpAnswered(None)
        assert (await asked(requests, running.url, node()))[0] == HttpAnswered({})


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        (saying("no", status=500), {}),
        (saying("", status=302, headers={"Location": "/"}), {}),
        (saying("{", "application/json"), {}),
        (saying(), {"allow_private": False}),
    ],
    ids=["5xx", "redirect", "broken", "private address"],
)
async def test_whatever_goes_wrong_the_flow_goes_on(requests: HttpRequests, answer: Any, more: dict[str, Any]) -> None:
    async with service(answer) as running:
        answered, [line] = await asked(requests, running.url + "/x?key=s3cret", node(**more))
    assert answered == HttpAnswered(None)
    assert (line["event"], line["node"], line["host"]) == ("http.failed", "look_up", "127.0.0.1")
    assert line["error"]
    assert "s3cret" not in str(line)


@pytest.mark.parametrize("url", ["http://[", "nonsense", "https://user:pw@h.example/", "http://h.example/a b", ""])
async def test_what_values_made_of_an_address_harms_nobody(requests: HttpRequests, url: str) -> None:
    answered, [line] = await asked(requests, url, node())
    assert answered == HttpAnswered(None)
    assert line["event"] == "http.failed"
