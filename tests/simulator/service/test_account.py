from pathlib import Path

import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.account import Account, Shelf, new_id


def test_a_shelf_keeps_in_order_and_forgets():
    shelf = Shelf()
    shelf.put("b", {"n": 1}, {"secret": 1})
    shelf.put("a", {"n": 2})
    shelf.put("b", {"n": 3})
    assert (list(shelf), len(shelf)) == (["b", "a"], 2)
    assert (shelf.get("b"), shelf.hidden("b")) == ({"n": 3}, {"secret": 1})
    assert [(entry.order, entry.document) for entry in shelf.entries()] == [(1, {"n": 3}), (2, {"n": 2})]
    shelf.remove("b")
    shelf.remove("b")
    assert (shelf.get("b"), shelf.hidden("b"), "b" in shelf) == (None, {}, False)
    assert shelf.documents() == [{"n": 2}]


def test_the_oldest_goes():
    shelf = Shelf(most=2)
    for name in "abc":
        shelf.put(name, {})
    assert list(shelf) == ["b", "c"]


def test_everything_is_found_again(tmp_path: Path):
    first = Account(tmp_path / "kept")
    assert first.is_fresh
    first.mark_filled()
    first.tools.put("tool/1", {"name": "ü"}, {"x": [1]})
    first.tools.put("tool_2", {"name": "b"})
    first.tools.put("tool/1", {"name": "ö"})
    first.agents.put("a", {})
    first.agents.remove("a")
    second = Account(tmp_path / "kept")
    assert not second.is_fresh
    assert second.tools.documents() == [{"name": "ö"}, {"name": "b"}]
    assert second.tools.hidden("tool/1") == {"x": [1]}
    assert list(second.agents) == []
    second.tools.put("tool_3", {})
    assert [entry.order for entry in Account(tmp_path / "kept").tools.entries()] == [1, 2, 3]


def test_a_part_that_was_being_written_is_no_document(tmp_path: Path):
    Shelf(tmp_path).put("a", {"whole": True})
    (tmp_path / "a.json.part").write_text('{"key": "a", "docu')
    assert Shelf(tmp_path).get("a") == {"whole": True}


def test_a_folder_that_cannot_be_used(tmp_path: Path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "x.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"x\.json: is no document"):
        Account(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot keep"):
        Account(tmp_path / "file")


def test_ids_differ():
    assert new_id("tool").startswith("tool_")
    assert new_id("tool") != new_id("tool")
