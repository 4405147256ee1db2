import io
import wave

from ivr_bridge.simulator.phone.callees import person
from ivr_bridge.simulator.phone.caller import HangUp, Wait

from .rest_scene import THEIRS, rest_scene
from .scripted_bridge import eventually, tone
from .test_rest_calls import STREAM

TALKER = person(Wait(20), HangUp(), rings_s=0.0, greeting_pcm16=tone(2000))


async def test_a_call_is_recorded_paused_stopped_fetched_and_deleted():
    async with rest_scene({"/flow": STREAM}) as scene:
        scene.network.callees.set(THEIRS, TALKER)
        sid = await scene.call(Url=scene.url("/flow"))
        await eventually(lambda: bool(scene.bridge.streams) and "media" in scene.bridge.streams[0].events())
        path = f"/Calls/{sid}/Recordings"
        status, taken = await scene.ask(
            "POST",
            f"{path}.json",
            RecordingChannels="dual",
            RecordingStatusCallback=scene.url("/recorded"),
            RecordingStatusCallbackEvent="in-progress completed",
        )
        assert (status, taken["status"], taken["channels"], taken["track"]) == (201, "in-progress", 2, "both")
        one = f"{path}/{taken['sid']}.json"
        media = f"/Recordings/{taken['sid']}.wav"
        assert (await scene.ask("GET", media))[0] == 404, "it is not done yet"
        assert (await scene.ask("POST", one, Status="paused", PauseBehavior="skip"))[1]["status"] == "paused"
        assert (await scene.ask("POST", f"{path}/Twilio.CURRENT.json", Status="in-progress"))[1][
            "status"
        ] == "in-progress"
        recording = scene.network.recordings.find(taken["sid"])
        start = recording.reel.position()
        await eventually(lambda: recording.reel.position() > start + 4000)
        assert (await scene.ask("POST", one, Status="stopped"))[1]["status"] == "completed"
        assert (await scene.ask("POST", one, Status="paused"))[1]["code"] == 21220
        _, shown = await scene.ask("GET", f"/Recordings/{taken['sid']}.json")
        assert (
            shown["media_url"]
            == f"{scene.rest.url}/2010-04-01/Accounts/{shown['account_sid']}/Recordings/{shown['sid']}"
        )
        status, body = await scene.ask("GET", media)
        with wave.open(io.BytesIO(body), "rb") as wav:
            assert (wav.getnchannels(), wav.getframerate()) == (2, 8000)
            assert wav.getnframes() >= 4000
        assert any(body[1000::401]), "the person's words are on it"
        assert [told["RecordingStatus"] for told in scene.told("/recorded")] == ["in-progress", "completed"]
        _, listed = await scene.ask("GET", "/Recordings.json", CallSid=sid)
        assert [each["sid"] for each in listed["recordings"]] == [taken["sid"]]
        assert (await scene.ask("DELETE", f"/Recordings/{taken['sid']}.json"))[0] == 204
        assert (await scene.ask("GET", media))[0] == 404
        assert (await scene.ask("GET", f"{path}.json"))[1]["recordings"] == []


async def test_only_a_call_that_goes_on_can_be_recorded():
    async with rest_scene({}) as scene:
        sid = await scene.call()
        await scene.network.idle()
        assert (await scene.ask("POST", f"/Calls/{sid}/Recordings.json"))[1]["code"] == 21220
        assert (await scene.ask("POST", "/Calls/CAnone/Recordings.json"))[1]["code"] == 20404


async def test_the_end_of_the_call_is_the_end_of_its_recording():
    async with rest_scene({"/flow": STREAM}) as scene:
        scene.network.callees.set(THEIRS, TALKER)
        sid = await scene.call(Url=scene.url("/flow"))
        await eventually(lambda: bool(scene.bridge.streams) and "media" in scene.bridge.streams[0].events())
        _, taken = await scene.ask(
            "POST", f"/Calls/{sid}/Recordings.json", RecordingStatusCallback=scene.url("/recorded")
        )
        await scene.ask("POST", f"/Calls/{sid}.json", Status="completed")
        await scene.network.idle()
        assert scene.network.recordings.find(taken["sid"]).status == "completed"
        assert [told["RecordingSid"] for told in scene.told("/recorded")] == [taken["sid"]]
