import aiohttp
import pytest

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript, HangUp
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.stream_dialler import StreamDialler
from ivr_bridge.simulator.phone.talk_notes import TalkNotes
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb
from ivr_bridge.simulator.phone.webhooks import Webhooks

from .scripted_bridge import goodbye, listener, serving

PUBLIC = "https://bridge.example"


async def dial(bridge, faults=None, parameters=(), **attributes):
    """Connect one `<Stream>` of a bridge; returns how it ended and the log."""
    log, line = CallLog("CA" + "1" * 32), bridge.line()
    children = tuple(Verb("Parameter", {"name": name, "value": value}, "") for name, value in parameters)
    stream = Verb("Stream", {"url": bridge.stream_url, **attributes}, "", children)
    faults = faults or PhoneFaults()
    async with aiohttp.ClientSession() as session:
        recording, caller = Recording(), Caller(CallScript((HangUp(),)))
        dialler = StreamDialler(
            line,
            Webhooks(session, line, faults),
            faults,
            recording=recording,
            caller=caller,
            log=log,
            notes=TalkNotes(log, recording.hearing, caller),
        )
        return await dialler.connect(TwimlDocument(line.known_url("/twilio/voice"), ""), stream), log


@pytest.mark.parametrize("public", [None, PUBLIC])
async def test_a_stream_is_signed_as_known_and_dialled_at_the_server(public):
    async with serving(goodbye, public_base_url=public) as bridge:
        end, log = await dial(bridge, parameters=[("token", "t"), ("lang", "es")])
        assert end is not None
        assert bridge.bad_signatures == []
        start = bridge.streams[0].received[1]["start"]
        assert start["customParameters"] == {"token": "t", "lang": "es"}
        assert log.stream_sids == [start["streamSid"]]
        assert log.custom_parameters == {"token": "t", "lang": "es"}
        assert log.violations == []


async def test_an_unsigned_upgrade_is_unsigned():
    async with serving(goodbye) as bridge:
        await dial(bridge, PhoneFaults(unsigned_upgrade=True))
        assert bridge.bad_signatures == ["/twilio/media/0"]


async def test_a_query_string_is_cut_off_and_noted():
    async with serving(goodbye) as bridge:
        end, log = await dial(bridge, url=bridge.stream_url + "?token=t")
        assert end is not None
        assert bridge.streams[0].request.query_string == ""
        assert [violation[:5] for violation in log.violations] == ["31920"]


@pytest.mark.parametrize(
    ("url", "code"), [("ws://bridge.example/twilio/media/0", "31922"), ("wss://elsewhere.example/x", "31901")]
)
async def test_a_stream_url_that_the_vendor_would_not_dial_is_not_dialled(url, code):
    async with serving(goodbye, public_base_url=PUBLIC) as bridge:
        end, log = await dial(bridge, url=url)
        assert (end, bridge.streams) == (None, [])
        assert (log.result, log.reason) == ("failed", "stream_url_invalid")
        assert log.violations[0].startswith(code)


async def test_the_streams_own_callbacks_are_posted_in_order_and_signed():
    async with serving(goodbye) as bridge:
        _, log = await dial(bridge, statusCallback=bridge.base + "/twilio/stream-status", name="main")
        assert bridge.paths() == ["/twilio/stream-status"] * 2
        started, stopped = (params for _, params in bridge.posts)
        assert (started["StreamEvent"], stopped["StreamEvent"]) == ("stream-started", "stream-stopped")
        assert started["StreamSid"] == log.stream_sids[0]
        assert (started["StreamName"], started["CallSid"]) == ("main", log.call_sid)
        assert started["Timestamp"].endswith("Z")
        assert bridge.bad_signatures == []


async def test_a_refused_upgrade_is_an_error_for_the_callback_too():
    async with serving(listener, answers={"refuse": 403}) as bridge:
        end, log = await dial(bridge, statusCallback=bridge.base + "/twilio/stream-status")
        assert end is None
        assert (log.result, log.reason) == ("failed", "stream_refused")
        params = bridge.params("/twilio/stream-status")
        assert (params["StreamEvent"], params["StreamError"][:5]) == ("stream-error", "31920")


async def test_a_failing_callback_is_noted():
    async with serving(goodbye, answers={"/twilio/stream-status": 500}) as bridge:
        _, log = await dial(bridge, statusCallback=bridge.base + "/twilio/stream-status")
        assert len(log.violations) == 1
        assert log.violations[0].startswith("11200")
