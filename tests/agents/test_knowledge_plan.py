from typing import Any

import pytest

from ivr_bridge.agents.knowledge_file import KnowledgeDocument, page_document, text_document
from ivr_bridge.agents.knowledge_mark import KnowledgeMark
from ivr_bridge.agents.knowledge_plan import MarkedDocument, Reader, knowledge_list, make_knowledge_plan

PRICES = text_document("prices", "one euro")
SITE = page_document("site", "https://example.org", "prompt")
OLD = "0" * 12
FOREIGN = {"type": "file", "id": "doc_foreign", "name": "by hand", "usage_mode": "prompt"}


def there(document_id: str, document: KnowledgeDocument, *, old: bool = False, scope: str = "", at: int = 0) -> Any:
    mark = KnowledgeMark(document.name, OLD if old else document.content_hash, scope)
    return MarkedDocument(document_id, mark, document.kind, at)


def reader(*entries: Any, wanted: tuple[str, ...] = ("prices",), model: str | None = None) -> Reader:
    return Reader("agent_1", "desk", wanted, entries, model)


def test_nothing_is_there_yet():
    plan = make_knowledge_plan([PRICES, SITE], [reader()], [])
    assert [step.action for step in plan.documents] == ["make", "make"]
    assert [step.document.name for step in plan.makes] == ["prices", "site"]
    assert plan.readers == (reader(),)
    assert (plan.outdated, plan.gone) == ((), ())
    assert plan.changes


def test_everything_is_there():
    found = there("doc_1", PRICES)
    plan = make_knowledge_plan([PRICES], [reader(FOREIGN, found.entry("auto"))], [found])
    assert [step.action for step in plan.documents] == ["keep"]
    assert not plan.changes


def test_an_entry_without_a_usage_mode_is_auto():
    found = there("doc_1", PRICES)
    entry = {key: value for key, value in found.entry("auto").items() if key != "usage_mode"}
    assert not make_knowledge_plan([PRICES], [reader(entry)], [found]).changes


def test_another_content_is_made_anew():
    old = there("doc_old", PRICES, old=True)
    plan = make_knowledge_plan([PRICES], [reader(old.entry("auto"))], [old])
    assert [step.action for step in plan.documents] == ["update"]
    assert plan.outdated == (old,)
    assert len(plan.readers) == 1


def test_a_run_that_ended_after_making_goes_on():
    old, new = there("doc_old", PRICES, old=True), there("doc_new", PRICES)
    plan = make_knowledge_plan([PRICES], [reader(old.entry("auto"))], [new, old])
    assert plan.makes == ()
    assert [step.found for step in plan.documents] == [new]
    assert plan.outdated == (old,)
    assert len(plan.readers) == 1


def test_of_doubles_the_one_in_use_stays_then_the_oldest():
    first, second, used = there("doc_1", PRICES, at=1), there("doc_2", PRICES, at=2), there("doc_3", PRICES, at=3)
    plan = make_knowledge_plan([PRICES], [reader(used.entry("auto"))], [first, second, used])
    assert plan.documents[0].found == used
    assert plan.outdated == (first, second)
    assert plan.readers == ()
    assert make_knowledge_plan([PRICES], [], [second, first]).documents[0].found == first


def test_what_is_gone_is_apart_from_what_is_old():
    gone = there("doc_gone", SITE)
    found = there("doc_1", PRICES)
    plan = make_knowledge_plan([PRICES], [reader(gone.entry("prompt"), found.entry("auto"))], [gone, found])
    assert (plan.gone, plan.outdated) == ((gone,), ())
    assert len(plan.readers) == 1


def test_what_belongs_to_another_scope_is_left_alone():
    other = there("doc_other", PRICES, old=True, scope="agent_1")
    found = there("doc_1", PRICES)
    plan = make_knowledge_plan([PRICES], [reader(other.entry("auto"), found.entry("auto"))], [other, found])
    assert not plan.changes
    scoped = make_knowledge_plan([PRICES], [], [other, found], "agent_1")
    assert [step.action for step in scoped.documents] == ["update"]
    assert str(scoped.documents[0].mark).startswith("ivr-bridge/agent_1:prices:")
    assert scoped.outdated == (other,)


def test_another_usage_mode_changes_the_list_and_not_the_document():
    found = there("doc_1", SITE)
    plan = make_knowledge_plan([SITE], [reader(found.entry("auto"), wanted=("site",))], [found])
    assert plan.makes == ()
    assert len(plan.readers) == 1


def test_an_agent_that_names_it_no_more():
    found = there("doc_1", PRICES)
    plan = make_knowledge_plan([PRICES], [reader(found.entry("auto"), wanted=())], [found])
    assert len(plan.readers) == 1
    assert plan.outdated == plan.gone == ()


def test_the_models_of_those_who_look_things_up():
    desk, sales = reader(model="e5"), reader(model="large", wanted=("prices", "site"))
    plan = make_knowledge_plan([PRICES, SITE], [desk, sales, reader()], [])
    assert plan.models == (("prices", ("e5", "large")), ("site", ("large",)))


def test_a_list_keeps_others_where_they_are():
    new, old = there("doc_new", PRICES), there("doc_old", PRICES, old=True)
    other = {"type": "text", "id": "x", "name": "also by hand"}
    merged = knowledge_list([FOREIGN, old.entry("auto"), other], [new.entry("auto")], frozenset(["doc_old"]))
    assert merged == [FOREIGN, other, new.entry("auto")]


@pytest.mark.parametrize("ours", [frozenset(), frozenset(["doc_1"])])
def test_ours_is_known_by_its_id_or_its_name(ours: frozenset[str]):
    found = there("doc_1", PRICES)
    assert knowledge_list([found.entry("auto")], [], ours) == []


def test_an_entry_of_ours_stays_in_its_place_and_keeps_what_it_has():
    found = there("doc_1", PRICES)
    entry = {**found.entry("auto"), "new_field": 1}
    wanted = [found.entry("auto")]
    assert knowledge_list([entry, FOREIGN], wanted, frozenset()) == [entry, FOREIGN]
    renamed = {**entry, "usage_mode": "prompt"}
    assert knowledge_list([renamed, FOREIGN], wanted, frozenset()) == [entry, FOREIGN]


def test_doubled_entries_are_made_one():
    found = there("doc_1", PRICES)
    entry = found.entry("auto")
    assert knowledge_list([entry, entry], [entry], frozenset()) == [entry]
