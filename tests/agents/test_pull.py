from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivr_bridge.agents.agent_file import NEEDED_EVENTS, prompt_text, read_agent_file
from ivr_bridge.agents.desired import wanted_agent
from ivr_bridge.agents.difference import differences
from ivr_bridge.agents.found import Found, FoundAgent, FoundDocument, FoundTool
from ivr_bridge.agents.marks import document_name, tag_of
from ivr_bridge.agents.pull import file_name, pulled_file, yaml_text
from tests.agents.house import agent_file, tools

PROMPT = 'Be kind.\n\n  Say: "${price} is {{price}}".\nDon\'t shout: never.\n# no comment'
FILE = agent_file(
    prompt=PROMPT,
    language="es",
    first_message={"es": "¡Hola!", "en": "Hi, {{name}}.", "zh": "您好"},
    language_detection=True,
    voice={"id": "v1", "stability": 0.4, "similarity_boost": 0.9, "speed": 1.1},
    llm="gpt-5",
    allowed_overrides=["agent.prompt.prompt", "tts.voice_id"],
    client_events=[*NEEDED_EVENTS, "vad_score"],
    placeholders={"name": "Anna", "n": 3},
    max_duration_s=300,
    tools=["hang_up", "book_table"],
    knowledge=["prices"],
)


def at_the_vendor() -> tuple[FoundAgent, Found]:
    document = wanted_agent("desk", FILE, PROMPT, ()).document
    prompt = document["conversation_config"]["agent"]["prompt"]
    prompt["tool_ids"] = ["tool_1", "tool_2", "tool_3"]
    entry = {"type": "file", "id": "doc_1", "name": document_name("prices", "0123456789ab"), "usage_mode": "auto"}
    prompt["knowledge_base"] = [entry]
    found_tools = [FoundTool(f"tool_{n}", each.config) for n, each in enumerate(tools(), 1)]
    found_tools.append(FoundTool("tool_3", {"type": "webhook", "name": "crm"}))
    documents = (FoundDocument("doc_1", document_name("prices", "0123456789ab"), "file"),)
    agent = FoundAgent("agent_1", ("desk",), {**document, "tags": [tag_of("desk")]})
    return agent, Found((agent,), tuple(found_tools), documents)


def test_what_was_pulled_is_no_difference(tmp_path: Path) -> None:
    agent, found = at_the_vendor()
    pulled = pulled_file(agent, found)
    assert pulled.remarks == ()
    path = tmp_path / "desk.yaml"
    path.write_text(pulled.text)
    document = read_agent_file(path)
    again = wanted_agent("desk", document.content, prompt_text(document), ())
    assert prompt_text(document) == PROMPT
    assert differences(again.document, agent.document) == ()
    assert again.tools == ("hang_up", "book_table")
    assert again.knowledge == ("prices",)
    assert document.content.model_dump(exclude={"prompt"}) == FILE.model_dump(exclude={"prompt"})


def test_a_long_prompt_stays_readable() -> None:
    text = pulled_file(*at_the_vendor()).text
    assert "prompt: |-\n  Be kind.\n\n    Say: " in text
    assert "tools: [hang_up, book_table]\n" in text
    assert "crm" not in text


def test_what_the_bridge_cannot_do_with_is_remarked(tmp_path: Path) -> None:
    prompt = {
        "prompt": "Hi.",
        "tool_ids": ["tool_1"],
        "tools": [{"type": "client", "name": "inline"}, {"type": "client", "name": "hand"}],
        "knowledge_base": [{"id": "doc_2"}],
    }
    config: dict[str, Any] = {
        "agent": {"prompt": prompt, "first_message": "Bonjour", "language": "fr"},
        "tts": {"agent_output_audio_format": "pcm_16000"},
        "conversation": {"client_events": ["audio", "something_new"]},
    }
    found = Found(tools=(FoundTool("tool_1", {"type": "client", "name": "hand"}),))
    pulled = pulled_file(FoundAgent("agent_1", (), {"name": "x", "conversation_config": config}), found)
    remarks = "\n".join(pulled.remarks)
    for words in (
        "speaks fr",
        "hears the default",
        "speaks pcm_16000",
        "interruption",
        "by hand: hand;",
        "itself: inline;",
        "1 documents",
    ):
        assert words in remarks
    assert "tools: [hand, inline]" in pulled.text
    assert "input: ulaw_8000" in pulled.text


def test_an_agent_with_nothing_in_it() -> None:
    pulled = pulled_file(FoundAgent("agent_1", (), {}), Found())
    fields = yaml.safe_load(pulled.text)
    assert fields["name"] == "agent_1"
    assert fields["first_message"] == {"en": ""}
    assert any("no first message" in remark for remark in pulled.remarks)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Front desk (new)", "front_desk_new"), ("", "agent"), ("客服", "agent"), ("x" * 90, "x" * 64), ("A--b", "a_b")],
)
def test_the_name_of_a_file(name: str, expected: str) -> None:
    assert file_name(name) == expected


texts = st.one_of(
    st.text(), st.sampled_from(["yes", "null", "1", "a: b", "- x", "#", "a #b", "a\nb", " a\n b\n", "😀\u2028\x85\x07"])
)
values = st.recursive(
    st.one_of(texts, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False, width=32)),
    lambda inner: st.dictionaries(texts.filter(bool), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@example({"x" * 200: [], "\x07" * 20: ["y" * 90]})
@given(st.dictionaries(texts.filter(bool), st.one_of(values, st.lists(texts, max_size=4)), min_size=1, max_size=4))
def test_yaml_reads_as_it_was(fields: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(fields)) == fields
