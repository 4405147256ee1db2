"""The TwiML interpreter; scripts of calls that hold no stream take no time at all."""

import aiohttp
import pytest

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import CallScript, HangUp, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.placed_call import MAX_DOCUMENTS, PlacedCall
from ivr_bridge.simulator.phone.webhooks import Webhooks

from .scripted_bridge import CONNECT, goodbye, listener, serving

AT_ONCE = CallScript((HangUp(),))
PATIENT = CallScript((Wait(600),))


async def place(answers, *, agent=goodbye, script=AT_ONCE, faults=None, public=None, **line_changes):
    """One call; returns the bridge's and the phone's notes."""
    faults = faults or PhoneFaults()
    async with serving(agent, answers=answers, public_base_url=public) as bridge:
        line, log = bridge.line(**line_changes), CallLog("CA" + "1" * 32)
        async with aiohttp.ClientSession() as session:
            await PlacedCall(line, Webhooks(session, line, faults), script, faults, log).run()
    return bridge, log


def twiml(inside):
    return f"<Response>{inside}</Response>"


async def test_the_voice_webhook_has_the_vendors_parameters_and_the_end_is_reported():
    bridge, log = await place({"/twilio/voice": twiml("<Say>Closed.</Say>")}, script=PATIENT)
    assert bridge.paths() == ["/twilio/voice", "/twilio/status"]
    assert bridge.params("/twilio/voice") == {
        "CallSid": log.call_sid,
        "AccountSid": "AC" + "5a" * 16,
        "From": "+15550100001",
        "To": "+15550100002",
        "Caller": "+15550100001",
        "Called": "+15550100002",
        "CallStatus": "ringing",
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
    }
    status = bridge.params("/twilio/status")
    assert (status["CallStatus"], status["SequenceNumber"]) == ("completed", "0")
    assert status["CallbackSource"] == "call-progress-events"
    assert bridge.bad_signatures == []
    assert log.webhook_ms > 0


@pytest.mark.parametrize(
    ("document", "result", "reason"),
    [
        (twiml("<Say>We are closed.</Say><Hangup/>"), "refused", "turned_away"),
        (twiml(""), "refused", "turned_away"),
        (twiml("<Reject reason='busy'/>"), "refused", "busy"),
        (twiml("<Reject/>"), "refused", "rejected"),
        (twiml("<Dial>+15550100009</Dial>"), "completed", "transferred"),
        ("<Response><Say>", "failed", "twiml_invalid"),
        (500, "failed", "webhook_failed"),
        (403, "failed", "webhook_failed"),
    ],
)
async def test_calls_without_a_stream(document, result, reason):
    _, log = await place({"/twilio/voice": document}, script=PATIENT)
    assert (log.result, log.reason, log.stream_sids) == (result, reason, [])


async def test_nobody_there():
    async with serving(goodbye) as bridge:
        line = bridge.line()
    log = CallLog("CA1")
    async with aiohttp.ClientSession() as session:
        await PlacedCall(line, Webhooks(session, line, PhoneFaults()), AT_ONCE, PhoneFaults(), log).run()
    assert (log.result, log.reason, log.webhook_ms) == ("failed", "unreachable", None)


async def test_the_agent_hangs_up_and_the_action_is_asked():
    bridge, log = await place({})
    assert (log.result, log.reason, log.close_code) == ("completed", "caller_hung_up", None)
    bridge, log = await place({}, script=CallScript())
    assert (log.result, log.reason, log.close_code) == ("completed", "agent_hung_up", 1000)
    assert bridge.paths() == ["/twilio/voice", "/twilio/stream-ended", "/twilio/status"]
    assert bridge.params("/twilio/stream-ended")["CallStatus"] == "in-progress"
    assert log.said_by_network == [], "what stands behind <Connect action> is not reached"
    assert log.violations == []


async def test_a_caller_who_hung_up_is_told_to_the_action_and_its_document_is_not_run():
    bridge, log = await place({"/twilio/stream-ended": twiml("<Say>More.</Say>")}, agent=listener)
    assert (log.result, log.reason) == ("completed", "caller_hung_up")
    assert bridge.params("/twilio/stream-ended")["CallStatus"] == "completed"
    assert log.said_by_network == []


async def test_everything_is_known_by_its_public_address():
    bridge, log = await place({}, public="https://bridge.example")
    assert (log.reason, log.violations, bridge.bad_signatures) == ("caller_hung_up", [], [])
    assert bridge.paths() == ["/twilio/voice", "/twilio/stream-ended", "/twilio/status"]


async def closes_badly(stream):
    await stream.until("start")
    await stream.ws.close(code=1011)


@pytest.mark.parametrize(
    ("following", "result", "reason"),
    [
        (twiml("<Hangup/>"), "cut_off", "stream_lost"),
        (twiml(""), "cut_off", "stream_lost"),
        (twiml("<Say>Sorry.</Say><Hangup/>"), "failed", "stream_lost"),
        (twiml("<Say>One moment.</Say><Dial>+15550100009</Dial>"), "completed", "transferred"),
        (500, "failed", "action_failed"),
    ],
)
async def test_a_stream_that_broke(following, result, reason):
    _, log = await place({"/twilio/stream-ended": following}, agent=closes_badly, script=CallScript())
    assert (log.result, log.reason, log.close_code) == (result, reason, 1011)


async def test_an_action_that_fails_leaves_the_rest_of_the_document():
    _, log = await place({"/twilio/stream-ended": 500}, script=CallScript())
    assert log.said_by_network == ["Last resort."]
    assert (log.result, log.reason) == ("failed", "action_failed")
    assert log.violations[0].startswith("11200")


async def test_a_refused_stream_is_a_failure_whatever_is_said_after_it():
    answers = {"refuse": 403, "/twilio/stream-ended": twiml("<Say>Sorry.</Say>")}
    bridge, log = await place(answers, agent=listener, script=PATIENT)
    assert (log.result, log.reason) == ("failed", "stream_refused")
    assert log.said_by_network == ["Sorry."]
    assert "/twilio/stream-ended" in bridge.paths()


async def test_the_conversation_goes_on_in_a_second_stream():
    answers = {"/twilio/stream-ended": [CONNECT, twiml("<Hangup/>")]}

    async def breaks_once(stream):
        await stream.until("start")
        if not breaks_once.has_broken:
            breaks_once.has_broken = True
            stream.request.transport.abort()
            return
        await stream.ws.close()

    breaks_once.has_broken = False
    bridge, log = await place(answers, agent=breaks_once, script=CallScript())
    assert (log.result, log.reason) == ("completed", "agent_hung_up")
    assert len(set(log.stream_sids)) == 2
    assert len(log.twiml) == 3
    assert bridge.bad_signatures == []


async def test_without_an_action_the_next_verb_runs():
    document = CONNECT.replace(' action="/twilio/stream-ended"', "")
    bridge, log = await place({"/twilio/voice": document}, script=CallScript())
    assert log.said_by_network == ["Last resort."]
    assert bridge.paths() == ["/twilio/voice", "/twilio/status"]
    assert (log.result, log.reason) == ("completed", "agent_hung_up")


async def test_the_fallback_is_asked_with_the_error_and_its_document_runs():
    answers = {"/twilio/voice": 500, "/twilio/fallback": twiml("<Say>Sorry.</Say><Hangup/>")}
    bridge, log = await place(answers, fallback_path="/twilio/fallback", script=PATIENT)
    params = bridge.params("/twilio/fallback")
    assert (params["ErrorCode"], params["ErrorUrl"]) == ("11200", bridge.base + "/twilio/voice")
    assert (log.said_by_network, log.result, log.reason) == (["Sorry."], "failed", "webhook_failed")
    answers["/twilio/fallback"] = twiml("<Dial>+15550100009</Dial>")
    _, log = await place(answers, fallback_path="/twilio/fallback", script=PATIENT)
    assert (log.dialled, log.result, log.reason) == (["+15550100009"], "completed", "transferred")


async def test_redirects_are_followed_with_their_method_and_not_for_ever():
    answers = {"/twilio/voice": twiml("<Redirect method='GET'>/other?a=1</Redirect>"), "/other": twiml("<Hangup/>")}
    bridge, log = await place(answers)
    assert bridge.paths()[1] == "/other"
    assert (bridge.bad_signatures, log.violations) == ([], [])
    bridge, log = await place({"/twilio/voice": twiml("<Redirect>/twilio/voice</Redirect>")})
    assert (log.result, log.reason) == ("failed", "twiml_loop")
    assert bridge.paths().count("/twilio/voice") == MAX_DOCUMENTS + 1


async def test_what_is_not_understood_ends_the_call_with_an_error():
    _, log = await place({"/twilio/voice": twiml("<Sing>la</Sing><Say>Hello.</Say>")}, script=PATIENT)
    assert (log.result, log.reason, log.said_by_network) == ("failed", "twiml_invalid", [])
    assert log.violations == ["12200 <Sing> is not understood in <Response>"]


async def test_a_retried_webhook_is_compared_byte_for_byte():
    faults = PhoneFaults(repeat_webhook=True)
    bridge, log = await place({}, faults=faults)
    assert (log.repeat_identical, bridge.paths()[:2]) == (True, ["/twilio/voice"] * 2)
    tokens = {headers["I-Twilio-Idempotency-Token"] for headers in bridge.headers[:2]}
    assert len(tokens) == 1
    _, log = await place(
        {"/twilio/voice": [twiml("<Say>One.</Say>"), twiml("<Say>Two.</Say>")]}, faults=faults, script=PATIENT
    )
    assert (log.repeat_identical, log.said_by_network) == (False, ["Two."])


async def test_a_bad_signature_is_no_violation_of_the_server():
    _, log = await place({"/twilio/voice": 403, "/twilio/status": 403}, faults=PhoneFaults(bad_signature=True))
    assert (log.result, log.reason, log.violations) == ("failed", "webhook_failed", [])


async def test_a_status_callback_that_fails_is_a_violation():
    _, log = await place({"/twilio/status": 404})
    assert log.violations[0].startswith("11200")


async def test_faults_are_for_the_first_stream_only():
    answers = {"/twilio/stream-ended": [CONNECT, twiml("<Hangup/>")]}
    bridge, log = await place(answers, agent=listener, faults=PhoneFaults(reset_ms=40), script=CallScript(max_s=0.3))
    assert len(log.stream_sids) == 2
    assert (log.result, log.reason) == ("failed", "too_long")
    assert bridge.streams[1].events()[-1] == "stop"
