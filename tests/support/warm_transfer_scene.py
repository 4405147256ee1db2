"""A call that waits for a person on virtual time: the flow, and the steps that its stories share."""

from typing import Any

from ivr_bridge.twilio.call_desk import Answer, JoinRoom
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, Phone, in_house, incoming, sid
from tests.support.people import BASE, People

FIRST, SECOND = "+15550101", "+15550102"
OURS = "+15550100002"
ENDED_URL = f"{BASE}/twilio/stream-ended"
BACK = {"Url": ENDED_URL, "Method": "POST"}
GONE = {"Status": "completed"}


def flow(**desk: Any) -> dict[str, Any]:
    node = {"kind": "transfer", "mode": "warm", "numbers": [FIRST], "ring_s": 20, "failed": "message", **desk}
    nodes = {
        "agent": {"kind": "agent"},
        "desk": node,
        "message": {"kind": "voicemail", "record": "twilio"},
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
    }
    return {"disclosure": False, "person": "desk", "start": "agent", "nodes": nodes}


async def waits(house: House, call_sid: str = sid()) -> tuple[Phone, JoinRoom]:
    """A call that talks with the agent, presses 0, and waits for a person."""
    phone = await house.talks(call_sid)
    phone.caller.says(DtmfPressed("0"))
    await phone.running
    answer = await house.asks(call_sid=call_sid)
    assert isinstance(answer, JoinRoom)
    return phone, answer


async def dialled(house: House, dial_status: str = "answered", status: str = "in-progress", **more: Any) -> Answer:
    """The `action` of the caller's `<Dial>`: the conference has ended, or the caller hung up."""
    return await house.desk.stream_ended(incoming(status=status, dial_status=dial_status, **more))


def outcomes(house: House) -> list[str]:
    return [line["outcome"] for line in house.events("transfer.ended")]


def lived(story: Any, people: People, **options: Any) -> House:
    return in_house(story, people=people, **{"flow": flow(), **options})
