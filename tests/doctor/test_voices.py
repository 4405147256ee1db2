from datetime import UTC, datetime
from typing import Any

import pytest

from ivr_bridge.doctor.seed_voices import SEED_VOICES
from ivr_bridge.doctor.voices import in_use, seeds
from ivr_bridge.simulator.service.voices import VOICES
from ivr_bridge.simulator.service.voices import Voice as SandboxVoice
from tests.doctor.conftest import DESK, SandboxVendor, Scene, finding_of

RACHEL, DOMI, SARAH = (seed.voice_id for seed in SEED_VOICES[:3])


def at(text: str) -> Any:
    return lambda: datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class TestInUse:
    async def test_the_agents_voice(self, scene: Scene, vendor: SandboxVendor):
        finding = await in_use(scene.around(**vendor.settings()))
        assert finding.verdict == "ok"
        assert finding.found == f"Clara (female, american), the voice of Harbour Kitchen desk ({DESK})"

    async def test_a_voice_that_is_gone(self, scene: Scene, vendor: SandboxVendor):
        scene.bridge(prompt_voice=DOMI)
        finding = await in_use(scene.around(**vendor.settings()))
        assert finding.ok is False
        assert f"{DOMI} (prompt_voice) cannot be used: voice_not_found" in finding.found

    async def test_every_place_where_a_voice_is_set_is_looked_at(self, scene: Scene, vendor: SandboxVendor):
        vendor.change_agent(
            {"conversation_config": {"language_presets": {"es": {"overrides": {"tts": {"voice_id": "v-preset"}}}}}}
        )
        scene.bridge(overrides={"tts": {"voice_id": "v-bridge"}})
        nodes = {"talk": {"kind": "agent", "overrides": {"tts": {"voice_id": "v-flow"}}}}
        scene.only_flow(nodes=nodes)
        finding = await in_use(scene.around(**vendor.settings()))
        assert finding.ok is False
        for words in (
            "v-preset (the es voice of",
            "v-bridge (overrides of bridge.yaml)",
            "v-flow (overrides of flow own)",
        ):
            assert words in finding.found

    @pytest.mark.parametrize(
        ("now", "words"), [("2026-11-22", "ends in 39 days (2026-12-31)"), ("2027-01-02", "may be gone any day")]
    )
    async def test_a_default_voice_has_its_days_counted(
        self, scene: Scene, vendor: SandboxVendor, now: str, words: str
    ):
        scene.bridge(prompt_voice=SARAH)
        finding = await in_use(scene.around(**vendor.settings(), now=at(now)))
        assert finding.verdict == "warning"
        assert words in finding.found

    async def test_a_key_that_may_not_read_voices(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("GET /v1/voices/*", "missing_permission")
        for check in (in_use, seeds):
            finding = await finding_of(check, scene.around(**vendor.settings()))
            assert (finding.ok, finding.remedy) == (None, "see the check `elevenlabs_scopes`")

    async def test_a_vendor_that_fails(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("GET /v1/voices/*", "quota")
        assert (await finding_of(in_use, scene.around(**vendor.settings()))).ok is False


class TestSeeds:
    async def test_who_they_really_are(self, scene: Scene, vendor: SandboxVendor):
        finding = await seeds(scene.around(**vendor.settings()))
        assert finding.verdict == "ok"
        assert "`Professional Male` (Rachel) is a young American woman" in finding.found
        assert (
            "`Friendly Female` (Domi) is a young American woman, strong, in no list since 2025; not for this account"
            in (finding.found)
        )

    async def test_one_in_use_that_the_account_does_not_have(self, scene: Scene, vendor: SandboxVendor):
        scene.bridge(prompt_voice=DOMI)
        finding = await seeds(scene.around(**vendor.settings()))
        assert finding.ok is False
        assert "not for this account, and used by prompt_voice" in finding.found

    async def test_one_in_use_whose_profile_promises_somebody_else(self, scene: Scene, vendor: SandboxVendor):
        scene.bridge(prompt_voice=RACHEL)
        finding = await seeds(scene.around(**vendor.settings()))
        assert finding.verdict == "warning"
        assert finding.remedy == "whoever wants a male voice must choose another"

    @pytest.mark.parametrize(("used", "ok"), [(True, False), (False, True)])
    async def test_an_id_that_was_given_to_somebody_else(
        self, scene: Scene, vendor: SandboxVendor, monkeypatch: pytest.MonkeyPatch, used: bool, ok: bool
    ):
        monkeypatch.setitem(VOICES, SARAH, SandboxVoice(SARAH, "Bruno", "male", "german", "m1", 160, 40))
        if used:
            scene.bridge(prompt_voice=SARAH)
        finding = await seeds(scene.around(**vendor.settings()))
        assert finding.ok is ok
        assert "is now Bruno (male)" in finding.found

    async def test_a_broken_configuration_uses_none(self, scene: Scene, vendor: SandboxVendor):
        scene.write("bridge.yaml", "language: [")
        assert (await seeds(scene.around(**vendor.settings()))).ok is True
