"""Lists page by page."""

from collections.abc import Sequence
from typing import Any

import pytest

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.errors import VendorFailed, VendorUnreachable
from tests.support.vendor_answers import VendorAnswers


class Page(Answer):
    items: tuple[int, ...]


def items(page: Page) -> Sequence[int]:
    return page.items


async def listed(vendor: VendorAnswers) -> list[int]:
    request = Request("GET", "/v1/x", {"page_size": 2})
    return [item async for item in pages(vendor.transport, request, Page, items)]


@pytest.mark.parametrize(
    ("answers", "found", "queries"),
    [
        ([{"items": [1]}], [1], [{}]),
        ([{"items": []}], [], [{}]),
        ([{"items": [1], "next_cursor": None, "has_more": True}], [1], [{}]),
        ([{"items": [1], "next_cursor": "a", "has_more": False}], [1], [{}]),
        ([{"items": [1], "next_cursor": "a"}, {"items": [2], "next_cursor": ""}], [1, 2], [{}, {"cursor": "a"}]),
        (
            [{"items": [], "next_cursor": "a", "has_more": True}, {"items": [2], "has_more": False}],
            [2],
            [{}, {"cursor": "a"}],
        ),
        (
            [{"items": [1], "next_page_token": "t", "has_more": True}, {"items": [2], "has_more": False}],
            [1, 2],
            [{}, {"next_page_token": "t"}],
        ),
    ],
)
async def test_every_page_is_read_and_no_more(answers: list[Any], found: list[int], queries: list[dict[str, str]]):
    vendor = VendorAnswers(*answers)
    assert await listed(vendor) == found
    assert vendor.asked == [("GET /v1/x", {"page_size": 2, **query}) for query in queries]


async def test_a_page_is_asked_for_when_it_is_wanted():
    vendor = VendorAnswers({"items": [1, 2], "next_cursor": "a"})
    found = pages(vendor.transport, Request("GET", "/v1/x"), Page, items)
    assert await anext(found) == 1
    assert await anext(found) == 2
    assert len(vendor.requests) == 1
    await found.aclose()


async def test_a_list_that_leads_back_is_an_error_and_no_short_list():
    vendor = VendorAnswers(*[{"items": [n], "next_cursor": cursor} for n, cursor in enumerate("aba")])
    with pytest.raises(VendorFailed, match="leads back"):
        await listed(vendor)
    assert len(vendor.requests) == 3


async def test_a_page_that_is_none_or_does_not_come_ends_it():
    with pytest.raises(VendorFailed, match="no Page"):
        await listed(VendorAnswers({"items": [1], "next_cursor": "a"}, {"oops": 1}))
    with pytest.raises(VendorUnreachable):
        await listed(VendorAnswers({"items": [1], "next_cursor": "a"}, VendorUnreachable("dark")))
