from typing import Any

import pytest

from ivr_bridge.simulator.service.paging import Row, is_on, one_page, page_size
from ivr_bridge.simulator.service.refusals import Invalid, Refusal


def rows(*names: str) -> list[Row]:
    return [(name, number, {"name": name}) for number, name in enumerate(names)]


def walked(all_rows: list[Row], **query: str) -> list[str]:
    """Names on all pages."""
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = one_page(all_rows, {**query, "cursor": cursor})
        names += [row["name"] for row in page]
    return names


@pytest.mark.parametrize("size", range(1, 7))
def test_pages_joined_are_the_whole(size: int):
    some = rows("b", "a", "b", "c", "a")
    assert walked(some, page_size=str(size), sort_direction="asc") == ["a", "a", "b", "b", "c"]
    assert walked(some, page_size=str(size)) == ["c", "b", "b", "a", "a"]


def test_a_deletion_between_two_pages_loses_nothing():
    some = rows("a", "b", "c", "d")
    first, cursor = one_page(some, {"page_size": "2", "sort_direction": "asc"})
    assert cursor is not None
    second, _ = one_page(some[1:1] + some[2:], {"page_size": "2", "sort_direction": "asc", "cursor": cursor})
    assert [row["name"] for row in first + second] == ["a", "b", "c", "d"]


def test_nothing_is_one_page():
    assert one_page([], {}) == ([], None)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"page_size": "0"}, "greater_than_equal"),
        ({"page_size": "101"}, "less_than_equal"),
        ({"page_size": "x"}, "int_parsing"),
        ({"sort_direction": "up"}, "enum"),
    ],
)
def test_what_is_no_page(query: dict[str, str], kind: str):
    with pytest.raises(Invalid) as invalid:
        one_page([], query)
    assert invalid.value.code == kind


@pytest.mark.parametrize("cursor", ["x", "bnVsbA==", "WzEsMl0="])
def test_a_cursor_that_is_none(cursor: str):
    with pytest.raises(Refusal) as refused:
        one_page(rows("a", "b"), {"cursor": cursor})
    assert refused.value.code == "invalid_cursor"


def test_sizes_and_switches():
    query: dict[str, Any] = {"page_size": "7", "on": "True", "off": "false"}
    assert page_size(query) == 7
    assert page_size({}, default=10) == 10
    assert (is_on(query, "on"), is_on(query, "off"), is_on(query, "none")) == (True, False, False)
