import asyncio
from pathlib import Path

import pytest

from ivr_bridge.doctor.finding import NotAsked
from ivr_bridge.doctor.surroundings import Once, choices, named_agents
from ivr_bridge.flows.model import Flow
from tests.doctor.conftest import DESK, SandboxVendor, Scene


class TestOnce:
    async def test_many_ask_and_it_is_done_once(self):
        n_made = 0

        async def make() -> int:
            nonlocal n_made
            n_made += 1
            await asyncio.sleep(0)
            return n_made

        once = Once(make)
        assert await asyncio.gather(once(), once(), once()) == [1, 1, 1]
        assert await once() == 1

    async def test_everybody_gets_the_error(self):
        async def make() -> int:
            raise NotAsked("why", "remedy")

        once = Once(make)
        results = await asyncio.gather(once(), once(), return_exceptions=True)
        assert [type(result) for result in results] == [NotAsked, NotAsked]

    async def test_who_gives_up_takes_nothing_from_the_others(self):
        go = asyncio.Event()

        async def make() -> str:
            await go.wait()
            return "made"

        once = Once(make)
        impatient, patient = asyncio.create_task(once()), asyncio.create_task(once())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        go.set()
        assert await patient == "made"

    async def test_closing_ends_what_still_runs(self):
        ended = asyncio.Event()

        async def make() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        once = Once(make)
        waiting = asyncio.create_task(once())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await once.close()
        assert ended.is_set()
        await asyncio.wait([waiting])
        assert waiting.cancelled()


class TestWhere:
    def test_without_a_public_address_it_is_this_machine(self, scene: Scene):
        around = scene.around(port=8081)
        assert (around.base_url, around.is_public) == ("http://127.0.0.1:8081", False)
        assert scene.around(host="::1", port=8081).base_url == "http://[::1]:8081"

    def test_the_address_that_was_given_wins(self, scene: Scene):
        around = scene.around(public_base_url="https://bridge.example", url="http://10.0.0.1:8080")
        assert (around.base_url, around.is_public) == ("http://10.0.0.1:8080", False)
        assert scene.around(public_base_url="https://bridge.example").is_public


class TestVendor:
    async def test_without_a_key_the_vendor_is_not_asked(self, scene: Scene):
        with pytest.raises(NotAsked, match="ELEVENLABS_API_KEY is not set"):
            await scene.around().vendor()

    async def test_a_host_that_is_not_asked_without_a_key_is_told(self, scene: Scene):
        with pytest.raises(NotAsked, match=r"the offline agent answers, and nobody asks http://127\.0\.0\.1:9"):
            await scene.around(elevenlabs_base_url="http://127.0.0.1:9").vendor()

    async def test_a_key_that_is_refused_is_told_by_its_own_check_only(self, scene: Scene, vendor: SandboxVendor):
        vendor.keys.kill("key-1")
        with pytest.raises(NotAsked) as why:
            await scene.around(**vendor.settings()).vendor()
        assert why.value.remedy == "see the check `elevenlabs_key`"

    async def test_a_key_that_may_not_read_the_account_is_good_for_the_rest(self, scene: Scene, vendor: SandboxVendor):
        vendor.faults.add("GET /v1/user", "missing_permission")
        client = await scene.around(**vendor.settings()).vendor()
        assert client.base_url == vendor.url

    async def test_without_twilio_credentials_it_is_said_which(self, scene: Scene):
        with pytest.raises(NotAsked, match="TWILIO_AUTH_TOKEN is not set"):
            scene.around(twilio_account_sid="AC1").twilio()


class TestAgents:
    async def test_the_first_one_listed_answers_where_none_is_set(self, scene: Scene, vendor: SandboxVendor):
        [own] = await scene.around(**vendor.settings()).agents()
        assert (own.agent_id, own.named_by) == (DESK, "the first one listed")
        assert own.label == f"Harbour Kitchen desk ({DESK})"

    async def test_each_that_a_flow_names_is_read_once(self, scene: Scene, vendor: SandboxVendor):
        scene.only_flow(agent={"agent_id": "agent_sandbox_private"}, ladder=[{"kind": "agent", "agent_id": "gone"}])
        found = await scene.around(**vendor.settings(), elevenlabs_agent_id=DESK).agents()
        assert [(each.agent_id, each.named_by) for each in found] == [
            (DESK, "ELEVENLABS_AGENT_ID"),
            ("agent_sandbox_private", "flow own"),
            ("gone", "flow own"),
        ]
        assert found[2].agent is None
        assert found[2].error is not None
        assert found[2].error.status == 404

    async def test_a_broken_configuration_is_told_by_its_own_check_only(self, scene: Scene, vendor: SandboxVendor):
        scene.write("bridge.yaml", "language: [")
        with pytest.raises(NotAsked, match="cannot be read") as why:
            await scene.around(**vendor.settings()).agents()
        assert why.value.remedy == "see the check `config`"


def test_a_node_is_for_the_flows_agent_unless_it_names_its_own():
    nodes = {"a": {"kind": "agent", "language": "es"}, "b": {"kind": "agent", "agent_id": "two"}}
    flow = Flow.model_validate({"agent": {"agent_id": "one"}, "start": "a", "nodes": nodes})
    assert [(each.agent_id, each.language) for each in choices(flow)] == [("one", None), ("one", "es"), ("two", None)]
    assert named_agents({"own": flow}) == {"one": "flow own", "two": "flow own"}


def test_an_agent_at_another_host_is_not_looked_for_here():
    ladder = [{"kind": "agent", "agent_id": "x", "base_url": "https://api.eu.residency.elevenlabs.io"}]
    flow = Flow.model_validate({"ladder": ladder, "start": "a", "nodes": {"a": {"kind": "agent"}}})
    assert named_agents({"own": flow}) == {}


async def test_what_a_thread_returns_or_raises_comes_back(scene: Scene, tmp_path: Path):
    around = scene.around()
    assert await around.in_thread(tmp_path.exists) is True
    with pytest.raises(ZeroDivisionError):
        await around.in_thread(lambda: 1 // 0)
