import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.errors import ConfigError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.speech import recipe as recipe_module
from ivr_bridge.speech.prompt_cache import PromptCache
from ivr_bridge.speech.prompt_file import LANGUAGES, REQUIRED_PROMPTS, PromptFile
from ivr_bridge.speech.prompts import FAILURES_A_ROUND, RENDERED_AT_ONCE, RETRY_FIRST_S, RETRY_MAX_S, Prompts
from ivr_bridge.speech.synthesizer import Synthesizer, to_phone
from ivr_bridge.speech.voice import Voice
from ivr_bridge.telemetry.log import Log
from tests.speech.fakes import SPEECH, VOICE, FakeStore, FakeVendor

ALL = len(REQUIRED_PROMPTS) * len(LANGUAGES)


class StopWaitingError(Exception):
    """Ends `render_missing` from its own sleep."""


class Bench:
    """Prompts over fakes; `restart` is a new process over the same folder and store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FakeStore()
        self.vendor = FakeVendor()
        self.voice: Voice | None = VOICE
        self.slept_s: list[float] = []
        self.on_sleep: list[Any] = []
        self.words: dict[str, str] = {}
        self.restart()

    def restart(self) -> None:
        files = {
            language: PromptFile.model_validate(
                {"prompts": {name: f"{language} {name}" for name in REQUIRED_PROMPTS} | self.words}
            )
            for language in LANGUAGES
        }
        self.prompts = Prompts(
            files,
            PromptCache(self.store, self.folder, Log()),
            Synthesizer(self.vendor),
            lambda _language: self.voice,
            Log(),
            sleep=self.sleep,
        )

    async def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        if not self.on_sleep:
            raise StopWaitingError
        if act := self.on_sleep.pop(0):
            act()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "prompts")


async def test_rendered_once_and_then_loaded_without_the_vendor(bench: Bench) -> None:
    await bench.prompts.load()
    assert bench.prompts.ready_count == 0
    assert len(bench.prompts.missing) == ALL
    assert bench.vendor.asked == []
    await bench.prompts.render_missing()
    assert bench.prompts.ready_count == len(bench.vendor.asked) == ALL
    assert bench.prompts.missing == ()
    assert 1 < bench.vendor.most_at_once <= RENDERED_AT_ONCE
    assert bench.slept_s == []

    bench.restart()
    await bench.prompts.load()
    await bench.prompts.render_missing()
    prompt = bench.prompts.get("busy", "es")
    assert prompt is not None
    assert (prompt.name, prompt.language, prompt.text) == ("busy", "es", "es busy")
    assert prompt.mulaw == to_phone(SPEECH)
    assert len(bench.vendor.asked) == ALL


@pytest.mark.parametrize("lost", ["store", "disk"])
async def test_neither_a_lost_layer_nor_a_dark_vendor_silences_a_prompt(bench: Bench, lost: str) -> None:
    await bench.prompts.render_missing()
    bench.vendor.fault = VendorUnreachable("dark")
    if lost == "store":
        bench.store.lost = True
    else:
        bench.folder = bench.folder.parent / "empty"
    for voice in (VOICE, None, Voice("another", "m")):
        bench.voice = voice
        bench.restart()
        await bench.prompts.load()
        assert bench.prompts.ready_count == ALL, voice


async def test_a_new_audio_chain_plays_the_old_clip_until_it_has_a_new_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.prompts.render_missing()
    monkeypatch.setattr(recipe_module, "CHAIN_VERSION", "next")
    bench.restart()
    await bench.prompts.load()
    assert bench.prompts.ready_count == ALL
    await bench.prompts.render_missing()
    assert len(bench.vendor.asked) == 2 * ALL


async def test_a_changed_text_never_plays_the_old_words(bench: Bench) -> None:
    await bench.prompts.render_missing()
    bench.words = {"busy": "New words"}
    bench.voice = None
    bench.restart()
    await bench.prompts.load()
    assert bench.prompts.get("busy", "en") is None
    assert bench.prompts.missing == tuple(("busy", language) for language in LANGUAGES)
    assert bench.prompts.text("busy", "en") == "New words"


async def test_a_store_that_lost_everything_gets_it_back(bench: Bench) -> None:
    await bench.prompts.render_missing()
    kept = dict(bench.store.values)
    bench.store.values.clear()
    bench.restart()
    await bench.prompts.load()
    await bench.prompts.render_missing()
    assert bench.store.values == kept
    assert len(bench.vendor.asked) == ALL


async def test_a_dark_vendor_is_asked_little_and_ever_more_seldom(bench: Bench) -> None:
    bench.vendor.fault = VendorUnreachable("no answer")
    bench.on_sleep = [None] * 11
    with capture_logs() as lines, pytest.raises(StopWaitingError):
        await bench.prompts.render_missing()
    assert len(bench.vendor.asked) <= 12 * (FAILURES_A_ROUND + RENDERED_AT_ONCE - 1)
    for n, slept_s in enumerate(bench.slept_s):
        expected_s = min(RETRY_FIRST_S * 2**n, RETRY_MAX_S)
        assert 0.8 * expected_s <= slept_s <= 1.2 * expected_s
    assert [line["event"] for line in lines] == ["prompt.failed"], "one event, however often"
    assert lines[0]["error"] == "vendor_unreachable: no answer"


async def test_the_vendor_comes_back(bench: Bench) -> None:
    def heal() -> None:
        bench.vendor.fault = None

    bench.vendor.fault = VendorRejected("voice_not_found", status=400)
    bench.on_sleep = [None, heal]
    with capture_logs() as lines:
        await bench.prompts.render_missing()
    assert bench.prompts.missing == ()
    assert [line["event"] for line in lines] == ["prompt.failed", "prompts.loaded"]
    assert (lines[1]["ready"], lines[1]["missing"], lines[1]["rendered"]) == (ALL, 0, ALL)


async def test_bad_texts_at_the_top_do_not_hold_up_the_others(bench: Bench) -> None:
    first = REQUIRED_PROMPTS[:FAILURES_A_ROUND]
    for language in LANGUAGES:
        for name in first:
            bench.vendor.bad_texts[f"{language} {name}"] = VendorFailed("cannot say that")
    bench.on_sleep = [None] * 200
    with pytest.raises(StopWaitingError):
        await bench.prompts.render_missing()
    assert set(bench.prompts.missing) == {(name, language) for name in first for language in LANGUAGES}


async def test_a_bug_in_a_voice_is_logged_and_not_raised(bench: Bench) -> None:
    bench.vendor.fault = RuntimeError("bug")
    with capture_logs() as lines, pytest.raises(StopWaitingError):
        await bench.prompts.render_missing()
    assert [line["error"] for line in lines] == ["RuntimeError: bug"]


async def test_a_voice_that_is_learnt_later(bench: Bench) -> None:
    def learn() -> None:
        bench.voice = VOICE

    bench.voice = None
    bench.on_sleep = [None, None, learn]
    await bench.prompts.render_missing()
    assert bench.prompts.missing == ()
    assert all(slept_s <= 1.2 * RETRY_FIRST_S for slept_s in bench.slept_s)


async def test_another_voice_renders_anew_and_the_old_one_plays_meanwhile(bench: Bench) -> None:
    await bench.prompts.render_missing()
    bench.voice = Voice("another", "m")
    bench.vendor.gate = asyncio.Event()
    task = asyncio.create_task(bench.prompts.render_missing())
    while bench.vendor.at_once < RENDERED_AT_ONCE:
        await asyncio.sleep(0.001)
    assert bench.prompts.ready_count == ALL
    bench.vendor.gate.set()
    await task
    assert {ask["voice_id"] for ask in bench.vendor.asked[ALL:]} == {"another"}
    assert len(bench.vendor.asked) == 2 * ALL


async def test_rendering_can_be_cancelled(bench: Bench) -> None:
    bench.vendor.gate = asyncio.Event()
    task = asyncio.create_task(bench.prompts.render_missing())
    while bench.vendor.at_once < RENDERED_AT_ONCE:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.vendor.at_once == 0
    bench.vendor.gate.set()
    await bench.prompts.render_missing()
    assert bench.prompts.missing == ()


def render(prompts: Prompts, text: str = "Welcome.") -> Any:
    return prompts.render(text, voice_id="v", model_id="m", language="en", voice_settings={"speed": 1.1})


async def test_a_first_message_is_rendered_once_however_many_ask(bench: Bench) -> None:
    first, second, *_ = await asyncio.gather(*(render(bench.prompts) for _ in range(5)))
    assert len(bench.vendor.asked) == 1
    assert bench.vendor.asked[0]["set"] == {"speed": 1.1}
    assert first == second
    assert (first.name, first.text) == ("greeting", "Welcome.")
    assert first.duration_ms == len(first.mulaw) / 8

    bench.vendor.fault = VendorUnreachable("dark")
    bench.store.lost = True
    bench.restart()
    assert await render(bench.prompts) == first
    with pytest.raises(VendorUnreachable):
        await render(bench.prompts, "Never said.")
    assert bench.prompts.ready_count == 0


async def test_who_waits_for_a_flight_that_fails_tries_by_itself(bench: Bench) -> None:
    bench.vendor.gate = asyncio.Event()
    bench.vendor.fault = VendorFailed("once")
    first, second = asyncio.create_task(render(bench.prompts)), asyncio.create_task(render(bench.prompts))
    while not bench.vendor.at_once:
        await asyncio.sleep(0.001)
    bench.vendor.gate.set()
    with pytest.raises(VendorFailed):
        await first
    bench.vendor.fault = None
    assert (await second).text == "Welcome."
    assert bench.vendor.most_at_once == 1


async def test_language_tags_and_missing_translations(bench: Bench) -> None:
    bench.words = {"welcome": "Hi"}
    bench.restart()
    await bench.prompts.render_missing()
    assert bench.prompts.get("busy", "es-MX") is bench.prompts.get("busy", "es")
    assert bench.prompts.get("busy", "fr") is None
    assert bench.prompts.text("busy", "fr") == "en busy"
    assert bench.prompts.text("busy", "zh-CN") == "zh busy"
    assert bench.prompts.get("welcome", "zh") is not None
    assert bench.prompts.get("nothing", "en") is None
    with pytest.raises(ConfigError, match=r"prompts\.nothing"):
        bench.prompts.text("nothing", "en")


async def test_loading_says_what_is_there(bench: Bench) -> None:
    await bench.prompts.render_missing()
    bench.restart()
    with capture_logs() as lines:
        await bench.prompts.load()
    assert [(line["event"], line["ready"], line["missing"], line["rendered"]) for line in lines] == [
        ("prompts.loaded", ALL, 0, 0)
    ]
