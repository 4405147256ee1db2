import pytest

from ivr_bridge.simulator.phone.callees import busy, green_but_broken, machine, nobody, person
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Wait

from .rest_scene import OURS, THEIRS, rest_scene
from .scripted_bridge import eventually, goodbye, greeter, tone
from .test_placed_call import twiml

STREAM = '<Response><Connect action="/twilio/stream-ended"><Stream url="{stream}"/></Connect></Response>'
LISTENS = person(Wait(30), HangUp(), rings_s=0.0, greeting_pcm16=tone(100))
EVENTS = ["initiated", "ringing", "answered", "completed"]


async def test_a_call_rings_is_answered_by_a_stream_and_ends_and_each_step_is_told():
    async with rest_scene({"/flow": STREAM}, agent=goodbye) as scene:
        scene.network.callees.set(THEIRS, LISTENS)
        sid = await scene.call(Url=scene.url("/flow"), StatusCallback=scene.url("/status"), StatusCallbackEvent=EVENTS)
        await scene.network.idle()
        asked = scene.bridge.params("/flow")
        steps = scene.told("/status")
        report = scene.network.calls[sid].report()
    assert (asked["Direction"], asked["CallStatus"], asked["CallSid"]) == ("outbound-api", "in-progress", sid)
    assert (asked["From"], asked["To"]) == (OURS, THEIRS)
    assert [step["CallStatus"] for step in steps] == ["initiated", "ringing", "in-progress", "completed"]
    assert [step["SequenceNumber"] for step in steps] == ["0", "1", "2", "3"]
    assert "CallDuration" in steps[-1]
    assert scene.bridge.streams[0].events()[:2] == ["connected", "start"]
    assert (report.result, report.reason, report.violations) == ("completed", "agent_hung_up", [])
    assert len(report.heard_at_ms) == 1, "they heard the stream"
    assert scene.bridge.bad_signatures == []


@pytest.mark.parametrize(
    ("callee", "form", "status"),
    [
        (busy(), {}, "busy"),
        (nobody(), {"Timeout": "5"}, "no-answer"),
        (LISTENS.ringing_for(9), {"Timeout": "5"}, "no-answer"),
    ],
)
async def test_without_an_answer_no_document_is_asked_for(callee, form, status):
    async with rest_scene({"/flow": STREAM}) as scene:
        scene.network.callees.set(THEIRS, callee)
        sid = await scene.call(Url=scene.url("/flow"), StatusCallback=scene.url("/status"), **form)
        await scene.network.idle()
        shown = (await scene.ask("GET", f"/Calls/{sid}.json"))[1]
    assert (shown["status"], shown["start_time"], shown["duration"]) == (status, None, "0")
    assert [step["CallStatus"] for step in scene.told("/status")] == [status]
    assert "/flow" not in scene.bridge.paths()


async def test_green_but_broken_is_completed():
    async with rest_scene({"/flow": STREAM}, agent=greeter) as scene:
        scene.network.callees.set(THEIRS, green_but_broken())
        sid = await scene.call(Url=scene.url("/flow"))
        await scene.network.idle()
        assert scene.account(sid).status == "completed"
        assert scene.bridge.params("/twilio/stream-ended")["CallStatus"] == "completed"


async def test_machine_detection_before_the_document_is_told_with_it():
    async with rest_scene({"/flow": twiml("<Say>Hello.</Say>")}) as scene:
        scene.network.callees.set(THEIRS, machine(tone(1000), rings_s=0.0))
        sid = await scene.call(Url=scene.url("/flow"), MachineDetection="DetectMessageEnd")
        await scene.network.idle()
        assert scene.bridge.params("/flow")["AnsweredBy"] == "machine_end_beep"
        shown = (await scene.ask("GET", f"/Calls/{sid}.json"))[1]
        assert shown["answered_by"] == "machine_end_beep"


async def test_machine_detection_beside_the_call_is_told_while_the_stream_is_on():
    async with rest_scene({"/flow": STREAM}) as scene:
        scene.network.callees.set(THEIRS, machine(tone(200), rings_s=0.0))
        await scene.call(
            Url=scene.url("/flow"),
            MachineDetection="DetectMessageEnd",
            AsyncAmd="true",
            AsyncAmdStatusCallback=scene.url("/amd"),
        )
        await eventually(lambda: "/amd" in scene.bridge.paths())
        told = scene.bridge.params("/amd")
        assert (told["AnsweredBy"], told["MachineDetectionDuration"]) == ("machine_end_beep", "600")
        assert "AnsweredBy" not in scene.bridge.params("/flow")
        assert scene.bridge.streams[0].close_code is None


async def test_an_update_replaces_the_document_the_stream_is_stopped_and_its_action_not_asked():
    async with rest_scene({"/flow": STREAM, "/next": twiml("<Say>Moved.</Say>")}) as scene:
        scene.network.callees.set(THEIRS, LISTENS)
        sid = await scene.call(Url=scene.url("/flow"))
        await eventually(lambda: bool(scene.bridge.streams) and "media" in scene.bridge.streams[0].events())
        status, _ = await scene.ask("POST", f"/Calls/{sid}.json", Url=scene.url("/next"), Method="GET")
        assert status == 200
        await scene.network.idle()
        assert scene.bridge.streams[0].events()[-1] == "stop"
        assert scene.network.calls[sid].report().said_by_network == ["Moved."]
        assert "/twilio/stream-ended" not in scene.bridge.paths()


async def test_keys_are_played_and_a_new_stream_follows():
    async with rest_scene({"/flow": STREAM}) as scene:
        scene.network.callees.set(THEIRS, LISTENS)
        sid = await scene.call(Url=scene.url("/flow"))
        await eventually(lambda: bool(scene.bridge.streams))
        document = (
            f"<Response><Play digits='12#'/><Connect><Stream url='{scene.bridge.stream_url}'/></Connect></Response>"
        )
        await scene.ask("POST", f"/Calls/{sid}.json", Twiml=document)
        await eventually(lambda: len(scene.bridge.streams) == 2)
        await scene.ask("POST", f"/Calls/{sid}.json", Status="completed")
        await scene.network.idle()
        report = scene.network.calls[sid].report()
    assert (report.played_by_network, len(set(report.stream_sids))) == (["12#"], 2)
    assert (report.result, report.reason, scene.account(sid).status) == ("completed", "ended_by_rest", "completed")


async def test_a_call_may_be_canceled_while_it_rings_and_not_after():
    async with rest_scene({"/flow": STREAM}, in_real_time=True) as scene:
        scene.network.callees.set(THEIRS, nobody())
        sid = await scene.call(Url=scene.url("/flow"), StatusCallback=scene.url("/status"))
        await scene.until(sid, "ringing")
        assert (await scene.ask("POST", f"/Calls/{sid}.json", Status="canceled"))[0] == 200
        await scene.network.idle()
        assert scene.account(sid).status == "canceled"
        assert [step["CallStatus"] for step in scene.told("/status")] == ["canceled"]
        status, body = await scene.ask("POST", f"/Calls/{sid}.json", Status="completed")
        assert (status, body["code"]) == (400, 21220)


async def test_digits_may_be_sent_first_and_the_whole_call_recorded():
    async with rest_scene({"/flow": twiml("<Pause length='2'/>")}) as scene:
        scene.network.callees.set(THEIRS, LISTENS)
        sid = await scene.call(
            Url=scene.url("/flow"),
            SendDigits="w1",
            Record="true",
            RecordingChannels="dual",
            StatusCallback=scene.url("/status"),
        )
        await scene.network.idle()
        (step,) = scene.told("/status")
        (taken,) = scene.network.recordings.all()
        assert (
            step["RecordingUrl"] == f"{scene.rest.url}/2010-04-01/Accounts/{taken.account_sid}/Recordings/{taken.sid}"
        )
        assert (taken.channels, taken.call_sid) == (2, sid)
        assert taken.duration_s >= 2
        assert scene.network.calls[sid].report().network_heard_at_ms[0][0] == pytest.approx(500, abs=25)


async def test_a_person_may_press_keys_at_a_menu():
    menu = twiml("<Gather numDigits='1' action='/pressed'><Say>Press.</Say></Gather>")
    async with rest_scene({"/flow": menu, "/pressed": twiml("<Hangup/>")}) as scene:
        callee = person(Digits("4", expects_answer=False), Wait(9), rings_s=0.0, greeting_pcm16=tone(100))
        scene.network.callees.set(THEIRS, callee)
        await scene.call(Url=scene.url("/flow"))
        await scene.network.idle()
        assert scene.bridge.params("/pressed")["Digits"] == "4"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": "5550100009"}, 21211),
        ({"To": ""}, 21201),
        ({"From": "anonymous"}, 21212),
        ({"From": ""}, 21213),
        ({"Twiml": ""}, 21205),
        ({"Url": "ftp://a/b"}, 21205),
        ({"SendDigits": "1+1"}, 20001),
        ({"MachineDetection": "Maybe"}, 20001),
        ({"Timeout": "9999"}, 20001),
        ({"Whisper": "x"}, 20001),
        ({"Twiml": "<Response>" + " " * 4000 + "</Response>"}, 20001),
    ],
)
async def test_what_is_not_understood_is_refused_and_makes_no_call(form, code):
    async with rest_scene() as scene:
        given = {"To": THEIRS, "From": OURS, "Twiml": "<Response/>", **form}
        status, body = await scene.ask("POST", "/Calls.json", **given)
        assert (status, body["code"], body["status"]) == (400, code, 400)
        assert body["more_info"].endswith(str(code))
        assert scene.rest.created == []


async def test_only_the_accounts_numbers_may_call():
    async with rest_scene(rest={"numbers": ["+15550100077"]}) as scene:
        status, body = await scene.ask("POST", "/Calls.json", To=THEIRS, From=OURS, Twiml="<Response/>")
        assert (status, body["code"]) == (400, 21210)


async def test_every_create_makes_one_more_call_and_lists_are_filtered():
    async with rest_scene() as scene:
        scene.network.callees.set(THEIRS, busy())
        sids = [await scene.call() for _ in range(3)]
        await scene.network.idle()
        assert len(scene.rest.created) == 3
        _, body = await scene.ask("GET", "/Calls.json", Status="busy", PageSize="2")
        assert [call["sid"] for call in body["calls"]] == sids[:0:-1]
        assert body["next_page_uri"]
        _, rest = await scene.ask("GET", body["next_page_uri"])
        assert [call["sid"] for call in rest["calls"]] == sids[:1]
        assert (await scene.ask("GET", "/Calls.json", Status="completed"))[1]["calls"] == []
        assert (await scene.ask("GET", "/Calls/CAnone.json"))[1]["code"] == 20404
