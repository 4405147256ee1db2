"""The call of a drill: placed by the phone, followed by the server's account of it, everything on one clock."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ivr_bridge.cli.call_events import follow_call
from ivr_bridge.cli.call_story import CallStory
from ivr_bridge.cli.drill_account import DrillAccount, make_account
from ivr_bridge.cli.drill_caller import DrillCaller
from ivr_bridge.cli.drill_house import DrillHouse
from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.caller import Say
from ivr_bridge.simulator.phone.phone import CallReport, CallScript, Line, Phone, PhoneEvent, new_call_sid
from ivr_bridge.simulator.phone.voices import speak

QUESTION = "What are your opening hours?"
MESSAGE = "Hello, please call me back. Thank you."
LONGEST_CALL_S = 150.0
END_WAIT_S = 12.0
"""The server needs up to 10 s to call a call over when the network tells it nothing."""


@dataclass(frozen=True, slots=True)
class DrillCall:
    """A call that is over: what the phone says of it, and what was told on the way, on the recording's clock."""

    report: CallReport
    notes: tuple[CallNote, ...]
    is_answered: bool

    def account(self, drill: str, *, needs_rung: bool) -> DrillAccount:
        """Judge it; see `make_account`."""
        return make_account(drill, self.report, self.notes, needs_rung=needs_rung, is_answered=self.is_answered)


class _Witness:
    """Hears of everything at the moment it happens, and passes it on to the caller and to whoever watches."""

    def __init__(self, caller: DrillCaller, story: CallStory) -> None:
        self.answered = asyncio.Event()
        self._caller = caller
        self._story = story
        self._told: list[tuple[float, str, dict[str, Any]]] = []
        self._placed_at = 0.0

    def phone_event(self, event: PhoneEvent) -> None:
        """What the phone saw."""
        self._placed_at = self._placed_at or time.monotonic() - event.at_ms / 1000
        if event.kind == "webhook_answered":
            self.answered.set()
        self._told.append((time.monotonic(), event.kind, {"text": event.text}))
        self._caller.phone_event(event.kind)
        self._story.phone_event(event)

    async def follow(self, house: DrillHouse, call_sid: str) -> None:
        """What the server tells, from the answered webhook to the end."""
        await self.answered.wait()
        try:
            async with aclosing(follow_call(house.url, call_sid, house.api_key)) as events:
                async for event in events:
                    self._told.append((time.monotonic(), event.name, event.fields))
                    self._caller.server_event(event.name, event.fields)
                    self._story.server_event(event)
        except (OSError, LookupError, aiohttp.ClientError) as error:
            print(f"ivr-bridge: the server's account of the call is missing: {error}", file=sys.stderr)

    def notes(self, report: CallReport) -> tuple[CallNote, ...]:
        """Everything, in order, on the clock of the recording."""
        zero_at = self._placed_at + (report.stream_started_ms or 0.0) / 1000
        return tuple(CallNote((at - zero_at) * 1000, name, fields) for at, name, fields in self._told)


async def place_drill_call(
    house: DrillHouse, show: Callable[[float, str, str], None], *, called: str | None = None
) -> DrillCall:
    """Call the house in real time, to the end; cancelling hangs up.

    Args:
        house: where.
        show: told what happens, for people: ms, who, what.
        called: the number; None: the simulator's own.
    """
    question, message = (Say(speak(text), text, expects_answer=False) for text in (QUESTION, MESSAGE))
    caller = DrillCaller(question, message, time.monotonic)
    witness = _Witness(caller, CallStory(show))
    call_sid = new_call_sid()
    line = Line(
        server_url=house.url,
        public_base_url=None,
        auth_token=house.auth_token,
        other_hosts=frozenset({urlsplit(house.sandbox_url).netloc}),
        in_real_time=True,
    )
    line = replace(line, called=called) if called else line
    script = CallScript(
        hang_up_after_s=3.0, answer_within_s=LONGEST_CALL_S, max_s=LONGEST_CALL_S, then=caller.next_step
    )
    following = asyncio.create_task(witness.follow(house, call_sid))
    try:
        report = await Phone(line, on_event=witness.phone_event).call(script, call_sid=call_sid)
        if witness.answered.is_set():
            await asyncio.wait([following], timeout=END_WAIT_S)
    finally:
        following.cancel()
        await asyncio.wait([following])
    return DrillCall(report, witness.notes(report), caller.is_answered)
