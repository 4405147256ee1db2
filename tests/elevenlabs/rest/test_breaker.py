"""A part of the vendor that is down is not asked; on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest.breaker import FAILURES, PROBE_AFTER_S, VendorBreaker, VendorDown, part_of
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.telemetry.log import Log
from tests.support.virtual_time import run_virtual

AGENT = "/v1/convai/agents/a"


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuitbreaker.monotonic", lambda: asyncio.get_running_loop().time())


def played(story: Callable[[VendorBreaker], Awaitable[None]]) -> list[Any]:
    async def scene() -> None:
        await story(VendorBreaker(Log()))

    with capture_logs() as logs:
        run_virtual(scene())
    return logs


async def ask(breaker: VendorBreaker, error: Exception | None = None, path: str = AGENT) -> bool:
    """Whether the vendor was asked."""
    try:
        async with breaker.asking(path):
            if error is not None:
                raise error
    except VendorDown:
        return False
    except VendorError:
        return True
    return True


async def fail(breaker: VendorBreaker, times: int = FAILURES, path: str = AGENT) -> None:
    for _ in range(times):
        assert await ask(breaker, VendorUnreachable("dark"), path)


@pytest.mark.parametrize("error", [VendorUnreachable("dark"), VendorFailed("500", status=500)])
def test_a_part_that_is_down_is_not_asked_until_a_probe_gets_through(error: VendorError):
    async def story(breaker: VendorBreaker) -> None:
        for _ in range(FAILURES):
            assert await ask(breaker, error)
        for _ in range(3):
            assert not await ask(breaker)
        with pytest.raises(VendorDown, match=r"agents is down at the vendor; next probe in \d+ s") as down:
            breaker.check(AGENT)
        assert (down.value.sent, down.value.retry_after_s, down.value.retryable) == (False, PROBE_AFTER_S, True)
        await asyncio.sleep(PROBE_AFTER_S + 1)
        assert await ask(breaker, error), "a probe"
        assert not await ask(breaker), "it failed: as long again"
        await asyncio.sleep(PROBE_AFTER_S + 1)
        assert await ask(breaker)
        assert await ask(breaker)

    lost, recovered = played(story)
    assert (lost["event"], lost["part"], lost["failures"]) == ("vendor.lost", "agents", FAILURES)
    assert (recovered["event"], recovered["part"]) == ("vendor.recovered", "agents")
    assert recovered["down_s"] == 2 * (PROBE_AFTER_S + 1)


def test_one_probe_at_a_time():
    async def story(breaker: VendorBreaker) -> None:
        await fail(breaker)
        await asyncio.sleep(PROBE_AFTER_S + 1)
        async with breaker.asking(AGENT):
            with pytest.raises(VendorDown, match="another request is probing"):
                breaker.check(AGENT)
            assert not await ask(breaker)
        assert await ask(breaker)

    played(story)


def test_a_probe_that_is_cancelled_proves_nothing_and_the_next_one_may_probe():
    async def story(breaker: VendorBreaker) -> None:
        await fail(breaker)
        await asyncio.sleep(PROBE_AFTER_S + 1)
        with pytest.raises(asyncio.CancelledError):
            async with breaker.asking(AGENT):
                raise asyncio.CancelledError
        assert await ask(breaker, VendorUnreachable("dark"))
        assert not await ask(breaker)

    assert [line["event"] for line in played(story)] == ["vendor.lost"]


@pytest.mark.parametrize(
    "error",
    [None, VendorRejected("404", status=404), VendorBusy("429", status=429), VendorFailed("no JSON", status=200)],
)
def test_any_other_answer_ends_a_row_of_failures(error: VendorError | None):
    async def story(breaker: VendorBreaker) -> None:
        for _ in range(3):
            await fail(breaker, FAILURES - 1)
            assert await ask(breaker, error)

    assert played(story) == []


def test_a_cancelled_request_ends_no_row():
    async def story(breaker: VendorBreaker) -> None:
        await fail(breaker, FAILURES - 1)
        with pytest.raises(asyncio.CancelledError):
            async with breaker.asking(AGENT):
                raise asyncio.CancelledError
        await fail(breaker, 1)
        assert not await ask(breaker)

    played(story)


def test_a_broken_part_takes_no_other_with_it():
    async def story(breaker: VendorBreaker) -> None:
        await fail(breaker, path="/v1/convai/conversations/c/audio")
        assert not await ask(breaker, path="/v1/convai/conversations")
        assert await ask(breaker, path="/v1/convai/conversation/get-signed-url")
        assert await ask(breaker)

    played(story)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/v1/convai/agents/x", "agents"),
        ("/v1/convai/agents", "agents"),
        ("/v1/text-to-speech/v/stream", "text-to-speech"),
        ("/v2/voices", "voices"),
        ("/v1/convai/twilio/register-call", "twilio"),
        ("/x", "/x"),
    ],
)
def test_parts(path: str, part: str):
    assert part_of(path) == part
