from typing import Any

import pytest

from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.conversation_record import ConversationRecord, document_of
from tests.simulator.service.asker import Asker, asking
from tests.simulator.service.caller import dialled

PATH = "/v1/convai/conversations"
DESK, STRICT = AGENTS["agent_sandbox_desk"], AGENTS["agent_sandbox_strict"]


def keep(asker: Asker, key: str, start: int = 1000, agent: Any = DESK, *, seconds: int = 0, **more: Any) -> None:
    document = document_of(key, agent, status="done", authorization="public", client_data={})
    metadata = {**document["metadata"], "start_time_unix_secs": start, "call_duration_secs": seconds}
    asker.account.conversations.put(key, {**document, "metadata": metadata, **more})


async def ids(asker: Asker, query: str = "") -> list[str]:
    return [one["conversation_id"] for one in (await asker.good("GET", f"{PATH}?{query}"))["conversations"]]


async def test_lists_and_filters():
    analysis = {"call_successful": "failure", "transcript_summary": "Bad."}
    call = {"tool_name": "book_table"}
    async with asking() as asker:
        keep(asker, "a", 1000)
        keep(asker, "b", 3000, STRICT, seconds=60, user_id="u")
        keep(asker, "c", 2000, analysis=analysis, status="failed")
        keep(asker, "d", 500, transcript=[{"role": "agent", "tool_calls": [call]}])
        assert await ids(asker) == ["b", "c", "a", "d"]
        assert await ids(asker, "page_size=2") == ["b", "c"]
        assert await ids(asker, "sort_direction=asc") == ["d", "a", "c", "b"]
        for query, found in (
            ("agent_id=agent_sandbox_strict", ["b"]),
            ("user_id=u", ["b"]),
            ("call_successful=failure", ["c"]),
            ("exclude_statuses=failed&exclude_statuses=in-progress", ["b", "a", "d"]),
            ("call_start_after_unix=1000&call_start_before_unix=2000", ["c", "a"]),
            ("call_duration_min_secs=30", ["b"]),
            ("call_duration_max_secs=30&main_languages=en", ["c", "a", "d"]),
            ("tool_names=book_table", ["d"]),
            ("main_languages=zh", []),
        ):
            assert await ids(asker, query) == found, query
        (row,) = (await asker.good("GET", f"{PATH}?call_successful=failure&summary_mode=include"))["conversations"]
        assert (row["transcript_summary"], row["message_count"]) == ("Bad.", 0)
        for query in ("exclude_statuses=x", "call_start_after_unix=x"):
            assert (await asker.refused("GET", f"{PATH}?{query}"))[0] == 422


async def test_get_delete_feedback():
    async with asking() as asker:
        keep(asker, "a")
        assert (await asker.good("GET", f"{PATH}/a"))["status"] == "done"
        await asker.good("POST", f"{PATH}/a/feedback", {"feedback": "dislike"})
        feedback = (await asker.good("GET", f"{PATH}/a"))["metadata"]["feedback"]
        assert (feedback["overall_score"], feedback["likes"], feedback["dislikes"]) == ("dislike", 0, 1)
        await asker.good("POST", f"{PATH}/a/feedback", {"feedback": None})
        assert (await asker.good("GET", f"{PATH}/a"))["metadata"]["feedback"]["type"] is None
        assert (await asker.refused("POST", f"{PATH}/a/feedback", {"feedback": "meh"}))[0] == 422
        await asker.good("DELETE", f"{PATH}/a")
        assert await asker.refused("GET", f"{PATH}/a") == (404, "conversation_not_found")


async def test_audio_is_there_when_it_was_recorded_and_all_is_done():
    async with asking() as asker:
        keep(asker, "none")
        assert await asker.refused("GET", f"{PATH}/none/audio") == (404, "audio_not_found")
        record = ConversationRecord(asker.account, DESK, "a", "public", lambda: 0.0)
        record.begin({})
        record.end(1000, "", b"RIFFwave")
        assert await asker.refused("GET", f"{PATH}/a/audio") == (404, "audio_not_found")
        record.settle()
        assert await asker.good("GET", f"{PATH}/a/audio") == b"RIFFwave"


@pytest.mark.parametrize("name", ["get-signed-url", "get_signed_url"])
async def test_both_spellings_of_signed_url(name: str):
    async with asking() as asker:
        answer = await asker.good("GET", f"/v1/convai/conversation/{name}?agent_id=agent_sandbox_desk")
        assert answer["signed_url"].startswith("ws://127.0.0.1:")


async def test_tokens_and_live_calls():
    async with asking() as asker:
        token = await asker.good("GET", "/v1/convai/conversation/token?agent_id=agent_sandbox_desk")
        assert token["conversation_id"].startswith("conv_")
        for path in ("token", "get-signed-url"):
            found = await asker.refused("GET", f"/v1/convai/conversation/{path}?agent_id=x")
            assert found == (404, "agent_not_found")
        live = "/v1/convai/analytics/live-count"
        async with dialled(asker.server) as caller:
            await caller.begin()
            assert await asker.good("GET", live) == {"count": 1}
            assert await asker.good("GET", f"{live}?agent_id=other") == {"count": 0}
