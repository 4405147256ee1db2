from pathlib import Path
from typing import Any

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agent_rest import fill, no_such
from tests.simulator.service.asker import Asker, asking

PATH = "/v1/convai/agents"


async def made(asker: Asker, name: str = "A", **more: Any) -> str:
    answer = await asker.good("POST", f"{PATH}/create", {"name": name, "conversation_config": {}, **more})
    return str(answer["agent_id"])


async def names(asker: Asker, query: str = "") -> list[str]:
    return [agent["name"] for agent in (await asker.good("GET", f"{PATH}?{query}"))["agents"]]


async def test_create_get_change_delete():
    async with asking() as asker:
        agent_id = await made(asker, tags=["x"])
        found = await asker.good("GET", f"{PATH}/{agent_id}")
        assert (found["name"], found["tags"]) == ("A", ["x"])
        change = {"conversation_config": {"agent": {"first_message": "Hi"}}, "tags": ["y"]}
        changed = await asker.good("PATCH", f"{PATH}/{agent_id}", change)
        assert changed["conversation_config"]["agent"]["first_message"] == "Hi"
        assert changed["conversation_config"]["agent"]["language"] == "en"
        assert (changed["name"], changed["tags"]) == ("A", ["y"])
        assert await asker.good("GET", f"{PATH}/{agent_id}") == changed
        assert await asker.ask("DELETE", f"{PATH}/{agent_id}") == (204, b"")
        for method in ("GET", "DELETE"):
            assert await asker.refused(method, f"{PATH}/{agent_id}") == (404, "agent_not_found")
        assert await asker.refused("PATCH", f"{PATH}/{agent_id}", {}) == (404, "agent_not_found")


async def test_a_change_that_is_refused_changes_nothing():
    async with asking() as asker:
        agent_id = await made(asker)
        before = await asker.good("GET", f"{PATH}/{agent_id}")
        change = {"name": "B", "conversation_config": {"agent": {"language": "zh"}}}
        assert await asker.refused("PATCH", f"{PATH}/{agent_id}", change) == (400, "input_invalid")
        assert await asker.good("GET", f"{PATH}/{agent_id}") == before
        count = len(asker.account.agents)
        body = {"conversation_config": {"agent": {"language": "zh"}}}
        assert await asker.refused("POST", f"{PATH}/create", body) == (400, "input_invalid")
        assert len(asker.account.agents) == count


async def test_lists():
    async with asking() as asker:
        await made(asker, "Zebra", tags=["x", "y"])
        await made(asker, "ape", tags=["z"])
        await made(asker, "Old", platform_settings={"archived": True})
        assert (await names(asker))[:3] == ["ape", "Zebra", "Harbour Kitchen desk"]
        assert await names(asker, "tags=y&tags=z") == ["ape", "Zebra"]
        assert await names(asker, "search=EB") == ["Zebra"]
        assert await names(asker, "archived=true") == ["Old"]
        by_name = await names(asker, "sort_by=name&sort_direction=asc&page_size=2")
        assert by_name == ["ape", "Desk that changes its language"]
        assert (await asker.refused("GET", f"{PATH}?sort_by=age"))[0] == 422


async def test_pages():
    async with asking() as asker:
        seen, cursor = [], ""
        while True:
            page = await asker.good("GET", f"{PATH}?page_size=2&cursor={cursor}")
            seen += [agent["agent_id"] for agent in page["agents"]]
            cursor = page["next_cursor"]
            if not page["has_more"]:
                break
        assert cursor is None
        assert len(seen) == len(set(seen)) == 5
        assert seen[0] == "agent_sandbox_desk"


async def test_duplicates():
    async with asking() as asker:
        agent_id = await made(asker, "A", tags=["x"])
        for body, name in ((None, "A (copy)"), ({"name": "B"}, "B")):
            copy = (await asker.good("POST", f"{PATH}/{agent_id}/duplicate", body))["agent_id"]
            found = await asker.good("GET", f"{PATH}/{copy}")
            assert copy != agent_id
            assert (found["name"], found["tags"]) == (name, ["x"])


async def test_summaries_links_and_sizes():
    async with asking() as asker:
        agent_id = await made(asker)
        found = await asker.good("GET", f"{PATH}/summaries?agent_ids={agent_id}&agent_ids=x")
        assert (found[agent_id]["status"], found["x"]["error_code"]) == ("success", 404)
        assert (await asker.good("GET", f"{PATH}/{agent_id}/link"))["token"] is None
        document = await asker.good("POST", "/v1/convai/knowledge-base/text", {"text": "x" * 3000})
        locator = {"type": "text", "id": document["id"], "name": "n"}
        change = {"conversation_config": {"agent": {"prompt": {"knowledge_base": [locator]}}}}
        await asker.good("PATCH", f"{PATH}/{agent_id}", change)
        size = await asker.good("GET", f"/v1/convai/agent/{agent_id}/knowledge-base/size")
        assert size == {"number_of_pages": 1.5}


async def test_the_fault_no_agent_hides_them():
    async with asking(fault="no_agent") as asker:
        assert await asker.refused("GET", f"{PATH}/agent_sandbox_desk") == (404, "agent_not_found")


async def test_what_was_made_is_there_after_a_restart(tmp_path: Path):
    async with asking(state=tmp_path) as asker:
        agent_id = await made(asker)
        await asker.good("DELETE", f"{PATH}/agent_sandbox_strict")
        before = await asker.good("GET", PATH)
    async with asking(state=tmp_path) as asker:
        assert await asker.good("GET", PATH) == before
        assert (await asker.good("GET", f"{PATH}/{agent_id}"))["name"] == "A"


def test_only_a_fresh_account_is_filled():
    account = Account()
    fill(account, "pcm_16000", "ulaw_8000")
    desk = account.agents.get("agent_sandbox_desk")
    assert desk is not None
    assert desk["conversation_config"]["tts"]["agent_output_audio_format"] == "pcm_16000"
    account.agents.remove("agent_sandbox_desk")
    fill(account, "pcm_16000", "ulaw_8000")
    assert "agent_sandbox_desk" not in account.agents


def test_the_entry_of_what_is_not_there():
    assert no_such("agent")["error_status"] == "agent_not_found"
