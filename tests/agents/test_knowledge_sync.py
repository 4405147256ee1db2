"""`knowledge sync` against the sandbox's account; killed at random points as well."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.agents.knowledge_file import KnowledgeDocument, file_document, page_document, text_document
from ivr_bridge.agents.knowledge_mark import KnowledgeMark
from ivr_bridge.agents.knowledge_plan import make_knowledge_plan
from ivr_bridge.agents.knowledge_sync import (
    KnowledgeReport,
    KnowledgeSync,
    find_readers,
    missing_agents,
    read_shelf,
)
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import ConfigError, VendorFailed, VendorRejected
from tests.support.kill_points import KillPoint, kill_points
from tests.support.vendor_account import VendorAccount, vendor_account

LONG = "Everything there is to know. " * 40
PRICES = text_document("prices", f"Prices. {LONG}")
SITE = page_document("site", "https://example.org/faq", "prompt")
HOURS = text_document("hours", f"Hours. {LONG}")
OLD = "0" * 12
DESK, SALES, OTHER = "agent_desk", "agent_sales", "agent_other"
WANTED = {"desk": ("prices", "hours", "site"), "sales": ("prices",)}


@pytest.fixture
async def vendor() -> AsyncIterator[VendorAccount]:
    async with vendor_account() as vendor:
        yield vendor


async def sync(
    vendor: VendorAccount,
    documents: list[KnowledgeDocument],
    wanted: dict[str, tuple[str, ...]],
    *,
    scope: str = "",
    **options: Any,
) -> KnowledgeReport:
    async with ElevenLabsAPIClient(vendor.url, ("key",)) as client:  # each run is a process of its own
        readers, missing = await find_readers(client, wanted)
        plan = make_knowledge_plan(documents, readers, await read_shelf(client), scope)
        report = await KnowledgeSync(client, plan, scope=scope, first_pause_s=0.0, **options).run()
    report.warnings += missing_agents(missing)
    return report


def mark(document: KnowledgeDocument, content_hash: str = "", scope: str = "") -> str:
    return str(KnowledgeMark(document.name, content_hash or document.content_hash, scope))


async def test_from_nothing_to_all_of_it(vendor: VendorAccount, tmp_path: Path):
    book = tmp_path / "book.md"
    book.write_text(LONG)
    vendor.put_agent(DESK, tags=("ivr-bridge:desk", "mine"))
    documents = [PRICES, SITE, file_document(book)]
    told: list[tuple[str, float, int]] = []
    report = await sync(
        vendor, documents, {"desk": ("book", "prices", "site")}, progress=lambda *each: told.append(each)
    )
    assert report.made == ["prices", "site", "book"]
    assert report.indexes == {"prices": "succeeded", "book": "succeeded"}
    assert (report.agents, report.removed, report.left, report.warnings) == (["desk"], [], [], [])
    assert vendor.documents == sorted(map(mark, documents))
    assert vendor.known_by(DESK) == [mark(each) for each in (documents[2], PRICES, SITE)]
    assert [entry["usage_mode"] for entry in vendor.prompt_of(DESK)["knowledge_base"]] == ["auto", "auto", "prompt"]
    assert told[-1] == ("done", 6, 6)
    assert [words for words, _, _ in told][:3] == ["sending prices", "sending site", "sending book"]
    assert ("indexing prices", 3.5, 6) in told
    (content,) = (
        vendor.account.knowledge.hidden(i)["content"] for i in vendor.account.knowledge if "book" in name(vendor, i)
    )
    assert content == LONG


def name(vendor: VendorAccount, document_id: str) -> str:
    return str((vendor.account.knowledge.get(document_id) or {})["name"])


async def test_the_second_run_changes_nothing(vendor: VendorAccount):
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",))
    await sync(vendor, [PRICES], {"desk": ("prices",)})
    vendor.asked.clear()
    report = await sync(vendor, [PRICES], {"desk": ("prices",)})
    assert report == KnowledgeReport(unchanged=["prices"], indexes={"prices": "succeeded"})
    assert [what for what in vendor.asked if not what.startswith("GET") and "rag-index" not in what] == []


def scene(vendor: VendorAccount) -> None:
    """Older prices known by both, hours made twice, something gone, a document and an agent of others."""
    foreign = vendor.put_document("doc_foreign", "by hand")
    old = vendor.put_document("doc_old", mark(PRICES, OLD))
    gone = vendor.put_document("doc_gone", "ivr-bridge:gone:" + OLD)
    vendor.put_document("doc_hours", mark(HOURS), HOURS.content)  # type: ignore[arg-type]
    vendor.put_document("doc_hours_again", mark(HOURS), HOURS.content)  # type: ignore[arg-type]
    vendor.put_document("doc_service", mark(PRICES, OLD, "agent_other"))
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",), prompt={"prompt": "Be.", "knowledge_base": [old, foreign, gone]})
    vendor.put_agent(SALES, tags=("ivr-bridge:sales",), prompt={"knowledge_base": [old]})
    vendor.put_agent(OTHER, prompt={"knowledge_base": [foreign]})


def is_as_wanted(vendor: VendorAccount) -> None:
    kept = ["by hand", mark(PRICES, OLD, "agent_other")]
    assert vendor.documents == sorted([*kept, mark(PRICES), mark(HOURS), mark(SITE)])
    assert sorted(vendor.known_by(DESK)) == sorted(["by hand", mark(PRICES), mark(HOURS), mark(SITE)])
    assert vendor.known_by(DESK)[0] == "by hand"
    assert vendor.known_by(SALES) == [mark(PRICES)]
    assert vendor.known_by(OTHER) == ["by hand"]
    assert vendor.prompt_of(DESK)["prompt"] == "Be."


async def test_everything_at_once(vendor: VendorAccount):
    scene(vendor)
    report = await sync(vendor, [PRICES, HOURS, SITE], WANTED, remove_gone=True)
    assert (report.made, report.updated, report.unchanged) == (["site"], ["prices"], ["hours"])
    assert sorted(report.removed) == sorted([mark(PRICES, OLD), mark(HOURS), "ivr-bridge:gone:" + OLD])
    assert (report.agents, report.left, report.warnings) == (["desk", "sales"], [], [])
    is_as_wanted(vendor)


async def test_what_is_gone_stays_without_a_yes(vendor: VendorAccount):
    scene(vendor)
    report = await sync(vendor, [PRICES, HOURS, SITE], WANTED)
    assert report.left == ["ivr-bridge:gone:" + OLD]
    assert "ivr-bridge:gone:" + OLD in vendor.documents
    assert "ivr-bridge:gone:" + OLD not in vendor.known_by(DESK)


def nothing_is_lost(vendor: VendorAccount) -> None:
    """At every moment each agent knows each document in some content, and others have what they had."""
    desk, sales = vendor.known_by(DESK), vendor.known_by(SALES)
    assert any(each in desk for each in (mark(PRICES), mark(PRICES, OLD)))
    assert any(each in sales for each in (mark(PRICES), mark(PRICES, OLD)))
    assert "by hand" in desk
    assert vendor.known_by(OTHER) == ["by hand"]
    assert vendor.documents.count("by hand") == 1


async def test_killed_at_any_point_the_next_run_ends_the_work(vendor: VendorAccount):
    async def run(vendor: VendorAccount) -> None:
        await sync(vendor, [PRICES, HOURS, SITE], WANTED, remove_gone=True)

    scene(vendor)
    assert await vendor.kills.run(run(vendor))
    n_requests = vendor.kills.n_requests
    is_as_wanted(vendor)
    points = [*kill_points(n_requests, 50), KillPoint(n_requests - 1, "before"), KillPoint(0, "after")]
    for number, point in enumerate(points):
        vendor.clear()
        scene(vendor)
        assert not await vendor.kills.run(run(vendor), point), point
        nothing_is_lost(vendor)
        if number % 3 == 0:  # and once more, somewhere in what was left to do
            again = KillPoint(point.request // 2 + number % 5, point.when)
            await vendor.kills.run(run(vendor), again)
            nothing_is_lost(vendor)
        assert await vendor.kills.run(run(vendor))
        is_as_wanted(vendor)


async def test_a_file_is_made_once_wherever_the_run_is_killed(vendor: VendorAccount, tmp_path: Path):
    book = tmp_path / "book.txt"
    book.write_text(LONG * 50)
    document = file_document(book)
    for point in [KillPoint(number, when) for number in range(3, 7) for when in ("before", "after")]:  # type: ignore[arg-type]
        vendor.clear()
        vendor.put_agent(DESK, tags=("ivr-bridge:desk",))
        assert not await vendor.kills.run(sync(vendor, [document], {"desk": ("book",)}), point)
        assert vendor.documents == [mark(document)] * (point != KillPoint(3, "before"))
        await sync(vendor, [document], {"desk": ("book",)})
        assert vendor.documents == vendor.known_by(DESK) == [mark(document)]
        (key,) = vendor.account.knowledge
        assert vendor.account.knowledge.hidden(key)["content"] == LONG * 50


async def test_somebody_elses_change_in_the_middle_stays(vendor: VendorAccount):
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",))
    readers, _ = await find_readers(vendor.client, {"desk": ("prices",)})
    plan = make_knowledge_plan([PRICES], readers, [])
    foreign = vendor.put_document("doc_foreign", "by hand")
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",), prompt={"knowledge_base": [foreign]})
    await KnowledgeSync(vendor.client, plan, first_pause_s=0.0).run()
    assert vendor.known_by(DESK) == ["by hand", mark(PRICES)]


async def test_a_small_document_is_usable_and_told(vendor: VendorAccount):
    report = await sync(vendor, [text_document("small", "Little.")], {})
    assert report.indexes == {"small": "document_too_small"}
    (warning,) = report.warnings
    assert warning.startswith("small has no index (document_too_small): it is too small")


@pytest.mark.parametrize("status", ["rag_limit_exceeded", "failed", "something_new"])
async def test_an_index_that_ends_otherwise_is_told_and_the_agent_knows_the_document(
    vendor: VendorAccount, status: str
):
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",))
    found = vendor.put_document("doc_1", mark(PRICES))
    index = {"id": "i", "model": "multilingual_e5_large_instruct", "status": status, "progress_percentage": 0}

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(index)

    async def answers(_: web.Request) -> web.Response:
        return web.json_response({"indexes": [index]})

    path = f"/v1/convai/knowledge-base/{found['id']}/rag-index"
    vendor.answers = {f"POST {path}": answer, f"GET {path}": answers}
    report = await sync(vendor, [PRICES], {"desk": ("prices",)}, index_timeout_s=0.05)
    assert report.indexes == {"prices": status}
    assert len(report.warnings) == 1
    assert vendor.known_by(DESK) == [mark(PRICES)]


async def test_an_index_that_is_refused_is_told(vendor: VendorAccount):
    vendor.put_document("doc_1", mark(PRICES))

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"detail": {"status": "not_allowed", "message": "No index here."}}, status=400)

    vendor.answers = {"POST /v1/convai/knowledge-base/doc_1/rag-index": refuse}
    report = await sync(vendor, [PRICES], {})
    assert report.indexes == {"prices": "refused"}
    assert "No index here." in report.warnings[0]


async def test_a_wrong_key_ends_it(vendor: VendorAccount):
    vendor.put_document("doc_1", mark(PRICES))

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"detail": {"status": "missing_permissions", "message": "No."}}, status=401)

    vendor.answers = {"POST /v1/convai/knowledge-base/doc_1/rag-index": refuse}
    with pytest.raises(VendorRejected):
        await sync(vendor, [PRICES], {})


async def test_indexes_are_of_the_models_that_agents_use(vendor: VendorAccount):
    rag = {"enabled": True, "embedding_model": "e5_mistral_7b_instruct"}
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",), prompt={"rag": rag})
    await sync(vendor, [PRICES, HOURS], {"desk": ("prices",)})
    models = {
        name(vendor, key).split(":")[1]: list(vendor.account.knowledge.hidden(key)["indexes"])
        for key in vendor.account.knowledge
    }
    assert models == {"prices": ["e5_mistral_7b_instruct"], "hours": ["multilingual_e5_large_instruct"]}


async def test_what_an_agent_of_others_knows_is_not_removed(vendor: VendorAccount):
    old = vendor.put_document("doc_old", mark(PRICES, OLD))
    vendor.put_agent(OTHER, prompt={"knowledge_base": [old]})
    report = await sync(vendor, [PRICES], {})
    assert (report.removed, report.left) == ([], [mark(PRICES, OLD)])
    assert report.warnings == [
        f"{mark(PRICES, OLD)} stays: still known by Agent agent_other (agent_other), which no file here describes"
    ]
    assert vendor.known_by(OTHER) == [mark(PRICES, OLD)]


async def test_a_removal_that_is_refused_is_told(vendor: VendorAccount):
    vendor.put_document("doc_old", mark(PRICES, OLD))

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"detail": {"status": "in_use", "message": "A branch uses it."}}, status=400)

    vendor.answers = {"DELETE /v1/convai/knowledge-base/doc_old": refuse}
    report = await sync(vendor, [PRICES], {})
    assert report.left == [mark(PRICES, OLD)]
    assert "A branch uses it." in report.warnings[0]


async def test_what_somebody_else_removed_already_is_removed(vendor: VendorAccount):
    vendor.put_document("doc_old", mark(PRICES, OLD))
    plan = make_knowledge_plan([PRICES], [], await read_shelf(vendor.client))
    vendor.account.knowledge.remove("doc_old")
    report = await KnowledgeSync(vendor.client, plan, first_pause_s=0.0).run()
    assert report.removed == [mark(PRICES, OLD)]


async def test_the_vendor_down_in_the_middle(vendor: VendorAccount):
    async def fail(_: web.Request) -> web.Response:
        return web.Response(status=501)

    vendor.answers = {"POST /v1/convai/knowledge-base/text": fail}
    with pytest.raises(VendorFailed):
        await sync(vendor, [PRICES], {})
    vendor.answers = {}
    await sync(vendor, [PRICES], {})
    assert vendor.documents == [mark(PRICES)]


async def test_a_file_that_is_gone_meanwhile(vendor: VendorAccount, tmp_path: Path):
    path = tmp_path / "book.txt"
    path.write_text(LONG)
    document = file_document(path)
    path.unlink()
    with pytest.raises(ConfigError, match=r"book\.txt: cannot be read"):
        await sync(vendor, [document], {})


async def test_one_tag_on_two_agents(vendor: VendorAccount):
    for agent_id in ("agent_1", "agent_2"):
        vendor.put_agent(agent_id, tags=("ivr-bridge:desk",))
    with pytest.raises(ConfigError, match=r"agents agent_[12] and agent_[12] both bear the tag ivr-bridge:desk"):
        await find_readers(vendor.client, {"desk": ()})


async def test_an_agent_that_is_not_there(vendor: VendorAccount):
    report = await sync(vendor, [PRICES], {"desk": ("prices",)})
    assert report.warnings == ["agent desk is not at the vendor yet and knows nothing: ivr-bridge agents apply"]
    assert report.agents == []


async def test_folders_and_what_others_made_are_not_ours(vendor: VendorAccount):
    vendor.put_document("doc_1", "by hand")
    vendor.put_document("doc_2", mark(PRICES), kind="folder")
    vendor.put_document("doc_3", mark(PRICES))
    assert [each.document_id for each in await read_shelf(vendor.client)] == ["doc_3"]
