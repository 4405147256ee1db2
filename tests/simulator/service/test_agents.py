from ivr_bridge.simulator.service.agents import AGENTS, fill_variables
from ivr_bridge.simulator.service.voices import VOICES


def test_the_first_agent_is_plain():
    first = next(iter(AGENTS.values()))
    assert "{{" not in first.first_message
    assert not first.private


def test_there_is_one_of_each_kind():
    agents = AGENTS.values()
    assert any("{{caller_number}}" in agent.first_message for agent in agents)
    assert any(agent.private for agent in agents)
    assert any(agent.overrides for agent in agents)
    assert any(not agent.overrides for agent in agents)
    assert all(agent.voice_id in VOICES for agent in agents)


def test_variables():
    assert fill_variables("a {{x}} b {{ y }}", {"x": 1, "y": True}) == ("a 1 b True", [])
    assert fill_variables("{{x}}{{z}}", {"x": ""}) == ("", ["z"])


def test_shape():
    shown = AGENTS["agent_sandbox_desk"].as_json("pcm_16000", "ulaw_8000")
    config = shown["conversation_config"]
    assert config["tts"]["agent_output_audio_format"] == "pcm_16000"
    assert config["asr"]["user_input_audio_format"] == "ulaw_8000"
    assert "interruption" in config["conversation"]["client_events"]
    names = {tool["name"] for tool in config["agent"]["prompt"]["tools"]}
    assert names == {"book_table", "get_call_info", "choose_option", "show_menu", "switch_language"}


def test_one_agent_changes_its_language():
    (agent,) = (agent for agent in AGENTS.values() if agent.detects_language)
    assert agent.languages == ("en", "es", "zh")
    config = agent.as_json("ulaw_8000", "ulaw_8000")["conversation_config"]
    assert set(config["language_presets"]) == {"es", "zh"}
    assert "language_detection" in config["agent"]["prompt"]["built_in_tools"]
    desk = AGENTS["agent_sandbox_desk"]
    assert desk.presets
    assert not desk.languages
    assert not desk.as_json("ulaw_8000", "ulaw_8000")["conversation_config"]["agent"]["prompt"]["built_in_tools"]
