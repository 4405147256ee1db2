from dataclasses import replace
from typing import Any

import pytest

from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.initiation import InitiationRefused, open_with

DESK, CALLER, STRICT = (AGENTS[f"agent_sandbox_{name}"] for name in ("desk", "caller", "strict"))


def override(**agent: Any) -> dict[str, Any]:
    return {"conversation_config_override": {"agent": agent}}


def test_defaults():
    opening = open_with(DESK, {})
    assert (opening.first_message, opening.language) == (DESK.first_message, "en")
    assert opening.voice.voice_id == DESK.voice_id


def test_allowed_overrides():
    opening = open_with(DESK, override(first_message="Hola", language="es"))
    assert (opening.first_message, opening.language) == ("Hola", "es")


def test_a_language_brings_its_own_first_message():
    assert open_with(DESK, override(language="zh")).first_message == DESK.presets["zh"]
    assert open_with(DESK, override(language="zh", first_message="嗨")).first_message == "嗨"
    assert open_with(DESK, override(language="fr")).first_message == DESK.first_message


def test_an_empty_first_message_waits():
    assert open_with(DESK, override(first_message="")).first_message == ""


def test_null_is_no_override():
    assert open_with(STRICT, override(first_message=None)).first_message == STRICT.first_message


@pytest.mark.parametrize(
    ("agent", "message", "kind", "words"),
    [
        (STRICT, override(first_message="Hi"), "override_error", "'first_message' is not allowed"),
        (DESK, {"conversation_config_override": {"tts": {"voice_id": "x"}}}, "override_error", "'voice_id'"),
        (DESK, override(prompt={"prompt": "x"}), "override_error", "'prompt'"),
        (CALLER, {}, "missing_dynamic_variable", "caller_number"),
        (DESK, {"conversation_config_override": []}, "missing_fields", "must be an object"),
    ],
)
def test_refused(agent: Any, message: dict[str, Any], kind: str, words: str):
    with pytest.raises(InitiationRefused, match=words) as refused:
        open_with(agent, message)
    assert refused.value.error_type == kind


def test_nested_overrides_and_other_parts():
    agent = replace(DESK, overrides=frozenset({"agent.prompt.prompt", "asr.keywords"}))
    allowed = {"agent": {"prompt": {"prompt": "Be brief.", "llm": None}}, "asr": {"keywords": ["x"]}}
    assert open_with(agent, {"conversation_config_override": allowed})
    for part in ({"agent": {"prompt": {"llm": "x"}}}, {"turn": {"soft_timeout_config": {"message": "x"}}}):
        with pytest.raises(InitiationRefused, match="not allowed by config"):
            open_with(agent, {"conversation_config_override": part})


def test_the_prompts_variables_need_values_too():
    agent = replace(DESK, prompt="You talk to {{who}} at {{system__time}}.", first_message="Hi {{system__caller_id}}")
    with pytest.raises(InitiationRefused, match=r"in prompt: \['who'\]"):
        open_with(agent, {})
    assert open_with(agent, {"dynamic_variables": {"who": "you"}}).first_message == "Hi "


def test_voices():
    agent = replace(DESK, preset_voices={"es": "SandboxOwen000000002"}, overrides=DESK.overrides | {"tts.voice_id"})
    assert open_with(agent, override(language="es")).voice.name == "Owen"
    assert open_with(agent, override(language="zh")).voice.name == "Clara"
    assert open_with(replace(agent, voice_id="unknown"), {}).voice.name == "Clara"
    asked = {"conversation_config_override": {"tts": {"voice_id": "JBFqnCBsd6RMkjVDRZzb"}}}
    assert open_with(agent, asked).voice.name == "George"


def test_the_sdks_stray_key_is_ignored():
    assert open_with(STRICT, {"conversation_config_override": {"text_only": True}})
