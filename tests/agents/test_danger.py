from typing import Any

import pytest

from ivr_bridge.agents.danger import Danger, Level, danger_of, worst
from ivr_bridge.agents.difference import differences
from tests.agents.house import wanted

CONFIG = "conversation_config"
OVERRIDES = ("platform_settings", "overrides", "conversation_config_override", "agent")


@pytest.mark.parametrize(
    ("path", "before", "after", "level", "words"),
    [
        (("name",), "a", "b", "safe", "for people"),
        ((CONFIG, "tts", "voice_id"), "a", "b", "caution", "another voice"),
        ((CONFIG, "tts", "speed"), 1, 1.1, "caution", "sounds different"),
        ((CONFIG, "tts", "agent_output_audio_format"), "ulaw_8000", "pcm_16000", "danger", "noise"),
        ((CONFIG, "asr", "user_input_audio_format"), "pcm_16000", "ulaw_8000", "safe", "passes it through"),
        ((CONFIG, "agent", "prompt", "prompt"), "a", "b", "caution", "calls now running keep the old one"),
        ((CONFIG, "agent", "prompt", "llm"), "a", "b", "caution", "price"),
        ((CONFIG, "agent", "prompt", "built_in_tools", "end_call"), None, {}, "caution", "hang up"),
        ((CONFIG, "agent", "prompt", "built_in_tools", "language_detection"), {}, None, "caution", "one language"),
        ((CONFIG, "agent", "first_message"), "a", "b", "caution", "first words"),
        ((CONFIG, "agent", "language"), "en", "es", "danger", "another language"),
        ((CONFIG, "language_presets", "es"), "a", "b", "safe", "first words"),
        ((CONFIG, "conversation", "client_events"), ["vad_score"], ["audio"], "caution", "vad_score"),
        ((CONFIG, "conversation", "client_events"), None, ["audio"], "safe", "barge in"),
        ((CONFIG, "conversation", "max_duration_seconds"), 600, 60, "caution", "ended"),
        ((CONFIG, "conversation", "max_duration_seconds"), 60, 600, "safe", "longer"),
        ((*OVERRIDES, "language"), True, False, "danger", "refused"),
        ((*OVERRIDES, "language"), False, True, "safe", "set it anew"),
        ((*OVERRIDES, "prompt", "prompt"), False, True, "caution", "told to be"),
        (("tools", "x"), "x:1", None, "danger", "removes a tool"),
        (("tools", "x"), None, "x:1", "safe", "can do more"),
        (("tools", "x"), "x:1", "x:2", "danger", "until it is applied"),
        (("knowledge", "x"), "x:1", None, "caution", "no longer knows"),
        (("knowledge", "x"), None, "x:1", "safe", "knows more"),
        (("something", "new"), 1, 2, "caution", "next call"),
    ],
)
def test_what_a_change_means(path: tuple[str, ...], before: Any, after: Any, level: Level, words: str) -> None:
    danger = danger_of(path, before, after)
    assert danger.level == level
    assert words in danger.words


def test_the_worst_of_several() -> None:
    assert worst([]) == "safe"
    assert worst([Danger("safe", ""), Danger("danger", ""), Danger("caution", "")]) == "danger"


def test_everything_that_a_file_can_say_has_words_of_its_own() -> None:
    fallback = danger_of(("something", "new"), 1, 2)
    file = wanted(llm="x", voice={"id": "v", "speed": 1}, placeholders={"n": 1}, first_message={"en": "a", "es": "b"})
    for change in differences(file.document, {}):
        assert change.danger.words != fallback.words, change.place
