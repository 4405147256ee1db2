"""The breaker in virtual time: the library's clock is the loop's."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.agent_breaker import FAILURES, PROBE_AFTER_S, AgentBreakers
from ivr_bridge.errors import AgentError, AgentRefused, AgentUnreachable, AudioFormatError
from ivr_bridge.telemetry.log import Log
from tests.support.virtual_time import run_virtual

DOWN = AgentUnreachable("the conversation's socket did not open: refused")
FULL = AgentUnreachable("the conversation was refused: HTTP 429 concurrent_limit_exceeded")


@pytest.fixture(autouse=True)
def _virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuitbreaker.monotonic", lambda: asyncio.get_running_loop().time())


class Agents:
    """Agents that do what `does` says; a float: they take so many seconds and then connect."""

    def __init__(self) -> None:
        self.breakers = AgentBreakers(Log())
        self.does: Exception | float = DOWN
        self.dialled = 0

    async def _dial(self) -> str:
        self.dialled += 1
        if isinstance(self.does, Exception):
            raise self.does
        await asyncio.sleep(self.does)
        return "leg"

    async def call(self, key: str = "agent_1") -> str:
        """What the caller gets: a leg, or the error's words."""
        try:
            return await self.breakers.dial(key, self._dial)
        except (AgentError, AudioFormatError) as error:
            return str(error)

    async def go_down(self, key: str = "agent_1") -> None:
        self.does = DOWN
        for _ in range(FAILURES):
            await self.call(key)


def story(work: Coroutine[Any, Any, None]) -> list[dict[str, Any]]:
    with capture_logs() as logs:
        run_virtual(work)
    return [dict(line) for line in logs]


def test_five_failures_in_a_row_and_it_is_left_alone():
    async def work() -> None:
        agents = Agents()
        for dialled in range(1, FAILURES + 1):
            assert await agents.call() == str(DOWN)
            assert agents.dialled == dialled
        assert await agents.call() == f"the agent is down; next probe in {PROBE_AFTER_S} s"
        await asyncio.sleep(10.5)
        assert await agents.call() == "the agent is down; next probe in 5 s"
        assert agents.dialled == FAILURES

    logs = story(work())
    assert [(line["event"], line["agent_id"], line["failures"]) for line in logs] == [("breaker.opened", "agent_1", 5)]
    assert logs[0]["probe_after_s"] == PROBE_AFTER_S


def test_a_probe_that_gets_through_brings_it_back():
    async def work() -> None:
        agents = Agents()
        await agents.go_down()
        await asyncio.sleep(PROBE_AFTER_S)
        assert await agents.call() == str(DOWN)
        assert "next probe in 15 s" in await agents.call()
        await asyncio.sleep(PROBE_AFTER_S)
        agents.does = 0.0
        assert await agents.call() == "leg"
        agents.does = DOWN
        assert [await agents.call() for _ in range(4)] == [str(DOWN)] * 4
        agents.does = 0.0
        assert await agents.call() == "leg"

    logs = story(work())
    assert [line["event"] for line in logs] == ["breaker.opened", "breaker.closed"]
    assert logs[1]["down_s"] == pytest.approx(2 * PROBE_AFTER_S)
    assert logs[1]["agent_id"] == "agent_1"


def test_one_call_probes_and_the_others_go_on():
    async def work() -> None:
        agents = Agents()
        await agents.go_down()
        await asyncio.sleep(PROBE_AFTER_S)
        agents.does = 2.0
        calls = [asyncio.create_task(agents.call()) for _ in range(20)]
        results = await asyncio.gather(*calls)
        assert results[0] == "leg"
        assert set(results[1:]) == {"the agent is down; another call is probing it"}
        assert agents.dialled == FAILURES + 1
        assert await agents.call() == "leg"

    story(work())


def test_a_caller_who_hangs_up_while_probing_proves_nothing():
    async def work() -> None:
        agents = Agents()
        await agents.go_down()
        await asyncio.sleep(PROBE_AFTER_S)
        agents.does = 5.0
        probe = asyncio.create_task(agents.call())
        await asyncio.sleep(1.0)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        agents.does = DOWN
        assert await agents.call() == str(DOWN)
        assert "next probe in 15 s" in await agents.call()

    assert [line["event"] for line in story(work())] == ["breaker.opened"]


def test_a_cancelled_dial_does_not_end_a_row_of_failures():
    async def work() -> None:
        agents = Agents()
        for _ in range(FAILURES - 1):
            await agents.call()
        agents.does = 5.0
        dial = asyncio.create_task(agents.call())
        await asyncio.sleep(1.0)
        dial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dial
        agents.does = DOWN
        await agents.call()
        assert "next probe" in await agents.call()

    assert [line["event"] for line in story(work())] == ["breaker.opened"]


@pytest.mark.parametrize("answer", [FULL, AgentRefused("HTTP 404"), AudioFormatError("opus"), 0.0])
def test_an_agent_that_answers_is_not_down_whatever_it_says(answer: Exception | float):
    async def work() -> None:
        agents = Agents()
        for _ in range(FAILURES - 1):
            await agents.call()
        agents.does = answer
        for _ in range(FAILURES + 1):
            assert "is down" not in await agents.call()
        agents.does = DOWN
        for _ in range(FAILURES - 1):
            await agents.call()
        assert await agents.call() == str(DOWN)

    assert [line["event"] for line in story(work())] == ["breaker.opened"]


def test_a_refused_probe_has_reached_it():
    async def work() -> None:
        agents = Agents()
        await agents.go_down()
        await asyncio.sleep(PROBE_AFTER_S)
        agents.does = AgentRefused("HTTP 401")
        assert await agents.call() == "HTTP 401"
        assert await agents.call() == "HTTP 401"

    assert [line["event"] for line in story(work())] == ["breaker.opened", "breaker.closed"]


def test_a_bug_is_no_outage_and_leaves_the_probe_to_the_next():
    async def work() -> None:
        agents = Agents()
        await agents.go_down()
        await asyncio.sleep(PROBE_AFTER_S)
        agents.does = KeyError("ours")
        with pytest.raises(KeyError):
            await agents.call()
        agents.does = 0.0
        assert await agents.call() == "leg"

    assert [line["event"] for line in story(work())] == ["breaker.opened", "breaker.closed"]


def test_each_agent_has_its_own():
    async def work() -> None:
        agents = Agents()
        await agents.go_down("agent_1")
        agents.does = 0.0
        assert await agents.call("agent_2") == "leg"
        assert await agents.call("agent_1 at https://eu.example") == "leg"
        assert "is down" in await agents.call("agent_1")

    story(work())


def test_many_dials_that_fail_together_open_it_once():
    async def work() -> None:
        agents = Agents()
        results = await asyncio.gather(*(agents.call() for _ in range(30)))
        assert results.count(str(DOWN)) >= FAILURES
        assert "is down" in await agents.call()

    assert [line["event"] for line in story(work())] == ["breaker.opened"]
