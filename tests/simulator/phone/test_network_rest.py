import aiohttp
import pytest

from ivr_bridge.simulator.phone.callees import busy
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID
from ivr_bridge.simulator.phone.rest_faults import RestFault

from .rest_scene import BASE, OURS, THEIRS, rest_scene
from .scripted_bridge import TOKEN

CREATE = {"To": THEIRS, "From": OURS, "Twiml": "<Response/>"}


async def test_who_is_let_in():
    key, secret = "SK" + "0b" * 16, "key-secret"
    async with rest_scene(rest={"api_keys": {key: secret}}) as scene:
        for login in ((SANDBOX_ACCOUNT_SID, TOKEN), (key, secret)):
            status, body = await scene.ask("GET", f"{BASE}.json", login=login)
            assert (status, body["sid"], body["status"]) == (200, SANDBOX_ACCOUNT_SID, "active")
        for login in ((SANDBOX_ACCOUNT_SID, "wrong"), (key, TOKEN), ("", "")):
            status, body = await scene.ask("GET", f"{BASE}.json", login=login)
            assert (status, body["code"], body["message"]) == (401, 20003, "Authenticate")
        status, _ = await scene.ask("POST", "/Calls.json", login=("AC", "x"), **CREATE)
        assert (status, scene.rest.created) == (401, [])


async def test_what_there_is_not():
    async with rest_scene() as scene:
        for path in ("/Nothing.json", "/Calls/CA1/Nothing.json"):
            status, body = await scene.ask("GET", path)
            assert (status, body["code"]) == (404, 20404)
        other = BASE.replace(SANDBOX_ACCOUNT_SID, "AC" + "1" * 32)
        assert (await scene.ask("GET", f"{other}/Calls.json"))[1]["code"] == 20404
        assert (await scene.ask("DELETE", "/Calls.json"))[1]["code"] == 20004


async def test_the_accounts_numbers():
    async with rest_scene(rest={"numbers": [OURS, "+15550100077"]}, fallback_path="/twilio/fallback") as scene:
        _, body = await scene.ask("GET", "/IncomingPhoneNumbers.json", PhoneNumber=OURS)
        (number,) = body["incoming_phone_numbers"]
        assert (number["phone_number"], number["voice_url"]) == (OURS, scene.url("/twilio/voice"))
        assert number["voice_fallback_url"] == scene.url("/twilio/fallback")
        _, call = await scene.ask("POST", "/Calls.json", **CREATE)
        assert call["phone_number_sid"] == number["sid"]
        await scene.network.idle()


@pytest.mark.parametrize(
    ("name", "status", "code", "n_made"),
    [("busy", 429, 20429, 0), ("error_before", 503, 20503, 0), ("error_after", 500, 20500, 1)],
)
async def test_faults_that_are_answers(name, status, code, n_made):
    async with rest_scene() as scene:
        scene.network.callees.set(THEIRS, busy())
        scene.rest.fail(RestFault(name, method="POST"))
        answered, body = await scene.ask("POST", "/Calls.json", **CREATE)
        assert (answered, body["code"], len(scene.rest.created)) == (status, code, n_made)
        assert (await scene.ask("POST", "/Calls.json", **CREATE))[0] == 201, "once"
        await scene.network.idle()


@pytest.mark.parametrize(("name", "n_made"), [("reset_before", 0), ("reset_after", 1)])
async def test_faults_that_are_none(name, n_made):
    async with rest_scene() as scene:
        scene.network.callees.set(THEIRS, busy())
        scene.rest.fail(RestFault(name))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await scene.ask("POST", "/Calls.json", **CREATE)
        assert len(scene.rest.created) == n_made
        assert scene.rest.requests[-1].status == 0
        await scene.network.idle()


async def test_an_answer_that_is_late_comes_after_the_call_was_made():
    async with rest_scene() as scene:
        scene.network.callees.set(THEIRS, busy())
        scene.rest.fail(RestFault("late", after_s=5.0))
        short = aiohttp.ClientTimeout(total=0.2)
        async with aiohttp.ClientSession(timeout=short) as hasty:
            scene.session, patient = hasty, scene.session
            with pytest.raises(TimeoutError):
                await scene.ask("POST", "/Calls.json", **CREATE)
            scene.session = patient
        assert len(scene.rest.created) == 1
        await scene.network.idle()


async def test_more_than_one_call_a_second_is_too_many_when_that_is_switched_on():
    async with rest_scene(rest={"creates_per_s": 1.0}) as scene:
        scene.network.callees.set(THEIRS, busy())
        answers = [await scene.ask("POST", "/Calls.json", **CREATE) for _ in range(2)]
        assert [status for status, _ in answers] == [201, 429]
        assert len(scene.rest.created) == 1
        await scene.network.idle()


async def test_every_request_is_noted_with_its_form_and_its_answer():
    async with rest_scene() as scene:
        await scene.ask("GET", "/Calls.json", PageSize="3")
        await scene.ask("POST", "/Calls.json", To="x")
        listed, created = scene.rest.requests
        assert (listed.method, listed.path, listed.status) == ("GET", f"{BASE}/Calls.json?PageSize=3", 200)
        assert (created.form, created.status) == ((("To", "x"),), 400)
