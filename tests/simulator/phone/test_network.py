import asyncio

import pytest

from ivr_bridge.simulator.phone.caller import CallScript, Wait
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.phone import Phone

from .scripted_bridge import TOKEN, goodbye, serving
from .test_placed_call import twiml


def line(**changes):
    return Line("http://127.0.0.1:9", None, TOKEN, **changes)


@pytest.mark.parametrize(
    ("status", "fate"), [("completed", "answered"), ("busy", "busy"), ("no-answer", "no-answer"), ("failed", "failed")]
)
async def test_the_line_says_what_becomes_of_those_whom_nobody_names(status, fate):
    callee = Network(line(dial_call_status=status, dial_ring_s=2.0)).callees.take("+1")
    assert callee.fate == fate
    assert callee.rings_s == (0.0 if fate in ("busy", "failed") else 2.0)


async def test_the_other_ends_of_a_call_are_kept_and_written_each_to_its_file(tmp_path):
    answers = {"/twilio/voice": twiml("<Dial>+15550100021</Dial>")}
    async with serving(goodbye, answers=answers) as bridge, Network(bridge.line()) as network:
        report = await Phone(bridge.line(), network=network).call(CallScript((Wait(60),)))
        paths = network.write_wavs(tmp_path)
    assert [call.account.direction for call in network.calls.values()] == ["inbound", "outbound-dial"]
    assert paths[0].name == f"{report.call_sid}.wav"
    assert all(path.read_bytes().startswith(b"RIFF") for path in paths)


async def test_what_breaks_in_a_call_of_its_own_is_raised_and_what_goes_on_for_ever_is_ended(monkeypatch):
    async def breaks():
        raise ZeroDivisionError

    network = Network(line())
    network.start(breaks())
    with pytest.raises(ZeroDivisionError):
        await network.close()

    monkeypatch.setattr("ivr_bridge.simulator.phone.network.CLOSE_S", 0.05)
    network = Network(line())
    network.start(asyncio.sleep(60))
    await network.close()
    await network.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_conference_is_found_by_name_while_it_goes_on():
    network = Network(line())
    assert network.live_conference("room-1") is None
    assert network.conference_of("CA1") is None
