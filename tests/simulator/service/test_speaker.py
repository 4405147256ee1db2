import asyncio
from typing import Any

import pytest

from ivr_bridge.simulator.service.mouth import Speech
from ivr_bridge.simulator.service.speaker import Speaker
from ivr_bridge.simulator.service.wire_audio import parse_format

SPEECH = Speech("one two", bytes(16000), 8000, (0.0, 100.0, 200.0, 300.0, 500.0, 600.0, 800.0))


class Sent(list[dict[str, Any]]):
    async def send(self, message: dict[str, Any]) -> None:
        self.append(message)

    def kinds(self) -> list[str]:
        return [str(message["type"]) for message in self]


def speaker(sent: Sent, speed: float = 1000.0, fault: str | None = None) -> Speaker:
    return Speaker(sent.send, parse_format("ulaw_8000"), 200, speed, fault)


async def test_a_whole_reply():
    sent = Sent()
    await speaker(sent).say(SPEECH, 7)
    assert sent.kinds() == ["agent_response", *["audio"] * 5, "agent_response_complete"]


async def test_an_interrupted_reply_stops_at_once():
    sent = Sent()
    one = speaker(sent, speed=1.0)
    saying = asyncio.create_task(one.say(SPEECH, 7))
    await one.sent_some(2)
    cut = one.interrupt()
    assert cut is not None
    assert (cut.event_id, cut.original) == (7, "one two")
    await saying
    count = len(sent)
    await asyncio.sleep(0.05)
    assert len(sent) == count
    assert "agent_response_complete" not in sent.kinds()
    assert one.interrupt() is None


async def test_nothing_to_interrupt():
    assert speaker(Sent()).interrupt() is None


async def test_a_lost_socket_is_told():
    async def broken(message: dict[str, Any]) -> None:
        if message["type"] == "audio":
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Speaker(broken, parse_format("ulaw_8000"), 200, 1000.0, None).say(SPEECH, 1)


async def test_late_audio():
    sent = Sent()
    one = speaker(sent, speed=1.0, fault="late_audio")
    saying = asyncio.create_task(one.say(SPEECH, 7))
    await one.sent_some(1)
    one.interrupt()
    await saying
    count = len(sent)
    one.say_rest_of_interrupted()
    await asyncio.sleep(0.05)
    assert {message["audio_event"]["event_id"] for message in sent[count:]} == {7}
    one.stop()
