"""One object, asked for."""

import pytest

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask, ask_cached, given
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.errors import VendorFailed
from tests.support.vendor_answers import VendorAnswers


class Thing(Answer):
    id: str
    nested: dict[str, int] = {}


REQUEST = Request("GET", "/v1/thing")


async def test_what_is_known_is_checked_and_what_is_not_is_kept():
    thing = await ask(VendorAnswers({"id": "a", "new": [1]}).transport, REQUEST, Thing)
    assert thing.id == "a"
    assert thing.model_extra == {"new": [1]}


async def test_an_error_names_the_request_and_the_fields_and_no_value():
    with pytest.raises(VendorFailed, match=r"GET /v1/thing: the answer is no Thing: id: .*nested: ") as caught:
        await ask(VendorAnswers({"id": 55512345, "nested": "55512345"}).transport, REQUEST, Thing)
    assert "55512345" not in str(caught.value)


async def test_an_earlier_answer_is_read_in_the_same_way():
    vendor = VendorAnswers({"id": "a"})
    assert (await ask_cached(vendor.transport, REQUEST, Thing, max_age_s=7)).id == "a"
    assert vendor.max_ages_s == [7]
    with pytest.raises(VendorFailed, match="no Thing"):
        await ask_cached(VendorAnswers([]).transport, REQUEST, Thing, max_age_s=7)


def test_what_is_not_given_is_left_out_and_what_is_false_is_not():
    assert given(a=None, b=False, c=0, d="", e=[]) == {"b": False, "c": 0, "d": "", "e": []}
