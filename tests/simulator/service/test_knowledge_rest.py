from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from tests.simulator.service.asker import Asker, asking

PATH = "/v1/convai/knowledge-base"


def form(**fields: str) -> FormData:
    data = FormData()
    data.add_field("file", "Größe".encode(), filename="size.txt", content_type="text/plain")
    for name, value in fields.items():
        data.add_field(name, value)
    return data


async def attached(asker: Asker, document_id: str) -> str:
    """An agent that uses a document."""
    locator = {"type": "text", "id": document_id, "name": "n", "usage_mode": "auto"}
    config = {"agent": {"prompt": {"knowledge_base": [locator]}}}
    made = await asker.good("POST", "/v1/convai/agents/create", {"conversation_config": config})
    return str(made["agent_id"])


async def test_from_a_text():
    async with asking() as asker:
        made = await asker.good("POST", f"{PATH}/text", {"text": "a < b", "name": "n"})
        assert made == {"id": made["id"], "name": "n", "folder_path": []}
        found = await asker.good("GET", f"{PATH}/{made['id']}")
        assert (found["type"], found["extracted_inner_html"]) == ("text", "<p>a &lt; b</p>")
        assert found["metadata"]["size_bytes"] == 5
        assert await asker.good("GET", f"{PATH}/{made['id']}/content") == b"a < b"


async def test_from_a_file_by_both_calls():
    async with asking() as asker:
        for path, name in ((f"{PATH}/file", "size.txt"), (PATH, "size.txt")):
            made = await asker.good("POST", path, data=form())
            found = await asker.good("GET", f"{PATH}/{made['id']}")
            assert (found["name"], found["filename"], found["type"]) == (name, "size.txt", "file")
            assert (await asker.good("GET", f"{PATH}/{made['id']}/content")).decode() == "Größe"
        assert (await asker.good("POST", f"{PATH}/file", data=form(name="n")))["name"] == "n"


async def test_from_a_page_by_both_calls():
    async with asking() as asker:
        data = FormData(default_to_multipart=True)
        data.add_field("url", "https://example.com/b")
        for made in (
            await asker.good("POST", f"{PATH}/url", {"url": "https://example.com/b"}),
            await asker.good("POST", PATH, data=data),
        ):
            found = await asker.good("GET", f"{PATH}/{made['id']}")
            assert (found["type"], found["url"]) == ("url", "https://example.com/b")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("text", {}, 422, "missing body.text"),
        ("text", {"text": " "}, 400, "empty_document"),
        ("text", {"text": "x", "name": ""}, 422, "string_too_short body.name"),
        ("text", {"text": "x", "name": 1}, 422, "string_type body.name"),
        ("url", {"url": "ftp://x"}, 400, "invalid_url"),
        ("file", {"file": "x"}, 422, "missing body.file"),
    ],
)
async def test_what_is_no_document(path: str, body: dict[str, Any], status: int, code: str):
    async with asking() as asker:
        assert await asker.refused("POST", f"{PATH}/{path}", body) == (status, code)
        assert len(asker.account.knowledge) == 0


async def test_a_form_without_a_file():
    async with asking() as asker:
        data = FormData(default_to_multipart=True)
        data.add_field("name", "n")
        assert await asker.refused("POST", f"{PATH}/file", data=data) == (422, "missing body.file")


async def test_lists():
    async with asking() as asker:
        for name, text in (("b", "long enough"), ("ab", "x"), ("a", "xy")):
            await asker.good("POST", f"{PATH}/text", {"text": text, "name": name})
        await asker.good("POST", f"{PATH}/url", {"url": "https://example.com", "name": "page"})

        async def names(query: str) -> list[str]:
            return [one["name"] for one in (await asker.good("GET", f"{PATH}?{query}"))["documents"]]

        assert await names("") == ["page", "a", "ab", "b"]
        assert await names("search=A&sort_by=name&sort_direction=asc") == ["a", "ab"]
        assert await names("types=text&sort_by=size") == ["b", "a", "ab"]
        assert await names("types=url&types=file") == ["page"]
        listed = (await asker.good("GET", f"{PATH}?page_size=1"))["documents"][0]
        assert listed["dependent_agents"] == []
        assert "extracted_inner_html" not in listed
        for query in ("types=x", "sort_by=x", "page_size=1000"):
            assert (await asker.refused("GET", f"{PATH}?{query}"))[0] == 422


async def test_changes():
    async with asking() as asker:
        made = await asker.good("POST", f"{PATH}/text", {"text": "old", "name": "n"})
        changed = await asker.good("PATCH", f"{PATH}/{made['id']}", {"name": "m"})
        assert (changed["name"], changed["extracted_inner_html"]) == ("m", "<p>old</p>")
        changed = await asker.good("PATCH", f"{PATH}/{made['id']}", {"content": "newer"})
        assert (changed["name"], changed["metadata"]["size_bytes"]) == ("m", 5)
        refused = await asker.refused("PATCH", f"{PATH}/{made['id']}/update-file", data=form())
        assert refused == (400, "invalid_document_type")
        file = await asker.good("POST", f"{PATH}/file", data=form())
        other = FormData()
        other.add_field("file", b"other", filename="o.txt")
        changed = await asker.good("PATCH", f"{PATH}/{file['id']}/update-file", data=other)
        assert (changed["filename"], changed["extracted_inner_html"]) == ("o.txt", "<p>other</p>")


async def test_a_document_in_use_goes_by_force_only():
    async with asking() as asker:
        document_id = (await asker.good("POST", f"{PATH}/text", {"text": "x"}))["id"]
        agent_id = await attached(asker, document_id)
        one = f"{PATH}/{document_id}"
        users = await asker.good("GET", f"{one}/dependent-agents")
        assert [user["id"] for user in users["agents"]] == [agent_id]
        assert (await asker.good("GET", f"{one}/dependent-agents?dependent_type=transitive"))["agents"] == []
        assert (await asker.refused("GET", f"{one}/dependent-agents?dependent_type=x"))[0] == 422
        assert await asker.refused("DELETE", one) == (409, "document_in_use")
        assert await asker.good("DELETE", f"{one}?force=true") == {}
        left = await asker.good("GET", f"/v1/convai/agents/{agent_id}")
        assert left["conversation_config"]["agent"]["prompt"]["knowledge_base"] == []
        for path in (one, f"{one}/content", f"{one}/dependent-agents"):
            assert await asker.refused("GET", path) == (404, "document_not_found")


async def test_many_at_once():
    async with asking() as asker:
        free, used = [(await asker.good("POST", f"{PATH}/text", {"text": "x"}))["id"] for _ in range(2)]
        await attached(asker, used)
        summaries = await asker.good("GET", f"{PATH}/summaries?document_ids={free}&document_ids=none")
        assert (summaries[free]["data"]["id"], summaries["none"]["status"]) == (free, "failure")
        body = {"document_ids": [free, used, "none"]}
        gone = await asker.good("POST", f"{PATH}/bulk-delete", body)
        assert {key: value["status"] for key, value in gone.items()} == {
            free: "success",
            used: "failure",
            "none": "failure",
        }
        assert gone[used]["error_status"] == "document_in_use"
        gone = await asker.good("POST", f"{PATH}/bulk-delete", {**body, "force": True})
        assert gone[used]["status"] == "success"
        assert len(asker.account.knowledge) == 0


async def test_documents_are_there_after_a_restart(tmp_path: Path):
    async with asking(state=tmp_path) as asker:
        made = await asker.good("POST", f"{PATH}/text", {"text": "你好", "name": "n"})
    async with asking(state=tmp_path) as asker:
        assert (await asker.good("GET", f"{PATH}/{made['id']}/content")).decode() == "你好"
