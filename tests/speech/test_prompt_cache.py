import hashlib
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ivr_bridge.speech import prompt_cache as prompt_cache_module
from ivr_bridge.speech.prompt_cache import STORE_PREFIX, STORE_TTL_S, PromptCache
from ivr_bridge.speech.recipe import Recipe
from ivr_bridge.speech.voice import Voice
from ivr_bridge.telemetry.log import Log
from tests.speech.fakes import VOICE, FakeStore

RECIPE = Recipe("Hello.", "en", VOICE)
CLIP = b"\x10\x90" * 400
OTHER = b"\x20" * 320


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "prompts"


async def test_put_fills_all_layers(store: FakeStore, folder: Path) -> None:
    cache = PromptCache(store, folder, Log())
    assert await cache.get(RECIPE.key) is None
    await cache.put(RECIPE, CLIP)

    assert await cache.get(RECIPE.key) == CLIP
    assert (folder / f"{RECIPE.key}.ulaw").read_bytes() == CLIP
    about = json.loads((folder / f"{RECIPE.key}.json").read_bytes())
    assert (about["text"], about["voice_id"], about["format"]) == ("Hello.", "voice_1", "ulaw_8000")
    assert store.values[STORE_PREFIX + RECIPE.key] == hashlib.sha256(CLIP).digest() + CLIP
    assert store.ttls_s[STORE_PREFIX + RECIPE.key] == STORE_TTL_S
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


async def test_each_layer_alone_is_enough(store: FakeStore, folder: Path) -> None:
    await PromptCache(store, folder, Log()).put(RECIPE, CLIP)
    empty = FakeStore()
    empty.lost = True
    nowhere = folder.parent / "nowhere"

    from_disk = PromptCache(empty, folder, Log())
    from_store = PromptCache(store, nowhere, Log())
    for cache in (from_disk, from_store):
        assert await cache.latest("Hello.", "en") == (RECIPE.key, CLIP)
        assert await cache.get(RECIPE.key) == CLIP

    store.lost = True
    assert await from_store.get(RECIPE.key) == CLIP, "memory keeps what the store gave"
    assert await PromptCache(store, nowhere, Log()).get(RECIPE.key) is None


async def test_a_dead_store_fails_nothing(store: FakeStore, folder: Path) -> None:
    store.lost = True
    cache = PromptCache(store, folder, Log())
    assert await cache.get(RECIPE.key) is None
    assert await cache.latest("Hello.", "en") is None
    await cache.put(RECIPE, CLIP)
    assert await cache.get(RECIPE.key) == CLIP
    assert await PromptCache(store, folder, Log()).get(RECIPE.key) == CLIP


async def test_a_disk_that_cannot_be_written_is_logged_and_fails_nothing(store: FakeStore, folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file where the folder should be")
    cache = PromptCache(store, folder, Log())
    with capture_logs() as lines:
        await cache.put(RECIPE, CLIP)
        await cache.put(Recipe("Another.", "en", VOICE), CLIP)
    assert [line["event"] for line in lines] == ["prompt.failed"]
    assert "not kept on disk" in lines[0]["error"]
    assert await PromptCache(store, folder, Log()).get(RECIPE.key) == CLIP


@pytest.mark.parametrize("damage", ["empty", "cut", "no json", "bad json", "json of something else", "flipped"])
async def test_a_damaged_file_is_passed_over(store: FakeStore, folder: Path, damage: str) -> None:
    await PromptCache(store, folder, Log()).put(RECIPE, CLIP)
    audio, about = folder / f"{RECIPE.key}.ulaw", folder / f"{RECIPE.key}.json"
    if damage == "empty":
        audio.write_bytes(b"")
    elif damage == "cut":
        audio.write_bytes(CLIP[:200])
    elif damage == "no json":
        about.unlink()
    elif damage == "bad json":
        about.write_text('{"sha256": ')
    elif damage == "json of something else":
        about.write_text("[1]")
    else:
        audio.write_bytes(b"\x11" + CLIP[1:])
    dead = FakeStore()
    dead.lost = True
    assert await PromptCache(dead, folder, Log()).get(RECIPE.key) is None
    assert await PromptCache(store, folder, Log()).get(RECIPE.key) == CLIP, "the store still has it whole"


@pytest.mark.parametrize("value", [b"", b"x", b"\0" * 32, b"\0" * 40, hashlib.sha256(CLIP).digest() + CLIP[:-1]])
async def test_a_damaged_value_of_the_store_is_passed_over(store: FakeStore, folder: Path, value: bytes) -> None:
    store.values[STORE_PREFIX + RECIPE.key] = value
    assert await PromptCache(store, folder, Log()).get(RECIPE.key) is None


@pytest.mark.parametrize("pointer", [b"", b"\xff\xfe", b"../outside", b"a" * 63])
async def test_a_pointer_that_is_no_key_leads_nowhere(store: FakeStore, folder: Path, pointer: bytes) -> None:
    store.values[STORE_PREFIX + RECIPE.wording] = pointer
    folder.mkdir(parents=True)
    (folder / f"{RECIPE.wording}.latest").write_bytes(pointer)
    (folder.parent / "outside.ulaw").write_bytes(CLIP)
    (folder.parent / "outside.json").write_text(json.dumps({"sha256": hashlib.sha256(CLIP).hexdigest()}))
    assert await PromptCache(store, folder, Log()).latest("Hello.", "en") is None


async def test_latest_is_the_newest_voice(store: FakeStore, folder: Path) -> None:
    cache = PromptCache(store, folder, Log())
    newer = Recipe("Hello.", "en", Voice("voice_2", "m"))
    await cache.put(RECIPE, CLIP)
    await cache.put(newer, OTHER)
    assert await cache.latest("Hello.", "en") == (newer.key, OTHER)
    assert await cache.latest("Hello.", "es") is None
    (folder / f"{newer.key}.ulaw").unlink()
    store.values[STORE_PREFIX + RECIPE.wording] = RECIPE.key.encode()
    del store.values[STORE_PREFIX + newer.key]
    assert await PromptCache(store, folder, Log()).latest("Hello.", "en") == (RECIPE.key, CLIP)


async def test_memory_is_bounded(store: FakeStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_cache_module, "CLIPS_IN_MEMORY", 2)
    cache = PromptCache(store, folder, Log())
    recipes = [Recipe(f"Text {n}.", "en", VOICE) for n in range(3)]
    for recipe in recipes:
        await cache.put(recipe, CLIP)
    for path in folder.iterdir():
        path.unlink()
    store.values.clear()
    assert [await cache.get(recipe.key) for recipe in recipes] == [None, CLIP, CLIP]
