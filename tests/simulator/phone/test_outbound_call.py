"""A call that was made without REST; what REST does with it is in test_rest_calls.py."""

import asyncio

import pytest

from ivr_bridge.simulator.phone.callees import Callee, nobody, person
from ivr_bridge.simulator.phone.caller import CallScript, HangUp, Wait
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.outbound_call import OutboundCall, OutboundOrder
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb

from .scripted_bridge import eventually, tone
from .test_network import line

STAYS = person(Wait(60), HangUp(), rings_s=0.0, greeting_pcm16=tone(100))


def say(text):
    async def document(_call):
        return TwimlDocument("http://127.0.0.1:9", "", (Verb("Say", {}, text),))

    return document


async def made(callee, document=None, *, in_real_time=False, **order):
    network = Network(line(in_real_time=in_real_time))
    call = OutboundCall(network, OutboundOrder("+15550100002", "+15550100009", **order), callee, document or say("Hi."))
    return network, call


async def test_who_answers_hears_the_document_and_the_call_ends_with_it():
    network, call = await made(STAYS)
    await call.run()
    assert (call.account.status, call.report().said_by_network) == ("completed", ["Hi."])
    assert (call.account.caller, call.account.called) == ("+15550100002", "+15550100009")
    assert call.account.started is not None
    await network.close()


@pytest.mark.parametrize(
    ("callee", "status"), [(nobody(), "no-answer"), (STAYS.ringing_for(9), "no-answer"), (Callee("busy"), "busy")]
)
async def test_what_becomes_of_it_otherwise(callee, status):
    network, call = await made(callee, timeout_s=5.0)
    await call.run()
    assert (call.account.status, call.report().result, call.report().reason) == (status, "failed", status)
    await network.close()


async def test_ended_while_it_rings_it_is_canceled():
    network, call = await made(nobody(), in_real_time=True)
    running = asyncio.create_task(call.run())
    await eventually(lambda: call.account.status == "ringing")
    call.end()
    await running
    assert call.account.status == "canceled"
    await network.close()


async def test_its_time_limit_ends_it():
    async def long(_call):
        return TwimlDocument("http://127.0.0.1:9", "", (Verb("Pause", {"length": "60"}, ""),))

    network, call = await made(STAYS, long, in_real_time=True, time_limit_s=0.1)
    await call.run()
    assert (call.account.status, call.report().reason) == ("completed", "ended_by_rest")
    await network.close()


async def test_detection_before_the_document_takes_its_time_on_the_phones_clock():
    network, call = await made(STAYS, machine_detection="Enable")
    await call.run()
    assert call.account.answered_by == "human"
    assert call.report().network_heard_at_ms[0][0] == pytest.approx(500, abs=25)
    await network.close()


async def test_keys_are_sent_instead_of_detecting_anything():
    network, call = await made(STAYS, send_digits="1", machine_detection="Enable")
    await call.run()
    assert call.account.answered_by == ""
    assert isinstance(call.callee.script, CallScript)
    await network.close()
