"""What is sent again, when, and how often; on virtual time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest.breaker import VendorDown
from ivr_bridge.elevenlabs.rest.repeating import (
    BUDGET,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    MOST_ATTEMPTS,
    MOST_S,
    Repeats,
    may_repeat,
)
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.telemetry.log import Log
from tests.support.virtual_time import run_virtual

GET = Request("GET", "/v1/x", {"secret": "s3cret"})


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.time.monotonic", lambda: asyncio.get_running_loop().time())


def busy(code: str, retry_after_s: float | None = None) -> VendorBusy:
    error = VendorBusy(f"HTTP 429 {code}", status=429, vendor_code=code)
    error.retry_after_s = retry_after_s
    return error


def failed(status: int, retry_after_s: float | None = None) -> VendorFailed:
    error = VendorFailed(f"HTTP {status}", status=status)
    error.retry_after_s = retry_after_s
    return error


class Vendor:
    """Raises its errors one after the other, the last one for ever; None among them is an answer."""

    def __init__(self, *errors: VendorError | None, takes_s: float = 0.0) -> None:
        self.errors = list(errors)
        self.takes_s = takes_s
        self.asked_at: list[float] = []
        self.rooms = 0

    async def attempt(self) -> str:
        self.asked_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        error = self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]
        if error is not None:
            raise error
        return "answer"

    async def room(self) -> None:
        self.rooms += 1
        await asyncio.sleep(3)

    @property
    def pauses_s(self) -> list[float]:
        return [late - early - self.takes_s for early, late in zip(self.asked_at, self.asked_at[1:], strict=False)]


def run(vendor: Vendor, request: Request = GET) -> tuple[str | VendorError, list[Any]]:
    async def scene() -> str | VendorError:
        try:
            return await Repeats(Log(), vendor.room).run(request, vendor.attempt)
        except VendorError as error:
            return error

    with capture_logs() as logs:
        return run_virtual(scene()), logs


@pytest.mark.parametrize(
    ("error", "safe", "unsent"),
    [
        (VendorUnreachable("refused", sent=False), True, True),
        (VendorUnreachable("reset"), True, False),
        (VendorDown("agents", probe_in_s=9), False, False),
        (busy("rate_limit_exceeded"), True, True),
        (busy("concurrent_limit_exceeded"), True, True),
        (busy("system_busy"), True, True),
        (failed(500), True, False),
        (failed(503), True, False),
        (failed(408), True, False),
        (failed(425), True, False),
        (failed(200), False, False),
        (failed(302), False, False),
        (VendorRejected("", status=409), True, False),
        (VendorRejected("", status=400), False, False),
        (VendorRejected("", status=401, vendor_code="quota_exceeded"), False, False),
        (VendorRejected("", status=404), False, False),
        (VendorRejected("", status=422), False, False),
    ],
)
def test_what_may_be_sent_again(error: VendorError, safe: bool, unsent: bool):
    assert may_repeat(Repeat.SAFE, error) is safe
    assert may_repeat(Repeat.UNSENT, error) is unsent
    assert may_repeat(Repeat.NEVER, error) is False


def test_what_passes_is_sent_again_until_it_succeeds_and_each_time_is_told_once():
    vendor = Vendor(failed(503), VendorUnreachable("reset"), None)
    answer, logs = run(vendor)
    assert answer == "answer"
    assert len(vendor.asked_at) == 3
    assert [line["event"] for line in logs] == ["vendor.retried"] * 2
    assert [(line["request"], line["attempt"], line["error"]) for line in logs] == [
        ("GET /v1/x", 2, "HTTP 503"),
        ("GET /v1/x", 3, "reset"),
    ]
    assert "s3cret" not in str(logs)


def test_attempts_are_bounded_and_the_last_error_is_raised():
    vendor = Vendor(*[failed(500 + n) for n in range(MOST_ATTEMPTS + 3)])
    error, logs = run(vendor)
    assert len(vendor.asked_at) == MOST_ATTEMPTS
    assert isinstance(error, VendorFailed)
    assert error.status == 500 + MOST_ATTEMPTS - 1
    assert len(logs) == MOST_ATTEMPTS - 1


def test_the_whole_time_is_bounded():
    vendor = Vendor(VendorUnreachable("no answer in 40 s"), takes_s=40)
    run(vendor)
    assert len(vendor.asked_at) == 2, "a third one would begin after more than a minute"
    assert vendor.asked_at[-1] - vendor.asked_at[0] < MOST_S


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "system_busy", ""])
def test_pauses_grow_and_are_never_the_same_for_all(code: str):
    pauses = []
    for _ in range(40):
        vendor = Vendor(busy(code))
        run(vendor)
        pauses.append(vendor.pauses_s)
        assert vendor.rooms == 0
    for n, at_once in enumerate(zip(*pauses, strict=True)):
        assert 0 <= min(at_once) <= max(at_once) <= FIRST_PAUSE_S * 2**n
        assert len({round(pause, 6) for pause in at_once}) > 20
    assert max(late for _, _, late in pauses) > FIRST_PAUSE_S * 1.5


@pytest.mark.parametrize(("asked_s", "waits_s"), [(7, 7), (0.25, 0.25), (LONGEST_PAUSE_S * 9, LONGEST_PAUSE_S)])
@pytest.mark.parametrize("make", [lambda s: busy("rate_limit_exceeded", s), lambda s: failed(503, s)])
def test_a_pause_that_the_vendor_asks_for_is_kept_and_capped(
    make: Callable[[float], VendorError], asked_s: float, waits_s: float
):
    vendor = Vendor(make(asked_s), None)
    assert run(vendor)[0] == "answer"
    assert vendor.pauses_s == [pytest.approx(waits_s)]


def test_too_many_at_once_waits_for_one_of_our_own_to_end_and_no_longer():
    vendor = Vendor(busy("concurrent_limit_exceeded"), busy("too_many_concurrent_requests"), None)
    assert run(vendor)[0] == "answer"
    assert vendor.rooms == 2
    assert vendor.pauses_s == [3, 3]


def test_after_another_error_nobody_waits_for_room_again():
    vendor = Vendor(busy("concurrent_limit_exceeded"), failed(503), None)
    assert run(vendor)[0] == "answer"
    assert vendor.rooms == 1


def test_too_many_at_once_with_a_pause_of_the_vendors_keeps_that():
    vendor = Vendor(busy("concurrent_limit_exceeded", 5), None)
    run(vendor)
    assert (vendor.rooms, vendor.pauses_s) == (0, [5])


@pytest.mark.parametrize("repeat", [Repeat.UNSENT, Repeat.NEVER])
def test_what_may_have_been_made_is_made_no_second_time(repeat: Repeat):
    vendor = Vendor(VendorUnreachable("reset"), None)
    error, logs = run(vendor, Request("POST", "/v1/x", repeat=repeat))
    assert isinstance(error, VendorUnreachable)
    assert len(vendor.asked_at) == 1
    assert logs == []


def test_other_errors_pass_at_once():
    async def scene() -> None:
        async def bug() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Repeats(Log(), asyncio.Event().wait).run(GET, bug)  # type: ignore[arg-type]

    run_virtual(scene())


def test_a_storm_is_bounded_by_what_all_share():
    vendor = Vendor(busy("rate_limit_exceeded"))
    callers = 200

    async def scene() -> Repeats:
        repeats = Repeats(Log(), vendor.room)
        await asyncio.gather(*(repeats.run(GET, vendor.attempt) for _ in range(callers)), return_exceptions=True)
        assert len(vendor.asked_at) == callers + BUDGET, "and not four times as many"
        vendor.errors = [None]
        for _ in range(20):
            await repeats.run(GET, vendor.attempt)
        vendor.errors = [failed(503), failed(503), None]
        assert await repeats.run(GET, vendor.attempt) == "answer", "successes give it back"
        return repeats

    with capture_logs() as logs:
        run_virtual(scene())
    assert len(logs) == BUDGET + 2


def test_one_caller_who_is_patient_uses_up_nothing():
    async def scene() -> None:
        vendor = Vendor(None)
        repeats = Repeats(Log(), vendor.room)
        for _ in range(100):
            vendor.errors = [failed(503), failed(503), None]
            assert await repeats.run(GET, vendor.attempt) == "answer"

    run_virtual(scene())


def test_cancelling_while_it_pauses_is_at_once():
    async def scene() -> None:
        vendor = Vendor(failed(503, 20))
        task = asyncio.ensure_future(Repeats(Log(), vendor.room).run(GET, vendor.attempt))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(vendor.asked_at) == 1

    run_virtual(scene())
