"""Calls over sockets, side by side: one for each way a flow can end one, and for what a flow does on the way."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import yaml
from aiohttp import web

from ivr_bridge.records.tables import voicemails
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say, Step, Wait
from ivr_bridge.simulator.phone.report import PhoneEvent
from ivr_bridge.simulator.phone.voices import speak
from ivr_bridge.telemetry.log import configure_logging
from tests.calls.house import House, PlacedCall, house, sandbox, sandbox_log
from tests.support.served import served

SLOW = Wait(40.0)
"""A caller who stays until the line goes dead."""
COLLEAGUE = "+15550109999"
PIN = "73915846"
ACCOUNT = "47118264"
SPANISH = "Quiero saber cuál es el horario de apertura de la cocina, por favor"
PROMPTS = {
    "ask_pin": "Please key in your secret number, and then the hash key.",
    "keys_only": "Our assistant is away. To end this call, press 1. To hear this again, press 2. Please press a key.",
    "known": "We know you, dear customer. Goodbye.",
    "unknown": "We do not know who you are. Goodbye.",
    "old_menu": "This is the old menu of our house. To hear the old farewell, press 1. Please press a key now.",
    "old_farewell": "This was the old house. Farewell.",
    "new_farewell": "Everything here is new and shining. Goodbye.",
}
BYE = {"kind": "hang_up", "prompt": "goodbye"}
TALK = {"kind": "agent"}
MESSAGE = {"kind": "voicemail", "record": "twilio"}


def flow(number: str, nodes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Begins at its first node."""
    return {"numbers": [number], "disclosure": False, "start": next(iter(nodes)), "nodes": dict(nodes), **more}


def known(url: str, *, allow_private: bool) -> dict[str, Any]:
    """Asks the service who calls."""
    return {
        "ask": {
            "kind": "http",
            "url": f"{url}/customers/{{caller}}",
            "save": {"name": "/customer/name"},
            "allow_private": allow_private,
            "next": "is_ada",
            "failed": "unknown",
        },
        "is_ada": {"kind": "condition", "variable": "name", "equals": "Ada", "then": "known", "otherwise": "unknown"},
        "known": {"kind": "hang_up", "prompt": "known"},
        "unknown": {"kind": "hang_up", "prompt": "unknown"},
    }


def well_flows(service_url: str) -> dict[str, dict[str, Any]]:
    """Flows with an agent that does what it should, by the number's end."""
    pin = {"kind": "digits", "prompt": "ask_pin", "variable": "pin", "min_digits": 4, "max_digits": 12}
    account = {"kind": "digits", "prompt": "ask_account", "variable": "account", "max_digits": 10, "wait_s": 1.5}
    person = {"kind": "transfer", "number": COLLEAGUE, "ring_s": 20, "failed": "message"}
    return {
        "leaving": flow("+1", {"bye": BYE}),
        "people": flow("+2", {"talk": TALK, "person": person, "message": MESSAGE}, person="person"),
        "recorder": flow("+3", {"message": MESSAGE}),
        "secret": flow(
            "+4",
            {"pin": {**pin, "sensitive": True, "next": "talk", "otherwise": "bye"}, "talk": TALK, "bye": BYE},
        ),
        "account": flow(
            "+5",
            {
                "account": {**account, "tell_agent": "My number is {account}.", "next": "talk", "otherwise": "bye"},
                "talk": TALK,
                "bye": BYE,
            },
        ),
        "tongue": flow(
            "+6",
            {
                "tongue": {
                    "kind": "language",
                    "prompt": "choose_language",
                    "options": {"1": "en", "2": "es"},
                    "next": "closed",
                },
                "closed": {"kind": "prompt", "prompt": "closed_now", "next": "talk"},
                "talk": TALK,
            },
        ),
        "lookup": flow("+7", known(service_url, allow_private=True)),
        "guarded": flow("+8", known(service_url, allow_private=False)),
    }


BROKEN_FLOWS = {
    "vendor": flow("+1", {"talk": TALK}, ladder=[{"kind": "register_call"}]),
    "keys": flow(
        "+2",
        {
            "talk": TALK,
            "keys": {
                "kind": "menu",
                "prompt": "keys_only",
                "agent": False,
                "options": {
                    "end": {"key": "1", "says": "end", "next": "bye"},
                    "again": {"key": "2", "says": "again", "next": "keys"},
                },
                "otherwise": "bye",
            },
            "bye": BYE,
        },
        ladder=[{"kind": "menu", "node": "keys"}],
    ),
}
OLD_FLOW = flow(
    "*",
    {
        "menu": {
            "kind": "menu",
            "prompt": "old_menu",
            "agent": False,
            "options": {"end": {"key": "1", "says": "end", "next": "old"}},
            "otherwise": "old",
        },
        "old": {"kind": "hang_up", "prompt": "old_farewell"},
    },
)
NEW_FLOW = flow("*", {"new": {"kind": "hang_up", "prompt": "new_farewell"}})
REACHED_BY_SPEECH = flow("*", {"talk": TALK}, switch="reconnect")


@dataclass(frozen=True)
class Lived:
    """What came of all calls."""

    calls: dict[str, PlacedCall] = field(default_factory=dict)
    conversations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By house, what its sandbox saw."""
    voicemails: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """The paths that the service was asked for."""
    log: str = ""


class Messenger:
    """Leaves a message when the recorder runs."""

    def __init__(self, words: str) -> None:
        self._message: list[Step] = [Say(speak(words), words, expects_answer=False), Wait(1), HangUp()]
        self._is_recording = False

    def event(self, event: PhoneEvent) -> None:
        self._is_recording = self._is_recording or event.kind == "recording_started"

    def next_step(self) -> Step:
        return self._message.pop(0) if self._is_recording and self._message else Wait(0.2)


async def well(here: House) -> dict[str, PlacedCall]:
    def call(number: str, *steps: Step, line: Mapping[str, Any] | None = None, **more: Any) -> Any:
        return here.call(*steps, line={"called": number, **(line or {})}, **more)

    def leave(number: str, *steps: Step, **line: Any) -> Any:
        messenger = Messenger("Hello, please call me back. Thank you.")
        return call(number, *steps, line=line, on_event=messenger.event, then=messenger.next_step)

    key_0 = Digits("0", barge_in=True, after_ms=1000, expects_answer=False)
    over_the_prompt = Say(speak("is there parking"), barge_in=True, after_ms=300, expects_answer=False)
    hours = Say(speak("what are your opening hours"))
    calls = {
        "hang up": call("+1", SLOW),
        "person": call("+2", key_0, SLOW, line={"person_listens_s": 12.0}),
        "nobody answers": leave("+2", key_0, dial_call_status="no-answer"),
        "recorder": leave("+3"),
        "nothing said": call("+3", SLOW),
        "pin": call("+4", over_the_prompt, Digits(f"{PIN}#"), hours, Wait(1), HangUp()),
        "account": call("+5", over_the_prompt, Digits(ACCOUNT), Wait(4), HangUp()),
        "tongue": call("+6", Digits("2", barge_in=True, after_ms=1000), Wait(7), HangUp()),
        "lookup": call("+7", SLOW),
        "guarded": call("+8", SLOW),
    }
    return dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))


async def broken(here: House) -> dict[str, PlacedCall]:
    vendor, keys = await asyncio.gather(
        here.call(SLOW, line={"called": "+1"}),
        here.call(Wait(6), Digits("2"), Digits("1", barge_in=True), SLOW, line={"called": "+2"}),
    )
    return {"vendor": vendor, "keys": keys}


async def spanish(here: House) -> dict[str, PlacedCall]:
    return {"by speech": await here.call(Say(speak("what are your opening hours")), Wait(9), HangUp())}


async def reloaded(here: House) -> dict[str, PlacedCall]:
    """The file changes while a call is in its menu; then it is broken."""
    first = asyncio.create_task(here.call(Wait(5), Digits("1"), SLOW))
    await asyncio.sleep(2)
    before, file = here.bridge.current.ivr, here.bridge.settings.config_dir / "flows" / "desk.yaml"
    file.write_text(yaml.safe_dump(NEW_FLOW))
    async with asyncio.timeout(15):
        while here.bridge.current.ivr is before:
            await asyncio.sleep(0.05)
    await here.ready()
    second = await here.call(SLOW)
    file.write_text(yaml.safe_dump({**NEW_FLOW, "start": "nowhere"}))
    assert not await here.bridge.current.reload("a test")
    third = await here.call(SLOW)
    return {"before": await first, "after": second, "after a broken file": third}


@asynccontextmanager
async def service(asked: list[str]) -> AsyncIterator[str]:
    """Knows every caller, and takes longer to say so than anybody likes to wait in silence."""

    async def customer(request: web.Request) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(2.5)
        return web.json_response({"customer": {"name": "Ada"}})

    app = web.Application()
    app.router.add_get("/customers/{caller}", customer)
    async with served(app, close_wait_s=0.5) as url:
        yield url


async def live_through_all(folder: Path, rendered: Path) -> Lived:
    log, lived = io.StringIO(), Lived()
    configure_logging(stream=log, pretty=False)
    try:
        async with AsyncExitStack() as stack:
            service_url = await stack.enter_async_context(service(lived.asked))

            async def lives(
                name: str,
                story: Callable[[House], Any],
                flows: Mapping[str, Mapping[str, Any]],
                **options: Any,
            ) -> None:
                url = await stack.enter_async_context(sandbox(**options))
                here = await stack.enter_async_context(
                    house(folder / name, url, rendered=rendered, prompts=PROMPTS, flows=flows)
                )
                await here.ready()
                lived.calls.update(await story(here))
                lived.conversations[name] = await sandbox_log(url)
                await here.bridge.records.settled()
                lived.voicemails.extend(await here.bridge.records.database.rows(voicemails.select()))

            await asyncio.gather(
                lives("well", well, well_flows(service_url)),
                lives("broken", broken, BROKEN_FLOWS, fault="drop"),
                lives("spanish", spanish, {"desk": REACHED_BY_SPEECH}, hears=[SPANISH]),
                lives("reloaded", reloaded, {"desk": OLD_FLOW}),
            )
    finally:
        structlog.reset_defaults()
    return Lived(lived.calls, lived.conversations, lived.voicemails, lived.asked, log.getvalue())
