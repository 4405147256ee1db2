"""How far an index is."""

from itertools import islice

import pytest

from ivr_bridge.elevenlabs.rest.rag_index import RagIndex, RagIndexes, pauses_s

MODEL = "e5_mistral_7b_instruct"


def index(status: str, model: str = MODEL) -> RagIndex:
    return RagIndex(id="i", model=model, status=status)


@pytest.mark.parametrize(
    ("status", "ended", "usable"),
    [
        ("new", False, False),
        ("created", False, False),
        ("processing", False, False),
        ("something new", False, False),
        ("succeeded", True, True),
        ("failed", True, False),
        ("rag_limit_exceeded", True, False),
        ("document_too_small", True, False),
        ("cannot_index_folder", True, False),
    ],
)
def test_states(status: str, ended: bool, usable: bool):
    assert (index(status).ended, index(status).usable) == (ended, usable)


def test_an_index_is_found_by_its_model():
    indexes = RagIndexes(indexes=(index("failed", "other"), index("new")))
    assert indexes.of(MODEL) == index("new")
    assert indexes.of("none") is None


def test_pauses_grow_up_to_the_longest():
    assert list(islice(pauses_s(1, 3), 5)) == [1, 1.5, 2.25, 3, 3]
