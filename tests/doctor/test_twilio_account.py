from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from ivr_bridge.doctor.twilio_account import auth_token, credentials, number
from tests.doctor.conftest import Scene, finding_of
from tests.support.twilio_rest import AUTH_TOKEN, KEY_SECRET, KEY_SID, FakeTwilio
from tests.support.twilio_rest import number as a_number

PUBLIC = "https://bridge.example"
GOOD = {
    "voice_url": f"{PUBLIC}/twilio/voice#rc=2&rp=ct,rt,5xx",
    "voice_fallback_url": "https://handler.twilio.com/twiml/EH1",
    "status_callback": f"{PUBLIC}/twilio/status",
}


class TestCredentials:
    async def test_accepted(self, scene: Scene, twilio: FakeTwilio):
        finding = await credentials(scene.around(**twilio.settings()))
        assert (finding.verdict, finding.found) == ("ok", "accepted (Test, Full)")

    async def test_an_api_key_is_used_where_there_is_one(self, scene: Scene, twilio: FakeTwilio):
        key = {"twilio_api_key_sid": KEY_SID, "twilio_api_key_secret": SecretStr(KEY_SECRET)}
        around = scene.around(**twilio.settings(twilio_auth_token=SecretStr("old"), **key))
        assert (await credentials(around)).ok is True

    async def test_refused(self, scene: Scene, twilio: FakeTwilio):
        finding = await credentials(scene.around(**twilio.settings(twilio_auth_token=SecretStr("not-this"))))
        assert finding.ok is False
        assert "20003" in finding.found
        assert "not-this" not in f"{finding}"

    async def test_another_account(self, scene: Scene, twilio: FakeTwilio):
        twilio.logins["AC-other"] = AUTH_TOKEN
        finding = await credentials(scene.around(**twilio.settings(twilio_account_sid="AC-other")))
        assert finding.ok is False
        assert "TWILIO_ACCOUNT_SID" in finding.remedy

    @pytest.mark.parametrize(
        ("change", "verdict"), [({"status": "suspended"}, "failed"), ({"type": "Trial"}, "warning")]
    )
    async def test_an_account_with_a_catch(
        self, scene: Scene, twilio: FakeTwilio, change: dict[str, Any], verdict: str
    ):
        twilio.account |= change
        assert (await credentials(scene.around(**twilio.settings()))).verdict == verdict

    async def test_nobody_there(self, scene: Scene, twilio: FakeTwilio, unused_tcp_port: int):
        nowhere = f"http://127.0.0.1:{unused_tcp_port}"
        finding = await finding_of(credentials, scene.around(**twilio.settings(twilio_api_base_url=nowhere)))
        assert finding.ok is False

    async def test_not_configured(self, scene: Scene):
        for check in (credentials, auth_token, number):
            finding = await finding_of(check, scene.around())
            assert (finding.ok, finding.found) == (None, "TWILIO_ACCOUNT_SID is not set")


class TestAuthToken:
    async def test_each_token_is_tried(self, scene: Scene, twilio: FakeTwilio):
        finding = await auth_token(scene.around(**twilio.settings()))
        assert (finding.verdict, finding.found) == ("ok", "token 1 of 1 is valid")

    async def test_one_that_is_old_is_advice(self, scene: Scene, twilio: FakeTwilio):
        finding = await auth_token(scene.around(**twilio.settings(twilio_auth_token=SecretStr(f"old,{AUTH_TOKEN}"))))
        assert (finding.verdict, finding.found) == ("warning", "token 1 of 2 is not valid; token 2 of 2 is valid")

    async def test_none_that_is_valid_fails_though_an_api_key_is(self, scene: Scene, twilio: FakeTwilio):
        key = {"twilio_api_key_sid": KEY_SID, "twilio_api_key_secret": SecretStr(KEY_SECRET)}
        around = scene.around(**twilio.settings(twilio_auth_token=SecretStr("old"), **key))
        finding = await auth_token(around)
        assert (finding.ok, finding.found) == (False, "token 1 of 1 is not valid")
        assert "every call is refused" in finding.remedy

    async def test_an_api_key_alone_signs_nothing(self, scene: Scene, twilio: FakeTwilio):
        key = {"twilio_api_key_sid": KEY_SID, "twilio_api_key_secret": SecretStr(KEY_SECRET)}
        finding = await finding_of(auth_token, scene.around(**twilio.settings(twilio_auth_token=None, **key)))
        assert (finding.ok, finding.found) == (None, "TWILIO_AUTH_TOKEN is not set")


class TestNumber:
    async def found(self, scene: Scene, twilio: FakeTwilio, *numbers: dict[str, Any]) -> Any:
        twilio.numbers = list(numbers)
        return await finding_of(number, scene.around(**twilio.settings(public_base_url=PUBLIC)))

    async def test_calls_come_here(self, scene: Scene, twilio: FakeTwilio):
        others = [a_number(f"+155501001{n}", voice_url="https://pbx.example/") for n in range(4)]
        finding = await self.found(scene, twilio, *others, a_number("+15550100020", **GOOD))
        assert (finding.verdict, finding.found) == ("ok", "+15550100020 points here")

    @pytest.mark.parametrize(
        ("fields", "goal"),
        [
            ({}, "nowhere"),
            ({"voice_url": "https://old.example/twilio/voice"}, "https://old.example/twilio/voice"),
            ({"voice_url": f"{PUBLIC}/voice"}, f"{PUBLIC}/voice"),
            ({**GOOD, "voice_application_sid": "AP1"}, "the TwiML application AP1"),
            ({**GOOD, "trunk_sid": "TK1"}, "the SIP trunk TK1"),
        ],
    )
    async def test_calls_go_elsewhere(self, scene: Scene, twilio: FakeTwilio, fields: dict[str, Any], goal: str):
        finding = await self.found(scene, twilio, a_number("+15550100020", **fields))
        assert finding.ok is False
        assert finding.found == f"no number's calls come here: +15550100020 to {goal}"
        assert f"{PUBLIC}/twilio/voice#rc=2&rp=ct,rt,5xx" in finding.remedy

    async def test_an_account_without_a_number(self, scene: Scene, twilio: FakeTwilio):
        assert (await self.found(scene, twilio)).found == "the account has no number"

    async def test_a_number_that_asks_by_get(self, scene: Scene, twilio: FakeTwilio):
        finding = await self.found(scene, twilio, a_number("+15550100020", **GOOD, voice_method="GET"))
        assert finding.ok is False
        assert "POST" in finding.remedy

    @pytest.mark.parametrize(
        ("fields", "advice"),
        [
            ({"voice_url": f"{PUBLIC}/twilio/voice"}, "#rc=2"),
            ({"voice_fallback_url": ""}, "primary handler fails"),
            ({"status_callback": ""}, "call status changes"),
        ],
    )
    async def test_what_could_be_better(self, scene: Scene, twilio: FakeTwilio, fields: dict[str, Any], advice: str):
        finding = await self.found(scene, twilio, a_number("+15550100020", **{**GOOD, **fields}))
        assert finding.verdict == "warning"
        assert advice in finding.remedy

    async def test_a_number_that_a_flow_is_for_must_come_here_too(self, scene: Scene, twilio: FakeTwilio):
        scene.only_flow(numbers=["+15550100021", "+4930*"])
        finding = await self.found(scene, twilio, a_number("+15550100020", **GOOD), a_number("+15550100021"))
        assert finding.ok is False
        assert "a flow is for +15550100021, whose calls go to nowhere" in finding.found

    async def test_a_broken_configuration_names_no_numbers(self, scene: Scene, twilio: FakeTwilio):
        scene.write("bridge.yaml", "language: [")
        assert (await self.found(scene, twilio, a_number("+15550100020", **GOOD))).ok is True

    async def test_without_a_public_address_nothing_can_point_here(self, scene: Scene, twilio: FakeTwilio):
        finding = await finding_of(number, scene.around(**twilio.settings()))
        assert finding.ok is None
        assert "PUBLIC_BASE_URL" in finding.found

    async def test_refused_credentials_are_told_by_their_own_check(self, scene: Scene, twilio: FakeTwilio):
        twilio.logins.clear()
        finding = await self.found(scene, twilio)
        assert (finding.ok, finding.remedy) == (None, "see the check `twilio_credentials`")

    async def test_a_twilio_that_fails(self, scene: Scene, twilio: FakeTwilio):
        async def broken(_request: web.Request) -> web.Response:
            return web.Response(status=400, text="?")

        twilio.instead = [broken]
        assert (await self.found(scene, twilio)).ok is False
