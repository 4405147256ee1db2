from typing import Any

import pytest

from tests.simulator.service.asker import Asker, asking

PATH = "/v1/convai/knowledge-base"
MODEL = {"model": "multilingual_e5_large_instruct"}


async def document(asker: Asker, length: int = 600) -> str:
    return str((await asker.good("POST", f"{PATH}/text", {"text": "x" * length}))["id"])


async def test_each_look_is_a_step():
    async with asking() as asker:
        one = f"{PATH}/{await document(asker)}/rag-index"
        seen = [await asker.good("POST", one, MODEL)]
        for _ in range(2):
            seen += (await asker.good("GET", one))["indexes"]
        seen.append(await asker.good("POST", one, MODEL))
        assert [(index["status"], index["progress_percentage"]) for index in seen] == [
            ("created", 0),
            ("processing", 50),
            ("succeeded", 100),
            ("succeeded", 100),
        ]
        assert len({index["id"] for index in seen}) == 1
        assert seen[-1]["document_model_index_usage"] == {"used_bytes": 600}
        overview = await asker.good("GET", f"{PATH}/rag-index")
        assert (overview["total_used_bytes"], len(overview["models"])) == (600, 1)
        await asker.good("DELETE", f"{one}/{seen[0]['id']}")
        assert (await asker.good("GET", one))["indexes"] == []
        assert await asker.refused("DELETE", f"{one}/{seen[0]['id']}") == (404, "rag_index_not_found")


async def test_a_small_document_has_none():
    async with asking() as asker:
        one = f"{PATH}/{await document(asker, 499)}/rag-index"
        assert (await asker.good("POST", one, MODEL))["status"] == "document_too_small"


async def test_other_content_is_indexed_again():
    async with asking() as asker:
        key = await document(asker)
        await asker.good("POST", f"{PATH}/{key}/rag-index", MODEL)
        await asker.good("PATCH", f"{PATH}/{key}", {"name": "other"})
        assert len((await asker.good("GET", f"{PATH}/{key}/rag-index"))["indexes"]) == 1
        await asker.good("PATCH", f"{PATH}/{key}", {"content": "y" * 600})
        assert (await asker.good("GET", f"{PATH}/{key}/rag-index"))["indexes"] == []


async def test_many_at_once():
    async with asking() as asker:
        first, second = await document(asker), await document(asker)
        items: list[dict[str, Any]] = [
            {"document_id": first, "create_if_missing": True, **MODEL},
            {"document_id": second, "create_if_missing": False, **MODEL},
            {"document_id": "none", "create_if_missing": True, **MODEL},
        ]
        answer = await asker.good("POST", f"{PATH}/rag-index", {"items": items})
        assert answer[first]["data"]["status"] == "created"
        assert (answer[second]["error_status"], answer["none"]["error_status"]) == (
            "rag_index_not_found",
            "document_not_found",
        )


@pytest.mark.parametrize("items", [[], [1], [{"document_id": "x"}], [{"document_id": "x", "model": "y"}]])
async def test_what_is_no_batch(items: list[Any]):
    async with asking() as asker:
        assert (await asker.refused("POST", f"{PATH}/rag-index", {"items": items}))[0] == 422


async def test_refusals():
    async with asking() as asker:
        assert await asker.refused("POST", f"{PATH}/none/rag-index", MODEL) == (404, "document_not_found")
        one = f"{PATH}/{await document(asker)}/rag-index"
        assert await asker.refused("POST", one, {"model": "x"}) == (422, "enum body.model")
