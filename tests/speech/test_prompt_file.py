from pathlib import Path

import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.speech.prompt_file import LANGUAGES, REQUIRED_PROMPTS, read_prompt_files, untranslated

OURS = Path(__file__).parents[2] / "config" / "prompts"


def write(folder: Path, language: str, **texts: str) -> None:
    lines = {name: f"Text of {name}" for name in REQUIRED_PROMPTS} | texts
    body = "".join(f"  {name}: {text}\n" for name, text in lines.items() if text)
    (folder / f"{language}.yaml").write_text("prompts:\n" + body, encoding="utf-8")


def test_our_own_files_have_every_prompt_in_each_language_in_its_own_script() -> None:
    files = read_prompt_files(OURS)
    assert tuple(files) == LANGUAGES
    texts = {language: file.prompts.by_name() for language, file in files.items()}
    assert set(texts["en"]) == set(texts["es"]) == set(texts["zh"]) > set(REQUIRED_PROMPTS)
    assert untranslated(files, OURS) == ()
    for name in texts["en"]:
        assert len({texts[language][name] for language in LANGUAGES}) == 3
        assert texts["en"][name].isascii()
        assert any("\u4e00" <= char <= "\u9fff" for char in texts["zh"][name])
        assert not any("a" <= char.lower() <= "z" for char in texts["zh"][name])


def test_prompts_of_an_operators_own(tmp_path: Path) -> None:
    for language in LANGUAGES:
        write(tmp_path, language, welcome="  Welcome!  ")
    files = read_prompt_files(tmp_path)
    assert files["es"].prompts.by_name()["welcome"] == "Welcome!"
    assert files["es"].prompts.busy == "Text of busy"


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ({"busy": ""}, r"en\.yaml:\d+: prompts\.busy: Field required"),
        ({"busy": '""'}, r"en\.yaml:2: prompts\.busy: String should have at least 1"),
        ({"busy": "[a]"}, r"en\.yaml:2: prompts\.busy: Input should be a valid string"),
        ({"Wel-come": "x"}, "small letters"),
        ({"welcome": "12"}, r"prompts\.welcome: Input should be a valid string"),
        (
            {"welcome": "Hello {{name}}"},
            rf"en\.yaml:{len(REQUIRED_PROMPTS) + 2}: prompts\.welcome: .*cannot hold {{{{var",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, texts: dict[str, str], what: str) -> None:
    for language in LANGUAGES:
        write(tmp_path, language, **(texts if language == "en" else {}))
    with pytest.raises(ConfigError, match=what):
        read_prompt_files(tmp_path)


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "en", busy="")
    write(tmp_path, "es", sorry="")
    with pytest.raises(ConfigError) as raised:
        read_prompt_files(tmp_path)
    assert [Path(problem.split(":")[0]).name for problem in raised.value.problems] == ["en.yaml", "es.yaml", "zh.yaml"]


def test_an_own_prompt_that_some_language_lacks_is_a_warning(tmp_path: Path) -> None:
    for language in LANGUAGES:
        write(tmp_path, language, **({"welcome": "Hello"} if language != "zh" else {}))
    (problem,) = untranslated(read_prompt_files(tmp_path), tmp_path)
    assert problem.startswith(f"{tmp_path / 'zh.yaml'}: prompts.welcome: is written in another language")
    assert problem.severity == "warning"


def test_the_languages_are_offered_by_the_keys_of_the_example() -> None:
    files = read_prompt_files(OURS)
    for key, language in enumerate(LANGUAGES, 1):
        assert str(key) in files[language].prompts.choose_language
