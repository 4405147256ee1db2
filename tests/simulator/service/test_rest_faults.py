import asyncio
from typing import Any

import aiohttp
import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.rest_faults import RestFault, RestFaults, read_rest_fault
from tests.simulator.service.asker import CLIENT_TOOL, asking

TOOLS = "/v1/convai/tools"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("http_500", 500, "internal_server_error"),
        ("busy_concurrent", 429, "concurrent_limit_exceeded"),
        ("busy_rate", 429, "rate_limit_exceeded"),
        ("busy_system", 429, "system_busy"),
        ("invalid_key", 401, "invalid_api_key"),
        ("quota", 401, "quota_exceeded"),
        ("missing_permission", 401, "missing_permissions"),
    ],
)
async def test_refusals(name: str, status: int, code: str):
    async with asking() as asker:
        asker.faults.add(f"POST {TOOLS}", name, times=1, retry_after="3")
        async with asker.session.post(asker.server.make_url(TOOLS), json={"tool_config": CLIENT_TOOL}) as answer:
            assert (answer.status, (await answer.json())["detail"]["code"]) == (status, code)
            assert answer.headers["Retry-After"] == "3"
        assert len(asker.account.tools) == 0
        await asker.good("POST", TOOLS, {"tool_config": CLIENT_TOOL})
        assert [call.status for call in asker.log.calls] == [status, 200]


async def test_html():
    async with asking() as asker:
        asker.faults.add("* /v1/*", "html_502")
        async with asker.session.get(asker.server.make_url(TOOLS)) as answer:
            assert (answer.status, answer.content_type) == (502, "text/html")


@pytest.mark.parametrize(("after_work", "made"), [(False, 0), (True, 1)])
async def test_a_reset_before_or_after_the_work(after_work: bool, made: int):
    async with asking() as asker:
        asker.faults.add(f"POST {TOOLS}", "reset", after_work=after_work)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asker.ask("POST", TOOLS, {"tool_config": CLIENT_TOOL})
        assert len(asker.account.tools) == made
        assert asker.log.calls[0].status is None


async def test_silence():
    async with asking() as asker:
        asker.faults.add(f"GET {TOOLS}", "timeout")
        with pytest.raises(TimeoutError):
            await asker.ask("GET", TOOLS, timeout=aiohttp.ClientTimeout(total=0.2))


async def test_an_answer_that_breaks_off():
    async with asking() as asker:
        asker.faults.add(f"POST {TOOLS}", "truncate")
        with pytest.raises(aiohttp.ClientPayloadError):
            await asker.ask("POST", TOOLS, {"tool_config": CLIENT_TOOL})
        assert len(asker.account.tools) == 1


async def test_a_stream_that_breaks_off():
    async with asking() as asker:
        asker.faults.add("POST /v1/text-to-speech/*", "truncate")
        path = "/v1/text-to-speech/EXAVITQu4vr4xnSDxMaL/stream?output_format=pcm_16000"
        url = asker.server.make_url(path)
        async with asker.session.post(url, json={"text": "Good evening to all of you."}) as answer:
            assert answer.status == 200
            with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
                await answer.read()


async def test_slow():
    async with asking() as asker:
        asker.faults.add(f"GET {TOOLS}", "slow", delay_s=0.05)
        began_at = asyncio.get_running_loop().time()
        await asker.good("GET", TOOLS)
        assert asyncio.get_running_loop().time() - began_at >= 0.05


def test_which_requests_have_it():
    faults = RestFaults()
    faults.add("GET /v1/convai/*", "quota", times=2)
    faults.add("* /v1/convai/tools", "slow", times=1)
    taken = [faults.take(method, "/v1/convai/tools") for method in ("GET", "POST", "GET", "GET")]
    assert [fault and fault.fault for fault in taken] == ["slow", None, "quota", "quota"]
    assert faults.faults == []
    assert faults.take("GET", "/v2/voices") is None
    faults.add("GET /v2/*", "quota")
    faults.clear()
    assert faults.as_json() == []


@pytest.mark.parametrize("given", [("GET /x", "nothing", 1), ("GET", "slow", 1), ("GET /x", "slow", 0)])
def test_what_is_no_fault(given: tuple[Any, ...]):
    with pytest.raises(ConfigError):
        RestFault(*given)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"match": "GET /x"},
        {"match": "GET /x", "fault": "slow", "other": 1},
        {"match": "GET /x", "fault": "slow", "times": True},
        {"match": "GET /x", "fault": "slow", "after_work": 1},
        {"match": 1, "fault": "slow"},
    ],
)
def test_bodies_that_are_no_fault(body: Any):
    with pytest.raises(ConfigError):
        read_rest_fault(body)


def test_a_body():
    body = {"match": "GET /x", "fault": "slow", "times": None, "delay_s": 1, "after_work": True}
    assert read_rest_fault(body) == {"match": "GET /x", "fault": "slow", "delay_s": 1, "after_work": True}
