"""Requests as values."""

import pytest

from ivr_bridge.elevenlabs.rest.request import Query, Repeat, Request, segment, spelled


@pytest.mark.parametrize(("text", "quoted"), [("a/b", "a%2Fb"), ("../x?y#z", "..%2Fx%3Fy%23z"), ("é", "%C3%A9")])
def test_an_id_leads_nowhere_else(text: str, quoted: str):
    assert segment(text) == quoted


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (None, []),
        ({}, []),
        ({"a": "b c&d", "n": 3, "f": 0.5}, [("a", "b c&d"), ("n", "3"), ("f", "0.5")]),
        ({"on": True, "off": False, "none": None, "empty": ""}, [("on", "true"), ("off", "false"), ("empty", "")]),
        ({"tags": ["x", "y"], "no": []}, [("tags", "x"), ("tags", "y")]),
    ],
)
def test_how_a_query_is_spelled(query: Query | None, pairs: list[tuple[str, str]]):
    assert spelled(query) == pairs


def test_what_is_asked_is_named_without_its_query():
    request = Request("GET", "/v1/x", {"secret": "s"})
    assert request.what == "GET /v1/x"
    assert request.repeat is Repeat.SAFE
