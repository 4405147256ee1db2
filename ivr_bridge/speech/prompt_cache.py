"""Where rendered prompts are kept, so that neither a dead store nor a dark vendor silences one that was ever made.

Three layers, asked in this order: this process's memory, the folder var/prompts/, the store (which other hosts share).
Each clip stands under its recipe's key; under its wording stands the key of the newest one, for the time when the voice
is not known or cannot be had.

    <key>.ulaw      the audio: mu-law, 8 kHz, no header (`play -t ul -r 8000 -c 1 FILE`)
    <key>.json      what it is, and its checksum; written last, so a clip without one was never finished
    <wording>.latest
"""

import asyncio
import hashlib
import os
import re
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

import orjson

from ivr_bridge.errors import StoreError
from ivr_bridge.speech.recipe import PROMPT_FORMAT, Recipe, wording_key
from ivr_bridge.telemetry.events import PROMPT_FAILED
from ivr_bridge.telemetry.log import Log

STORE_PREFIX = "prompt:"
STORE_TTL_S = 90 * 24 * 3600.0
"""Renewed at every start; what nobody asks for any more goes away."""

CLIPS_IN_MEMORY = 256

_KEY = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = 32


class ClipStore(Protocol):
    """What the cache needs of the store."""

    async def get(self, key: str) -> bytes | None:
        """The value, None if there is none."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        """Keep `value` for `ttl_s`."""
        ...


class PromptCache:
    """Clips by key. No method raises when a layer fails; that layer then has or keeps nothing.

    Args:
        store: may fail with `StoreError`.
        folder: var/prompts; made when it is first written to.
        log: of the server.
    """

    def __init__(self, store: ClipStore, folder: Path, log: Log) -> None:
        self._store = store
        self._folder = folder
        self._log = log
        self._clips: OrderedDict[str, bytes] = OrderedDict()
        self._disk_failed = False

    async def get(self, key: str) -> bytes | None:
        """The mu-law audio of a recipe's key, from the nearest layer that has it whole; None if none has."""
        if (clip := self._clips.get(key)) is not None:
            self._clips.move_to_end(key)
            return clip
        clip = await asyncio.to_thread(_read_clip, self._folder, key)
        if clip is None:
            clip = _opened(await self._from_store(key))
        if clip is not None:
            self._remember(key, clip)
        return clip

    async def latest(self, text: str, language: str) -> tuple[str, bytes] | None:
        """The newest clip of these words, in whatever voice: its key and its audio; None if they were never spoken."""
        wording = wording_key(text, language)
        keys = [await asyncio.to_thread(_read_latest, self._folder, wording)]
        keys.append((await self._from_store(wording) or b"").decode("ascii", "replace"))
        for key in keys:
            if _KEY.fullmatch(key) and (clip := await self.get(key)) is not None:
                return key, clip
        return None

    async def put(self, recipe: Recipe, mulaw: bytes) -> None:
        """Keep a clip in every layer."""
        self._remember(recipe.key, mulaw)
        try:
            await asyncio.to_thread(_write_clip, self._folder, recipe, mulaw)
        except OSError as error:
            if not self._disk_failed:
                self._disk_failed = True
                self._log.emit(
                    PROMPT_FAILED, prompt=recipe.key[:12], language=recipe.language, error=f"not kept on disk: {error}"
                )
        else:
            self._disk_failed = False
        await self.share(recipe.key, recipe.wording, mulaw)

    async def share(self, key: str, wording: str, mulaw: bytes) -> None:
        """Keep a clip in the store, which may have lost it; its 90 days begin anew."""
        try:
            await self._store.set(STORE_PREFIX + key, _sealed(mulaw), ttl_s=STORE_TTL_S)
            await self._store.set(STORE_PREFIX + wording, key.encode(), ttl_s=STORE_TTL_S)
        except StoreError:
            return  # the store itself logs that it is lost

    async def _from_store(self, name: str) -> bytes | None:
        try:
            return await self._store.get(STORE_PREFIX + name)
        except StoreError:
            return None

    def _remember(self, key: str, clip: bytes) -> None:
        self._clips[key] = clip
        self._clips.move_to_end(key)
        if len(self._clips) > CLIPS_IN_MEMORY:
            self._clips.popitem(last=False)


def _sealed(clip: bytes) -> bytes:
    """A clip as the store has it: its SHA-256 (32 bytes) before it."""
    return hashlib.sha256(clip).digest() + clip


def _opened(sealed: bytes | None) -> bytes | None:
    if sealed is None or len(sealed) <= _DIGEST_BYTES:
        return None
    digest, clip = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
    return clip if hashlib.sha256(clip).digest() == digest else None


def _read_clip(folder: Path, key: str) -> bytes | None:
    try:
        about: Any = orjson.loads((folder / f"{key}.json").read_bytes())
        clip = (folder / f"{key}.ulaw").read_bytes()
    except (OSError, orjson.JSONDecodeError):
        return None
    whole = isinstance(about, dict) and about.get("sha256") == hashlib.sha256(clip).hexdigest()
    return clip if clip and whole else None


def _read_latest(folder: Path, wording: str) -> str:
    try:
        return (folder / f"{wording}.latest").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _write_clip(folder: Path, recipe: Recipe, clip: bytes) -> None:
    about = {
        "text": recipe.text,
        "language": recipe.language,
        "voice_id": recipe.voice.voice_id,
        "model_id": recipe.voice.model_id,
        "voice_settings": dict(recipe.voice.settings),
        "format": PROMPT_FORMAT,
        "sha256": hashlib.sha256(clip).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / f"{recipe.key}.ulaw", clip)
    _replace(folder / f"{recipe.key}.json", orjson.dumps(about, option=orjson.OPT_INDENT_2))
    _replace(folder / f"{recipe.wording}.latest", recipe.key.encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step: readers see the old one or the new one, whole."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
