"""Every prompt, ready to be played at once.

`load` takes what was ever rendered and asks no vendor; `render_missing` makes the rest in the background. Until then,
or when the vendor is dark, a prompt sounds in the voice that it was last rendered in, and one that never was is given
as text only (`text`), for Twilio's own voice.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from ivr_bridge.errors import BridgeError, ConfigError
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.speech.prompt_cache import PromptCache
from ivr_bridge.speech.prompt_file import PromptFile
from ivr_bridge.speech.recipe import Recipe, wording_key
from ivr_bridge.speech.synthesizer import Synthesizer
from ivr_bridge.speech.voice import Voice, VoiceOf
from ivr_bridge.telemetry.events import PROMPT_FAILED, PROMPTS_LOADED
from ivr_bridge.telemetry.log import Log

DEFAULT_LANGUAGE = "en"
RENDERED_AT_ONCE = 3
LOADED_AT_ONCE = 8
FAILURES_A_ROUND = 3
RETRY_FIRST_S = 2.0
RETRY_MAX_S = 300.0

Place = tuple[str, str]
"""Name, language."""


@dataclass(frozen=True, slots=True)
class _Ready:
    prompt: Prompt
    key: str


@dataclass(slots=True)
class _Round:
    """What one pass over the missing prompts came to."""

    rendered: int = 0
    failed: int = 0

    @property
    def hopeless(self) -> bool:
        """Nothing but failures so far: the rest would fail alike, and each may take the vendor's whole time limit."""
        return self.failed >= FAILURES_A_ROUND and not self.rendered


class Prompts:
    """The prompts of all languages.

    Args:
        files: by language, all of `prompt_file.LANGUAGES`.
        cache: where clips are kept.
        synthesizer: makes new ones.
        voice_of: asked anew each time, so that a voice learnt later is used.
        log: of the server.
        sleep: waits between two passes of `render_missing`.
    """

    def __init__(
        self,
        files: Mapping[str, PromptFile],
        cache: PromptCache,
        synthesizer: Synthesizer,
        voice_of: VoiceOf,
        log: Log,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._texts: dict[Place, str] = {
            (name, language): text for language, file in files.items() for name, text in file.prompts.by_name().items()
        }
        self._cache = cache
        self._synthesizer = synthesizer
        self._voice_of = voice_of
        self._log = log
        self._sleep = sleep
        self._ready: dict[Place, _Ready] = {}
        self._turns = asyncio.Semaphore(RENDERED_AT_ONCE)
        self._flights: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._complained: set[str] = set()

    @property
    def ready_count(self) -> int:
        """How many prompts can be played."""
        return len(self._ready)

    @property
    def missing(self) -> tuple[Place, ...]:
        """Name and language of those that cannot be played yet."""
        return tuple(place for place in self._texts if place not in self._ready)

    def get(self, name: str, language: str) -> Prompt | None:
        """A prompt, if its audio is at hand; from memory, at once. `es-MX` means `es`."""
        ready = self._ready.get((name, _base(language)))
        return None if ready is None else ready.prompt

    def text(self, name: str, language: str) -> str:
        """What a prompt says; in English if it is not written in this language.

        Raises:
            ConfigError: no such prompt.
        """
        text = self._texts.get((name, _base(language))) or self._texts.get((name, DEFAULT_LANGUAGE))
        if text is None:
            raise ConfigError(f"config/prompts/{_base(language)}.yaml: prompts.{name}: is not there")
        return text

    async def load(self) -> None:
        """Take every prompt that was ever rendered: from memory, disk or store, never from the vendor.

        Call it before the first call is answered, and again when the voice has become known.
        """
        turns = asyncio.Semaphore(LOADED_AT_ONCE)

        async def load_one(place: Place) -> None:
            async with turns:
                await self._load(place)

        await asyncio.gather(*(load_one(place) for place in self._texts))
        self._log.emit(PROMPTS_LOADED, ready=self.ready_count, missing=len(self.missing), rendered=0)

    async def render_missing(self) -> None:
        """Render what `load` did not find in the right voice; a task of its own, which ends when all is there.

        Never raises. A pass that fails is tried again after 2 s, then twice as long each time, up to 5 minutes; one
        event is logged for each kind of failure until something succeeds. Cancelling is safe.
        """
        await self._share()
        rendered = 0
        wait_s = RETRY_FIRST_S
        while self._unknown_voice() or self._unrendered():
            done = await self._render_round()
            rendered += done.rendered
            if not self._unknown_voice() and not self._unrendered():
                break
            await self._sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311  # spreads load, hides nothing
            # Waiting for a voice asks nobody, so it need not slow down.
            wait_s = min(2 * wait_s, RETRY_MAX_S) if done.failed and not done.rendered else RETRY_FIRST_S
        if rendered:
            self._log.emit(PROMPTS_LOADED, ready=self.ready_count, missing=len(self.missing), rendered=rendered)

    async def render(
        self,
        text: str,
        *,
        voice_id: str,
        model_id: str,
        language: str,
        voice_settings: Mapping[str, object] | None = None,
        name: str = "greeting",
    ) -> Prompt:
        """The audio of any text: from the cache, else from the vendor, once however many ask at a time.

        Raises:
            VendorError: it is in no layer of the cache and the vendor did not speak it.
        """
        recipe = Recipe(text, language, Voice(voice_id, model_id, voice_settings or {}))
        return Prompt(name, language, text, await self._clip(recipe))

    async def _load(self, place: Place) -> None:
        text, language = self._texts[place], place[1]
        voice = self._voice_of(language)
        if voice is not None:
            key = Recipe(text, language, voice).key
            if (clip := await self._cache.get(key)) is not None:
                self._set(place, key, clip)
                return
        if place not in self._ready and (found := await self._cache.latest(text, language)) is not None:
            self._set(place, *found)

    def _set(self, place: Place, key: str, clip: bytes) -> None:
        name, language = place
        self._ready[place] = _Ready(Prompt(name, language, self._texts[place], clip, key), key)

    async def _share(self) -> None:
        """Give back to the store what it has lost."""
        for ready in list(self._ready.values()):
            prompt = ready.prompt
            await self._cache.share(ready.key, wording_key(prompt.text, prompt.language), prompt.mulaw)

    def _unknown_voice(self) -> bool:
        return any(self._voice_of(language) is None for language in {language for _, language in self._texts})

    def _unrendered(self) -> dict[Place, Recipe]:
        """What is missing or sounds in another voice, as far as the voice is known."""
        wanted: dict[Place, Recipe] = {}
        for place, text in self._texts.items():
            voice = self._voice_of(place[1])
            if voice is not None:
                recipe = Recipe(text, place[1], voice)
                ready = self._ready.get(place)
                if ready is None or ready.key != recipe.key:
                    wanted[place] = recipe
        return wanted

    async def _render_round(self) -> _Round:
        done = _Round()
        wanted = list(self._unrendered().items())
        random.shuffle(wanted)  # so that a few texts that the vendor refuses do not stand before all others each time
        places = iter(wanted)

        async def work() -> None:
            for place, recipe in places:
                await self._render_one(place, recipe, done)
                if done.hopeless:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(RENDERED_AT_ONCE):
                group.create_task(work())
        return done

    async def _render_one(self, place: Place, recipe: Recipe, done: _Round) -> None:
        """One prompt of a round; a border of this task, so every failure ends here."""
        try:
            clip = await self._clip(recipe)
        except Exception as error:  # noqa: BLE001  # logged; the next round tries again
            done.failed += 1
            kind = error.code if isinstance(error, BridgeError) else type(error).__name__
            if kind not in self._complained:
                self._complained.add(kind)
                self._log.emit(PROMPT_FAILED, prompt=place[0], language=place[1], error=f"{kind}: {error}")
        else:
            done.rendered += 1
            self._complained.clear()
            self._set(place, recipe.key, clip)

    async def _clip(self, recipe: Recipe) -> bytes:
        """From the cache or the vendor; whoever asks for a clip under way waits for it."""
        key = recipe.key
        flight = self._flights.setdefault(key, asyncio.Lock())
        async with flight:
            if (clip := await self._cache.get(key)) is not None:
                return clip
            async with self._turns:
                clip = await self._synthesizer.mulaw(recipe)
            await self._cache.put(recipe, clip)
            return clip


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
