"""Documents: which requests are made, and how an index is waited for."""

from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.elevenlabs.rest.knowledge_base import KnowledgeBase
from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.support.vendor_answers import VendorAnswers

MODEL = "multilingual_e5_large_instruct"
META = {"created_at_unix_secs": 1, "last_updated_at_unix_secs": 2, "size_bytes": 3}
DOCUMENT = {"id": "d1", "name": "Hours", "type": "text", "metadata": META, "extracted_inner_html": "<p>9 to 5</p>"}
NEW = {"id": "d1", "name": "Hours", "folder_path": []}


def base(vendor: VendorAnswers) -> KnowledgeBase:
    return KnowledgeBase(vendor.transport)


async def test_the_list_goes_on_to_its_end():
    vendor = VendorAnswers(
        {"documents": [{**DOCUMENT, "dependent_agents": [{"id": "a"}]}], "next_cursor": "c", "has_more": True},
        {"documents": [{**DOCUMENT, "id": "d2"}], "next_cursor": None, "has_more": False},
    )
    found = [d async for d in base(vendor).list(search="ivr-bridge:", types=["text", "url"], sort_by="name")]
    assert [(d.id, d.metadata.size_bytes) for d in found] == [("d1", 3), ("d2", 3)]
    assert found[0].dependent_agents[0].id == "a"
    query = {"page_size": 100, "search": "ivr-bridge:", "types": ["text", "url"], "sort_by": "name"}
    assert vendor.asked == [
        ("GET /v1/convai/knowledge-base", query),
        ("GET /v1/convai/knowledge-base", {**query, "cursor": "c"}),
    ]


async def test_a_document_and_its_text():
    vendor = VendorAnswers(DOCUMENT, "<p>9 to 5</p>")
    document = await base(vendor).get("d/1", agent_id="a")
    assert (document.type, document.url, document.extracted_inner_html) == ("text", None, "<p>9 to 5</p>")
    assert await base(vendor).content("d/1") == "<p>9 to 5</p>"
    assert vendor.asked == [
        ("GET /v1/convai/knowledge-base/d%2F1", {"agent_id": "a"}),
        ("GET /v1/convai/knowledge-base/d%2F1/content", {}),
    ]


async def test_what_is_made_is_never_made_twice(tmp_path: Path):
    path = tmp_path / "hours.md"
    path.write_text("9 to 5")
    vendor = VendorAnswers(NEW)
    knowledge = base(vendor)
    made = [
        await knowledge.create_from_url("https://example.com/hours", name="Hours", enable_auto_sync=True),
        await knowledge.create_from_text("9 to 5", name="Hours", parent_folder_id="f"),
        await knowledge.create_from_file(path, name="Hours"),
    ]
    assert {document.id for document in made} == {"d1"}
    assert [what for what, _ in vendor.asked] == [
        f"POST /v1/convai/knowledge-base/{kind}" for kind in ("url", "text", "file")
    ]
    assert vendor.bodies == [
        {"url": "https://example.com/hours", "name": "Hours", "enable_auto_sync": True},
        {"text": "9 to 5", "name": "Hours", "parent_folder_id": "f"},
        None,
    ]
    assert {request.repeat for request in vendor.requests} == {Repeat.UNSENT}
    form = vendor.requests[2].form
    assert form is not None
    assert form() is not form(), "each attempt has a body of its own"


async def test_a_file_that_is_not_there_is_not_sent(tmp_path: Path):
    vendor = VendorAnswers(NEW)
    with pytest.raises(FileNotFoundError):
        await base(vendor).create_from_file(tmp_path / "none.md")
    with pytest.raises(FileNotFoundError):
        await base(vendor).update_file("d1", tmp_path / "none.md")
    assert vendor.requests == []


async def test_changes(tmp_path: Path):
    path = tmp_path / "hours.md"
    path.write_text("9 to 5")
    vendor = VendorAnswers(DOCUMENT)
    assert (await base(vendor).update("d1", content="8 to 5")).name == "Hours"
    await base(vendor).update_file("d1", path)
    assert vendor.asked == [
        ("PATCH /v1/convai/knowledge-base/d1", {}),
        ("PATCH /v1/convai/knowledge-base/d1/update-file", {}),
    ]
    assert vendor.bodies == [{"content": "8 to 5"}, None]
    assert vendor.requests[1].form is not None


async def test_deleting_is_not_forced_unless_asked():
    vendor = VendorAnswers(None)
    await base(vendor).delete("d1")
    await base(vendor).delete("d1", force=True)
    assert vendor.asked == [
        ("DELETE /v1/convai/knowledge-base/d1", {}),
        ("DELETE /v1/convai/knowledge-base/d1", {"force": True}),
    ]


async def test_who_uses_it():
    vendor = VendorAnswers({"agents": [{"id": "a", "name": "Desk"}], "has_more": False})
    found = [agent async for agent in base(vendor).dependent_agents("d1", dependent_type="direct")]
    assert [agent.name for agent in found] == ["Desk"]
    assert vendor.asked == [
        ("GET /v1/convai/knowledge-base/d1/dependent-agents", {"dependent_type": "direct", "page_size": 100})
    ]


def state(status: str, percent: float = 0, model: str = MODEL) -> dict[str, Any]:
    return {"id": "i", "model": model, "status": status, "progress_percentage": percent}


async def progress(*answers: Any, timeout_s: float = 5) -> tuple[list[tuple[str, float]], VendorAnswers]:
    vendor = VendorAnswers(*answers)
    steps = base(vendor).index("d1", timeout_s=timeout_s, first_pause_s=0, longest_pause_s=0)
    return [(step.status, step.progress_percentage) async for step in steps], vendor


@pytest.mark.parametrize(
    "end", ["succeeded", "failed", "rag_limit_exceeded", "document_too_small", "cannot_index_folder"]
)
async def test_an_index_is_followed_to_its_end(end: str):
    other = state("succeeded", 100, "e5_mistral_7b_instruct")
    steps, vendor = await progress(
        state("created"),
        {"indexes": [other, state("processing", 40)]},
        {"indexes": [other, state(end, 100)]},
    )
    assert steps == [("created", 0), ("processing", 40), (end, 100)]
    assert [what for what, _ in vendor.asked] == [
        "POST /v1/convai/knowledge-base/d1/rag-index",
        "GET /v1/convai/knowledge-base/d1/rag-index",
        "GET /v1/convai/knowledge-base/d1/rag-index",
    ]
    assert vendor.bodies[0] == {"model": MODEL}


async def test_an_index_that_is_there_already_is_not_waited_for():
    steps, vendor = await progress(state("succeeded", 100))
    assert steps == [("succeeded", 100)]
    assert len(vendor.requests) == 1


async def test_an_index_that_never_ends_or_goes_away_is_an_error():
    with pytest.raises(VendorFailed, match=r"not indexed after 0 s, processing 40 %"):
        await progress(state("processing", 40), timeout_s=0)
    with pytest.raises(VendorFailed, match="gone"):
        await progress(state("created"), {"indexes": []})
    with pytest.raises(VendorRejected):
        await progress(VendorRejected("no such document", status=404))


async def test_an_index_may_be_dropped():
    vendor = VendorAnswers(state("succeeded", 100))
    assert (await base(vendor).delete_index("d1", "i")).usable
    assert vendor.asked == [("DELETE /v1/convai/knowledge-base/d1/rag-index/i", {})]
