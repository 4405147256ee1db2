from typing import Any

import pytest

from ivr_bridge.agents.agent_file import NEEDED_EVENTS
from ivr_bridge.doctor.agent import events, exists, formats, overrides, sent_overrides, tools
from ivr_bridge.doctor.surroundings import Surroundings
from tests.doctor.conftest import DESK, SandboxVendor, Scene, finding_of

PRIVATE = "agent_sandbox_private"


@pytest.fixture
def at_sandbox(scene: Scene, vendor: SandboxVendor) -> Surroundings:
    return scene.around(**vendor.settings(), elevenlabs_agent_id=DESK)


class TestExists:
    async def test_it_is_there(self, at_sandbox: Surroundings):
        finding = await exists(at_sandbox)
        assert (finding.verdict, finding.found) == ("ok", f"Harbour Kitchen desk ({DESK}): ELEVENLABS_AGENT_ID")

    async def test_it_is_not(self, scene: Scene, vendor: SandboxVendor):
        scene.only_flow(ladder=[{"kind": "agent", "agent_id": "agent_gone"}])
        finding = await exists(scene.around(**vendor.settings(), elevenlabs_agent_id=DESK))
        assert finding.ok is False
        assert "agent_gone (flow own) does not exist" in finding.found

    async def test_an_account_without_agents(self, scene: Scene, vendor: SandboxVendor):
        for agent_id in list(vendor.account.agents):
            vendor.account.agents.remove(agent_id)
        finding = await exists(scene.around(**vendor.settings()))
        assert (finding.ok, finding.found) == (False, "the account has no agent")

    async def test_one_that_the_key_may_not_read(self, at_sandbox: Surroundings, vendor: SandboxVendor):
        vendor.faults.add(f"GET /v1/convai/agents/{DESK}", "missing_permission")
        finding = await exists(at_sandbox)
        assert finding.ok is False
        assert "cannot be read" in finding.found

    async def test_what_depends_on_it_is_then_not_asked(self, scene: Scene, vendor: SandboxVendor):
        around = scene.around(**vendor.settings(), elevenlabs_agent_id="agent_gone")
        for check in (formats, events, overrides, tools):
            finding = await finding_of(check, around)
            assert (finding.ok, finding.remedy) == (None, "see the check `agent`")


class TestFormats:
    @staticmethod
    def speak(vendor: SandboxVendor, name: str) -> None:
        vendor.change_agent({"conversation_config": {"tts": {"agent_output_audio_format": name}}})

    async def test_mu_law_both_ways(self, at_sandbox: Surroundings):
        finding = await formats(at_sandbox)
        assert finding.verdict == "ok"
        assert "hears ulaw_8000, speaks ulaw_8000" in finding.found

    async def test_another_one_costs(self, at_sandbox: Surroundings, vendor: SandboxVendor):
        self.speak(vendor, "pcm_16000")
        finding = await formats(at_sandbox)
        assert finding.verdict == "warning"
        assert "transcoded" in finding.remedy

    async def test_one_that_the_bridge_cannot_play(self, at_sandbox: Surroundings, vendor: SandboxVendor):
        self.speak(vendor, "opus_48000")
        finding = await formats(at_sandbox)
        assert finding.ok is False
        assert "does not know opus_48000" in finding.found

    async def test_one_that_twilio_would_play_as_noise(
        self, scene: Scene, at_sandbox: Surroundings, vendor: SandboxVendor
    ):
        scene.only_flow(ladder=[{"kind": "register_call"}])
        self.speak(vendor, "pcm_16000")
        finding = await formats(at_sandbox)
        assert finding.ok is False
        assert "register_call" in finding.remedy


class TestEvents:
    @staticmethod
    def tell(vendor: SandboxVendor, *names: str) -> None:
        vendor.change_agent({"conversation_config": {"conversation": {"client_events": list(names)}}})

    async def test_all_that_is_needed(self, at_sandbox: Surroundings):
        assert (await events(at_sandbox)).verdict == "ok"

    @pytest.mark.parametrize("event", NEEDED_EVENTS)
    async def test_each_that_is_missing(self, at_sandbox: Surroundings, vendor: SandboxVendor, event: str):
        self.tell(vendor, *(each for each in NEEDED_EVENTS if each != event))
        finding = await events(at_sandbox)
        assert finding.ok is False
        assert f"does not tell {event}" in finding.found
        assert ("barge in" in finding.found) == (event == "interruption")

    async def test_the_vendors_default_is_not_enough(self, at_sandbox: Surroundings, vendor: SandboxVendor):
        self.tell(vendor)
        finding = await events(at_sandbox)
        assert finding.ok is False
        assert "client_tool_call" in finding.found


class TestOverrides:
    async def test_nothing_is_sent(self, at_sandbox: Surroundings, scene: Scene):
        scene.only_flow()
        assert "is sent no overrides" in (await overrides(at_sandbox)).found

    async def test_what_is_allowed(self, at_sandbox: Surroundings, scene: Scene):
        scene.only_flow(agent={"overrides": {"agent": {"first_message": "Hi"}}, "language": "es"})
        finding = await overrides(at_sandbox)
        assert finding.verdict == "ok"
        assert "allows all that is sent" in finding.found

    async def test_what_is_not(self, at_sandbox: Surroundings, scene: Scene):
        scene.bridge(overrides={"tts": {"voice_id": "v1", "speed": 1.1}})
        scene.only_flow(agent={"overrides": {"agent": {"prompt": {"prompt": "x"}}}})
        finding = await overrides(at_sandbox)
        assert finding.ok is False
        for words in ("tts.voice_id (bridge.yaml)", "tts.speed (bridge.yaml)", "agent.prompt.prompt (flow own)"):
            assert words in finding.found

    async def test_each_agent_is_judged_by_what_it_gets(self, scene: Scene, vendor: SandboxVendor):
        scene.only_flow(agent={"agent_id": PRIVATE, "language": "es"})
        finding = await overrides(scene.around(**vendor.settings(), elevenlabs_agent_id=DESK))
        assert finding.ok is False
        assert f"({DESK}) is sent no overrides" in finding.found
        assert f"({PRIVATE}) does not allow agent.language (flow own)" in finding.found

    async def test_callers_who_may_choose_their_language(self, scene: Scene, vendor: SandboxVendor):
        nodes = {
            "talk": {"kind": "agent"},
            "ask": {"kind": "language", "language": "es", "next": "talk"},
        }
        scene.only_flow(start="ask", nodes=nodes)
        finding = await overrides(scene.around(**vendor.settings(), elevenlabs_agent_id=PRIVATE))
        assert finding.verdict == "warning"
        assert "agent.language" in finding.remedy

    async def test_a_nodes_overrides_join_the_flows(self, scene: Scene):
        nodes = {"talk": {"kind": "agent", "agent_id": "two", "overrides": {"tts": {"speed": 1.1}}}}
        scene.only_flow(agent={"overrides": {"agent": {"first_message": "Hi"}}}, nodes=nodes)
        sent = sent_overrides(await scene.around().written(), "one")
        assert sent == {
            "one": {"agent.first_message": "flow own"},
            "two": {"agent.first_message": "flow own", "tts.speed": "flow own"},
        }


class TestTools:
    @staticmethod
    def keep(vendor: SandboxVendor, name: str, **properties: Any) -> str:
        config = {
            "type": "client",
            "name": name,
            "description": "x",
            "parameters": {"type": "object", "required": list(properties), "properties": properties},
        }
        vendor.account.tools.put(f"tool_{name}", {"id": f"tool_{name}", "tool_config": config, "access_info": {}})
        return f"tool_{name}"

    @staticmethod
    def give(vendor: SandboxVendor, *tool_ids: str) -> None:
        vendor.change_agent({"conversation_config": {"agent": {"prompt": {"tools": [], "tool_ids": list(tool_ids)}}}})

    async def test_the_sandbox_calls_what_the_shipped_configuration_answers(self, at_sandbox: Surroundings):
        finding = await tools(at_sandbox)
        assert finding.verdict == "ok"
        assert "5 client tools, all answered here" in finding.found

    async def test_a_handler_that_is_gone(self, at_sandbox: Surroundings, scene: Scene):
        scene.bridge(tools_module=None)
        finding = await tools(at_sandbox)
        assert finding.ok is False
        assert "calls what nobody here answers book_table" in finding.found

    async def test_other_arguments(self, at_sandbox: Surroundings, vendor: SandboxVendor):
        self.give(vendor, self.keep(vendor, "book_table", guests={"type": "integer", "description": "n"}))
        finding = await tools(at_sandbox)
        assert finding.ok is False
        assert "has other arguments than we for book_table" in finding.found

    async def test_a_tool_that_the_agents_file_names(
        self, at_sandbox: Surroundings, scene: Scene, vendor: SandboxVendor
    ):
        self.give(vendor)
        assert (await tools(at_sandbox)).ok is True, "without a file no tool is expected"
        vendor.change_agent({"tags": ["ivr-bridge:desk"]})
        scene.write(
            "agents/desk.yaml", {"name": "Desk", "prompt": "x", "first_message": {"en": "Hi"}, "tools": ["book_table"]}
        )
        again = scene.around(**vendor.settings(), elevenlabs_agent_id=DESK)
        finding = await tools(again)
        assert finding.ok is False
        assert "was not told of book_table" in finding.found

    @pytest.mark.parametrize(("named", "ok"), [([], True), (None, False)])
    async def test_a_file_that_names_none_of_them_or_all(
        self, scene: Scene, vendor: SandboxVendor, named: list[str] | None, ok: bool
    ):
        self.give(vendor)
        vendor.change_agent({"tags": ["ivr-bridge:desk"]})
        file = {"name": "Desk", "prompt": "x", "first_message": {"en": "Hi"}}
        scene.write("agents/desk.yaml", file if named is None else {**file, "tools": named})
        finding = await tools(scene.around(**vendor.settings(), elevenlabs_agent_id=DESK))
        assert finding.ok is ok
