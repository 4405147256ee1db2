import asyncio
import base64
from typing import Any

import pytest

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.speech_context import SpeechContext, SpeechFault, SpeechHouse
from ivr_bridge.simulator.service.subscription import set_subscription, subscription
from ivr_bridge.simulator.service.text_schedule import TextSchedule
from ivr_bridge.simulator.service.voices import VOICES
from ivr_bridge.simulator.service.wire_audio import WireFormat
from tests.simulator.service.caller import mouth


def made(
    name: str | None = None, account: Account | None = None, after: SpeechContext | None = None
) -> tuple[SpeechContext, list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    house = SpeechHouse(account or Account(), mouth(), next(iter(VOICES.values())), WireFormat("ulaw", 8000))
    return SpeechContext(house, TextSchedule(), name, send, after=after), sent


async def test_all_is_spoken_in_order_and_then_final():
    account = Account()
    context, sent = made(account=account)
    context.hear("Hello there. ", flush=True)
    context.hear("And good bye. ")
    context.end(drop_rest=False)
    await context.task
    assert sent[-1] == {"audio": None, "isFinal": True}
    spoken = "".join(sign for message in sent[:-1] for sign in message["alignment"]["chars"])
    assert spoken == "Hello there.And good bye."
    assert sum(len(base64.b64decode(message["audio"])) for message in sent[:-1]) > 8000
    assert all(message["isFinal"] is None for message in sent[:-1])
    assert subscription(account)["character_count"] == 25


async def test_what_was_not_flushed_is_dropped():
    context, sent = made("a")
    context.hear("Hello there. ", flush=True)
    context.hear("And good bye. ")
    context.end(drop_rest=True)
    context.end(drop_rest=False)
    await context.task
    assert sent[-1] == {"isFinal": True, "contextId": "a"}
    assert "".join(sign for message in sent[:-1] for sign in message["alignment"]["chars"]) == "Hello there."
    assert all(message["contextId"] == "a" for message in sent)


async def test_closing_stops_at_once():
    context, sent = made()
    context.hear("Hello there. " * 50, flush=True)
    await context.close()
    await asyncio.sleep(0.02)
    assert sent == []


async def test_a_quota_that_is_used_up():
    account = Account()
    set_subscription(account, {"character_limit": 3})
    context, sent = made(account=account)
    context.hear("Hello there.", flush=True)
    with pytest.raises(SpeechFault) as fault:
        await context.task
    assert (fault.value.error, sent) == ("quota_exceeded", [])


async def test_one_of_the_same_id_speaks_first():
    first, _ = made("a")
    second, sent = made("a", after=first)
    second.hear("Two. ", flush=True)
    second.end(drop_rest=True)
    await asyncio.sleep(0.05)
    assert sent == []
    first.end(drop_rest=True)
    await second.task
    assert first.task.done()
    assert sent[-1]["isFinal"]
