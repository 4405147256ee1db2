import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from ivr_bridge.agents.agent_file import (
    NEEDED_EVENTS,
    OVERRIDES,
    ULAW,
    AudioFormat,
    ClientEvent,
    dynamic_variables,
    override_names,
    prompt_text,
    read_agent_file,
    read_agent_files,
)
from ivr_bridge.errors import ConfigError
from tests.agents.house import agent_file

ROOT = Path(__file__).parent.parent.parent
SPEC = ROOT.parent / "shared" / "specs" / "elevenlabs-rest.openapi.json"
SMALL = "name: Desk\nprompt: Be kind.\nfirst_message:\n  en: Hello.\n"


def write(folder: Path, text: str, name: str = "desk.yaml") -> Path:
    path = folder / "agents" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def contract() -> Any:
    if not SPEC.is_file():
        pytest.skip("the vendor's OpenAPI file is not beside the project")
    return json.loads(SPEC.read_text())["components"]["schemas"]


def test_what_a_file_need_not_say_is_what_the_bridge_needs() -> None:
    file = agent_file()
    assert (file.audio.input, file.audio.output) == (ULAW, ULAW)
    assert set(NEEDED_EVENTS) <= set(file.client_events)
    assert "interruption" in file.client_events
    assert file.allowed_overrides == ["agent.first_message", "agent.language"]
    assert file.model == "eleven_flash_v2_5"
    assert file.tools is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": None}, "needs either `prompt`"),
        ({"prompt_file": "x.md"}, "needs either `prompt`"),
        ({"language": "es"}, "needs one in es"),
        ({"model": "eleven_flash_v2", "first_message": {"en": "Hi", "zh": "你好"}}, "speaks English only"),
        ({"client_events": ["audio", "ping"]}, "the bridge needs"),
        ({"client_events": [*NEEDED_EVENTS, "applause"]}, "client_events"),
        ({"allowed_overrides": ["agent.voice"]}, "allowed_overrides"),
        ({"voice": {"speed": 0.6}}, "greater than or equal to 0.7"),
        ({"voice": {"stability": 1.1}}, "less than or equal to 1"),
        ({"audio": {"input": "mp3"}}, "audio"),
        ({"first_message": {"en": " "}}, "first_message"),
        ({"first_message": {"fr": "Bonjour"}}, "first_message"),
        ({"max_duration_s": 1}, "max_duration_s"),
        ({"speed": 1}, "speed"),
    ],
)
def test_what_does_not_fit(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        agent_file(**fields)
    assert words in str(refused.value)


def test_an_english_model_is_enough_for_english() -> None:
    assert agent_file(model="eleven_flash_v2").languages == ("en",)
    assert agent_file(language="zh", first_message={"en": "Hi", "zh": "你好"}).languages == ("zh", "en")


def test_every_file_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    write(tmp_path, SMALL, "night-desk.yaml")
    write(tmp_path, "[", ".desk.yaml.swp.yaml")
    assert list(read_agent_files(tmp_path)) == ["desk", "night-desk"]
    assert read_agent_files(tmp_path / "nowhere") == {}


def test_every_problem_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, "name: 3\n", "one.yaml")
    write(tmp_path, SMALL, "a:b.yaml")
    with pytest.raises(ConfigError) as refused:
        read_agent_files(tmp_path)
    files = {Path(problem.split(":")[0]).stem for problem in refused.value.problems}  # type: ignore[attr-defined]
    assert files == {"one", "a"}


def test_the_prompt_is_filled(tmp_path: Path) -> None:
    path = write(
        tmp_path, SMALL.replace("Be kind.", '"At ${house}, {{caller}} is ${mood}."\nvariables: {house: X, mood: ok}')
    )
    assert prompt_text(read_agent_file(path)) == "At X, {{caller}} is ok."


def test_a_prompt_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL.replace("prompt: Be kind.", "prompt_file: prompts/desk.md"))
    with pytest.raises(ConfigError) as refused:
        prompt_text(read_agent_file(path))
    assert "desk.yaml:2: prompt_file: there is no file" in str(refused.value)
    (tmp_path / "agents" / "prompts").mkdir()
    (tmp_path / "agents" / "prompts" / "desk.md").write_text("\nBe kind.\nAlways.\n\n")
    assert prompt_text(read_agent_file(path)) == "Be kind.\nAlways."


@pytest.mark.parametrize(
    ("prompt", "line"),
    [("prompt: Be ${who}.", 2), ("prompt: |\n  Be kind.\n  And ${who}.", 4), ("prompt: >-  # folded\n  Be ${who}.", 3)],
)
def test_a_fault_of_the_prompt_is_told_with_its_line(tmp_path: Path, prompt: str, line: int) -> None:
    path = write(tmp_path, SMALL.replace("prompt: Be kind.", prompt))
    with pytest.raises(ConfigError) as refused:
        prompt_text(read_agent_file(path))
    assert f"desk.yaml:{line}: ${{who}} has no value" in str(refused.value)


def test_the_vendors_variables() -> None:
    texts = {"prompt": "{{ caller }} and {{system__time}}", "first_message": "Hi {{caller}}, {{name}}"}
    assert dynamic_variables(texts) == {"caller": "prompt", "name": "first_message"}


def test_overrides_by_name() -> None:
    overrides = {"agent": {"language": "es", "prompt": {"llm": "x"}}, "tts": {"speed": 1.0}}
    assert override_names(overrides) == ["agent.language", "agent.prompt.llm", "tts.speed"]
    assert override_names({"turn": {"soft_timeout_config": {"message": "x"}}}) == ["turn.soft_timeout_config.message"]


def test_the_shipped_agent_can_be_read() -> None:
    documents = read_agent_files(ROOT / "config")
    assert list(documents) == ["desk"]
    assert "${" not in prompt_text(documents["desk"])


def test_words_of_the_contract() -> None:
    schemas = contract()
    assert set(get_args(ClientEvent)) == set(schemas["ClientEvent"]["enum"])
    assert (
        set(get_args(AudioFormat)) == set(schemas["TTSOutputFormat"]["enum"]) == set(schemas["ASRInputFormat"]["enum"])
    )
    file = agent_file()
    models = get_args(type(file).model_fields["model"].annotation)
    assert set(models) == set(schemas["TTSConversationalModel"]["enum"])
    assert set(OVERRIDES) == set(_flags(schemas, "ConversationConfigClientOverrideConfig-Input"))


def _flags(schemas: Any, name: str, prefix: str = "") -> list[str]:
    names = []
    for key, value in schemas[name]["properties"].items():
        inner = value.get("$ref", "").rpartition("/")[2]
        names += _flags(schemas, inner, f"{prefix}{key}.") if inner else [prefix + key]
    return names
