from typing import Any

import pytest

from ivr_bridge.doctor.elevenlabs_account import SCOPES, concurrency, key, quota, scopes
from tests.doctor.conftest import DESK, SandboxVendor, Scene, finding_of


class TestKey:
    async def test_a_good_one(self, scene: Scene, vendor: SandboxVendor):
        finding = await key(scene.around(**vendor.settings()))
        assert (finding.verdict, finding.found) == ("ok", f"{vendor.url}: key 1 of 1 is good")

    async def test_a_refused_one(self, scene: Scene, vendor: SandboxVendor):
        vendor.keys.kill("key-1")
        finding = await key(scene.around(**vendor.settings()))
        assert (finding.ok, finding.found) == (False, f"{vendor.url}: key 1 of 1 is refused: invalid_api_key")
        assert "ELEVENLABS_API_KEY" in finding.remedy
        assert "key-1" not in f"{finding}"

    async def test_one_of_several_that_is_dead_is_named_by_its_place(self, scene: Scene, vendor: SandboxVendor):
        vendor.keys.kill("key-2")
        finding = await key(scene.around(**vendor.settings("key-1,key-2")))
        assert finding.verdict == "warning"
        assert finding.remedy == "take key 2 out of ELEVENLABS_API_KEY"

    async def test_one_that_may_not_read_the_account_is_good(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("GET /v1/user", "missing_permission")
        assert (await key(scene.around(**vendor.settings()))).ok is True

    async def test_a_vendor_that_is_not_there(self, scene: Scene, unused_tcp_port: int):
        around = scene.around(elevenlabs_base_url=f"http://127.0.0.1:{unused_tcp_port}", elevenlabs_api_key="k")
        finding = await finding_of(key, around)
        assert finding.ok is False
        assert "no connection" in finding.found

    async def test_without_one_nothing_of_the_vendor_is_asked(self, scene: Scene):
        for check in (key, scopes, quota, concurrency):
            finding = await finding_of(check, scene.around())
            assert finding.ok is None
            assert "ELEVENLABS_API_KEY is not set" in finding.found


class TestScopes:
    async def test_a_key_that_may_do_everything_and_nothing_is_changed(self, scene: Scene, vendor: SandboxVendor):
        before = vendor.account.agents.documents()
        finding = await scopes(scene.around(**vendor.settings()))
        assert (finding.verdict, finding.found) == ("ok", f"has {', '.join(SCOPES)}")
        assert vendor.account.agents.documents() == before

    @pytest.mark.parametrize("scope", SCOPES)
    async def test_each_permission_that_is_missing_is_named(self, scene: Scene, vendor: SandboxVendor, scope: str):
        request = SCOPES[scope]
        vendor.faults.add(f"{request.method} {request.path}", "missing_permission")
        finding = await scopes(scene.around(**vendor.settings()))
        assert finding.found == f"the key lacks {scope}"
        assert finding.verdict == ("warning" if scope == "user_read" else "failed")

    async def test_a_vendor_that_is_busy_has_said_that_the_key_may(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("POST /v1/text-to-speech/*", "busy_rate")
        assert (await scopes(scene.around(**vendor.settings()))).ok is True

    async def test_a_vendor_that_fails_says_nothing(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("PATCH *", "http_500")
        assert (await finding_of(scopes, scene.around(**vendor.settings()))).ok is False


class TestQuota:
    async def test_enough_is_left(self, scene: Scene, vendor: SandboxVendor):
        vendor.plan(tier="creator", status="active", character_count=10, character_limit=100)
        finding = await quota(scene.around(**vendor.settings()))
        assert (finding.verdict, finding.found) == ("ok", "creator, active: 10 of 100 characters are used")

    @pytest.mark.parametrize(
        ("plan", "verdict", "advice"),
        [
            ({"character_count": 100}, "failed", "until 2027-01-01"),
            ({"character_count": 95}, "warning", "until 2027-01-01"),
            ({"character_count": 100, "max_credit_limit_extension": "unlimited"}, "ok", ""),
            ({"character_count": 100, "max_credit_limit_extension": 900}, "ok", ""),
            ({"status": "free_disabled"}, "failed", "unusual activity"),
            ({"status": "incomplete"}, "failed", "payment"),
            ({"status": "past_due"}, "warning", "invoice"),
        ],
    )
    async def test_what_may_be_short(
        self, scene: Scene, vendor: SandboxVendor, plan: dict[str, Any], verdict: str, advice: str
    ):
        vendor.plan(**{"character_limit": 100, "character_count": 0, "status": "active", **plan})
        finding = await quota(scene.around(**vendor.settings()))
        assert finding.verdict == verdict
        assert advice in finding.remedy

    async def test_a_key_that_may_not_read_the_account(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("GET /v1/user/subscription", "missing_permission")
        finding = await finding_of(quota, scene.around(**vendor.settings()))
        assert (finding.ok, finding.found) == (None, "the key may not read the account")


class TestConcurrency:
    async def test_no_limits(self, scene: Scene, vendor: SandboxVendor):
        vendor.plan(tier="creator")
        finding = await concurrency(scene.around(**vendor.settings()))
        assert finding.verdict == "ok"
        assert "plan creator: 10 prompts may be spoken at once" in finding.found

    @pytest.mark.parametrize(
        ("limits", "verdict"),
        [
            ({"agent_concurrency_limit": -1, "daily_limit": 100_000}, "ok"),
            ({"agent_concurrency_limit": 10, "daily_limit": 100_000}, "warning"),
            ({"agent_concurrency_limit": 250, "daily_limit": 100_000}, "ok"),
            ({"agent_concurrency_limit": 0, "daily_limit": 100_000}, "failed"),
            ({"agent_concurrency_limit": -1, "daily_limit": 0}, "failed"),
        ],
    )
    async def test_an_agents_own_limits(
        self, scene: Scene, vendor: SandboxVendor, limits: dict[str, int], verdict: str
    ):
        vendor.change_agent({"platform_settings": {"call_limits": limits}}, DESK)
        finding = await concurrency(scene.around(**vendor.settings()))
        assert finding.verdict == verdict

    async def test_a_plan_that_cannot_be_read_does_no_harm(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("GET /v1/user/subscription", "missing_permission")
        finding = await concurrency(scene.around(**vendor.settings()))
        assert finding.ok is True
        assert "the plan is not known" in finding.found
