import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ivr_bridge.agents.agent_file import NEEDED_EVENTS
from ivr_bridge.agents.desired import joined, nested, without_none
from tests.agents.house import wanted

SPEC = Path(__file__).parent.parent.parent.parent / "shared" / "specs" / "elevenlabs-rest.openapi.json"
THREE = {"en": "Hello.", "es": "Hola.", "zh": "你好。"}


def test_the_bridges_needs_are_set() -> None:
    config = wanted().document["conversation_config"]
    assert config["asr"]["user_input_audio_format"] == "ulaw_8000"
    assert config["tts"]["agent_output_audio_format"] == "ulaw_8000"
    assert config["tts"]["model_id"] == "eleven_flash_v2_5"
    assert set(config["conversation"]["client_events"]) == set(NEEDED_EVENTS)


def test_every_override_is_allowed_or_forbidden() -> None:
    allowed = wanted(allowed_overrides=["agent.prompt.llm"]).document["platform_settings"]["overrides"]
    tree = allowed["conversation_config_override"]
    assert tree["agent"]["prompt"]["llm"] is True
    assert tree["agent"]["first_message"] is False
    assert tree["tts"]["speed"] is False


def test_each_language_has_first_words() -> None:
    config = wanted(language="es", first_message=THREE).document["conversation_config"]
    assert config["agent"]["first_message"] == "Hola."
    assert config["language_presets"] == {
        "en": {"overrides": {"agent": {"first_message": "Hello."}}},
        "zh": {"overrides": {"agent": {"first_message": "你好。"}}},
    }


def test_what_is_not_said_is_not_in_it() -> None:
    config = wanted().document["conversation_config"]
    assert "llm" not in config["agent"]["prompt"]
    assert "dynamic_variables" not in config["agent"]
    assert config["tts"].keys() == {"model_id", "agent_output_audio_format"}
    said = wanted(llm="gpt-5", placeholders={"name": "Anna"}, voice={"id": "v", "speed": 1.1}).document
    config = said["conversation_config"]
    assert config["agent"]["prompt"]["llm"] == "gpt-5"
    assert config["agent"]["dynamic_variables"] == {"dynamic_variable_placeholders": {"name": "Anna"}}
    assert (config["tts"]["voice_id"], config["tts"]["speed"]) == ("v", 1.1)


def test_the_vendors_own_tools_are_switched() -> None:
    built_in = wanted(end_call=True).document["conversation_config"]["agent"]["prompt"]["built_in_tools"]
    assert built_in["end_call"]["params"] == {"system_tool_type": "end_call"}
    assert built_in["language_detection"] is None


def test_tools_and_knowledge_go_by_name_once_each() -> None:
    assert wanted("desk", "b", "a").tools == ("b", "a")
    named = wanted("desk", "b", "a", tools=["a", "a"], knowledge=["k", "k"])
    assert (named.name, named.tools, named.knowledge) == ("desk", ("a",), ("k",))
    assert wanted("desk", "b", tools=[]).tools == ()


def test_documents_are_joined_field_by_field() -> None:
    assert joined({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2], "d": None}}) == {"a": {"b": 1, "c": [2], "d": None}}
    assert nested(("a", "b"), 1) == {"a": {"b": 1}}
    assert without_none({"a": None, "b": {"c": None, "d": 0}, "e": [None]}) == {"b": {"d": 0}, "e": [None]}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"language_detection": True, "end_call": True, "first_message": THREE, "placeholders": {"n": 1}},
        {"voice": {"id": "v", "stability": 0, "similarity_boost": 1, "speed": 0.7}, "llm": "gpt-5"},
    ],
)
def test_the_document_is_what_the_contract_says(fields: dict[str, Any]) -> None:
    if not SPEC.is_file():
        pytest.skip("the vendor's OpenAPI file is not beside the project")
    registry = Registry().with_resource(
        "urn:spec", Resource(contents=json.loads(SPEC.read_text()), specification=DRAFT202012)
    )
    document = wanted(**fields).document
    for body, name in (
        (without_none(document), "Body_Create_Agent_v1_convai_agents_create_post"),
        (document, "Body_Patches_an_Agent_settings_v1_convai_agents__agent_id__patch"),
    ):
        Draft202012Validator({"$ref": f"urn:spec#/components/schemas/{name}"}, registry=registry).validate(body)
