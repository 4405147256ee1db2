from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ivr_bridge.agents.service_agent import (
    Agent,
    agent_document,
    prompt_templates,
    render_system_prompt,
    system_tools,
)
from ivr_bridge.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "agents" / "prompts"
    folder.mkdir(parents=True)
    (folder / "desk.md").write_text("You are the desk of ${house}.\nCaller: {{caller}}.")
    (folder / "plain.txt").write_text("Be kind.")
    (folder / "notes.pdf").write_text("no template")
    return tmp_path


def test_templates_are_files(config: Path):
    templates = prompt_templates(config)
    assert {name: template.variables for name, template in templates.items()} == {"desk": ("house",), "plain": ()}
    (config / "agents" / "prompts" / "broken.md").write_text("${")
    (config / "agents" / "prompts" / "empty.md").write_text("")
    with pytest.raises(ConfigError) as told:
        prompt_templates(config)
    assert len(told.value.problems) == 2
    assert prompt_templates(config / "nowhere") == {}


@pytest.mark.parametrize(
    ("system_prompt", "text"),
    [
        ("Be ${kind}.", "Be ${kind}."),
        ({"template": "plain"}, "Be kind."),
        (
            {"template": "desk", "variables": {"house": "Harbour"}},
            "You are the desk of Harbour.\nCaller: {{caller}}.",
        ),
        ({"text": "Tables: ${n}", "variables": {"n": 4}}, "Tables: 4"),
        ({"Role": "You book.\n", "Rules": ["Brief.", "Kind."]}, "# Role\n\nYou book.\n\n# Rules\n\n- Brief.\n- Kind."),
        ({"text": "Only a section"}, "# text\n\nOnly a section"),
        ({}, ""),
    ],
)  # fmt: skip
def test_the_forms_of_a_prompt(config: Path, system_prompt: Any, text: str):
    assert render_system_prompt(system_prompt, config) == text


@pytest.mark.parametrize(
    ("system_prompt", "problem"),
    [
        ({"template": "nothing"}, "there is no 'nothing' in .*; there are: desk, plain"),
        ({"template": "desk"}, "desk.md:1: .{house} has no value"),
        ({"template": "plain", "variables": {"x": "1"}}, "'x' is used nowhere"),
        ({"text": "${", "variables": {}}, "system_prompt.text:1: .* is not closed"),
        ({"template": "desk", "variables": "x"}, "system_prompt.variables: should be names with values"),
        ({"Rules": {"a": 1}}, "system_prompt.Rules: should be a text or a list of texts"),
    ],
)
def test_a_prompt_that_cannot_be_rendered(config: Path, system_prompt: Any, problem: str):
    with pytest.raises(ConfigError, match=problem):
        render_system_prompt(system_prompt, config)


def test_a_new_agent_is_fit_for_a_telephone():
    config = agent_document(Agent(name="Desk", voice_id="v"), "Be kind.")["conversation_config"]
    assert config["agent"] == {
        "prompt": {"prompt": "Be kind."},
        "first_message": "Hello, how can I help you?",
        "language": "en",
    }
    assert config["tts"] == {
        "model_id": "eleven_flash_v2_5",
        "voice_id": "v",
        "agent_output_audio_format": "ulaw_8000",
    }
    assert config["asr"] == {"user_input_audio_format": "ulaw_8000"}
    assert "interruption" in config["conversation"]["client_events"]


@pytest.mark.parametrize(("language", "message"), [("es", "Hola"), ("zh", "您好")])
def test_a_greeting_in_its_language(language: Any, message: str):
    document = agent_document(Agent(name="Desk", language=language), "")
    assert message in document["conversation_config"]["agent"]["first_message"]


def test_more_of_the_vendors_document_wins():
    agent = Agent(
        name="Desk",
        tags=["a"],
        conversation_config={"agent": {"language": "es"}, "turn": {"turn_timeout": 3}},
        platform_settings={"auth": {"enable_auth": True}},
    )
    document = agent_document(agent, "")
    assert document["conversation_config"]["agent"]["language"] == "es"
    assert document["conversation_config"]["turn"] == {"turn_timeout": 3}
    assert document["platform_settings"] == {"auth": {"enable_auth": True}}
    assert document["tags"] == ["a"]


def test_an_update_says_only_what_was_given():
    assert agent_document(Agent(name="Desk"), "", only_given=True) == {"name": "Desk"}
    document = agent_document(Agent(name="Desk", first_message="", tags=[]), "", only_given=True)
    assert document == {"name": "Desk", "conversation_config": {"agent": {"first_message": ""}}, "tags": []}


def test_three_dots_say_nothing():
    agent = Agent.model_validate({"name": "Desk", "system_prompt": {...}, "tools": [...], "voice_id": ...})
    assert agent == Agent(name="Desk")
    assert agent.model_fields_set == {"name"}


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": "x", "language": "fr"}, {"name": "x", "voice": "y"}])
def test_an_agent_that_does_not_fit(fields: dict[str, Any]):
    with pytest.raises(ValidationError):
        Agent.model_validate(fields)


def test_tools_of_the_vendors_own():
    assert system_tools(["end_call", "other"]) == {
        "end_call": {
            "type": "system",
            "name": "end_call",
            "description": "",
            "params": {"system_tool_type": "end_call"},
        }
    }
