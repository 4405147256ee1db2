import pytest

from ivr_bridge.agents.knowledge_mark import SEARCH, KnowledgeMark, read_knowledge_mark
from ivr_bridge.agents.marks import read_document_name

HASH = "0123456789ab"


@pytest.mark.parametrize("mark", [KnowledgeMark("prices", HASH), KnowledgeMark("prices", HASH, "agent_1")])
def test_a_name_leads_back_to_its_mark(mark: KnowledgeMark):
    assert read_knowledge_mark(str(mark)) == mark
    assert str(mark).startswith(SEARCH)


def test_the_names():
    assert str(KnowledgeMark("prices", HASH)) == f"ivr-bridge:prices:{HASH}"
    assert str(KnowledgeMark("prices", HASH, "agent_1")) == f"ivr-bridge/agent_1:prices:{HASH}"


@pytest.mark.parametrize(
    "name", ["", "prices", "ivr-bridge", "ivr-bridge/a:b", f"ivr-bridge/:b:{HASH}", f"x/a:b:{HASH}"]
)
def test_what_others_made(name: str):
    assert read_knowledge_mark(name) is None


def test_a_document_of_the_service_is_none_of_the_configurations():
    assert read_document_name(str(KnowledgeMark("prices", HASH, "agent_1"))) is None
