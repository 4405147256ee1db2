"""Typed answers."""

import pytest

from ivr_bridge.elevenlabs.rest.answer import Answer, read_answer
from ivr_bridge.errors import VendorFailed


class Thing(Answer):
    model_id: str
    n: int = 1


def test_what_is_not_known_is_kept():
    thing = read_answer(Thing, {"model_id": "m", "newer": {"a": [1]}}, "GET /v1/x")
    assert (thing.model_id, thing.n, thing.model_extra) == ("m", 1, {"newer": {"a": [1]}})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "model_id: Field required"),
        ({"model_id": "m", "n": "s3cret"}, "n: "),
        ([], "the whole: "),
        (None, "the whole: "),
    ],
)
def test_something_else_is_an_error_that_names_fields_and_no_values(answer: object, why: str):
    with pytest.raises(VendorFailed, match=f"GET /v1/x: the answer is no Thing: {why}") as failed:
        read_answer(Thing, answer, "GET /v1/x")
    assert "s3cret" not in str(failed.value)
    assert failed.value.status == 200
