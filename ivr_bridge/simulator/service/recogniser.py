"""From an utterance to words: likeness first, then a small grammar, else honestly nothing.

`Recogniser.recognise` compares with spoken examples (templates.py); where those do not fit, pocketsphinx decodes with
a JSGF grammar of the phrases that the dialogue's state expects, and its answer counts only if it is a whole phrase and
well scored. Noise gives None; speech that fits no phrase gives UNINTELLIGIBLE. Known limits: only these phrases, and
a phrase with a word that the decoder's dictionary lacks is left to likeness alone.
"""

import importlib
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ivr_bridge.errors import MissingExtraError
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.phrasebook import UNINTELLIGIBLE
from ivr_bridge.simulator.service.pitch import pitched_share
from ivr_bridge.simulator.service.templates import Floats, Templates, features, on_a_line
from ivr_bridge.simulator.service.voices import Voice

_LISTENERS = (
    Voice("example1", "Example", "male", "american", "", 150, 50),
    Voice("example2", "Example", "female", "american", "f3", 150, 50),
    Voice("example3", "Example", "male", "british", "m3", 150, 50),
    Voice("example4", "Example", "female", "british", "f3", 150, 50),
    Voice("example5", "Example", "female", "british", "f2", 150, 60),
)
_ACCEPTED_DISTANCE = 8.0
_WORST_SCORE_PER_FRAME = -0.0028
_DITHER = 40.0
_PITCHED_ENOUGH = 0.3
_SPREAD_ENOUGH_DB = 2.0
_MOST_SETS = 32
"""Sets of phrases that are kept ready; each open menu makes a new one."""


_EXAMPLES: dict[tuple[str, str], Floats] = {}
"""(phrase, voice id) -> how it sounds; some 10 KiB each, a few hundred of them."""


class Recogniser:
    """Understands phrases; one for the whole sandbox, thread-safe, blocks for some 50 ms an utterance.

    Raises:
        MissingExtraError: the extra [sandbox] is not installed.
    """

    def __init__(self, mouth: Mouth) -> None:
        """`mouth` speaks the examples."""
        self._mouth = mouth
        self._lock = threading.Lock()
        self._sphinx = _import("pocketsphinx")
        self._soxr = _import("soxr")
        self._decoder: Any = None
        self._templates: dict[tuple[str, ...], Templates] = {}
        self._grammars: dict[tuple[str, ...], str] = {}
        self._grammars_made = 0

    def prepare(self, phrases: tuple[str, ...], is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Make ready for `phrases` (a second or two, once in a process); otherwise the first utterance pays.

        It ends soon, with less learnt, once `is_stopped` says so.
        """
        for voice in _LISTENERS:
            for phrase in phrases:
                if is_stopped():
                    return
                with self._lock:
                    self._example(phrase, voice)
        with self._lock:
            self._templates_for(phrases)
            self._grammar_for(phrases)

    def recognise(self, pcm16: bytes, phrases: tuple[str, ...]) -> str | None:
        """What was said.

        Args:
            pcm16: one utterance, 8 kHz.
            phrases: what may be said, lower case.

        Returns:
            One of `phrases`, UNINTELLIGIBLE, or None when this is no speech.
        """
        if not is_speech(pcm16):
            return None
        with self._lock:
            heard = features(pcm16)
            if heard is not None:
                phrase, distance = self._templates_for(phrases).nearest(heard)
                if distance < _ACCEPTED_DISTANCE:
                    return phrase
            return self._decode(pcm16, phrases) or UNINTELLIGIBLE

    def _templates_for(self, phrases: tuple[str, ...]) -> Templates:
        """The examples of `phrases`, made at their first use; a voice at a time, as switching voices is slow."""
        if phrases not in self._templates:
            if len(self._templates) >= _MOST_SETS:
                self._templates.pop(next(iter(self._templates)))
            pairs: list[tuple[str, Floats]] = []
            for voice in _LISTENERS:
                for phrase in phrases:
                    example = self._example(phrase, voice)
                    if example is not None:
                        pairs.append((phrase, example))
            self._templates[phrases] = Templates(pairs)
        return self._templates[phrases]

    def _example(self, phrase: str, voice: Voice) -> Floats | None:
        """One phrase in one voice; kept for the process, as states and sandboxes share phrases."""
        key = (phrase, voice.voice_id)
        if key not in _EXAMPLES:
            language = "en-gb" if voice.accent == "british" else "en"
            example = features(on_a_line(self._mouth.speak(phrase, voice, language=language).pcm16))
            if example is None:
                return None
            _EXAMPLES[key] = example
        return _EXAMPLES[key]

    def _grammar_for(self, phrases: tuple[str, ...]) -> str:
        """The name of the decoder's search for `phrases`."""
        if self._decoder is None:
            model = Path(self._sphinx.get_model_path()) / "en-us"
            self._decoder = self._sphinx.Decoder(
                hmm=str(model / "en-us"), dict=str(model / "cmudict-en-us.dict"), lm=None, loglevel="FATAL"
            )
        if phrases not in self._grammars:
            if len(self._grammars) >= _MOST_SETS:
                self._decoder.remove_search(self._grammars.pop(next(iter(self._grammars))))
            self._grammars_made += 1
            name = f"state{self._grammars_made}"
            known = [phrase for phrase in phrases if all(map(self._decoder.lookup_word, phrase.split()))]
            self._decoder.add_jsgf_string(
                name, f"#JSGF V1.0;\ngrammar {name};\npublic <phrase> = {' | '.join(known)};\n"
            )
            self._grammars[phrases] = name
        return self._grammars[phrases]

    def _decode(self, pcm16: bytes, phrases: tuple[str, ...]) -> str | None:
        """What pocketsphinx understands, if it is a whole phrase and fits well."""
        decoder_search = self._grammar_for(phrases)
        wide = self._soxr.resample(np.frombuffer(pcm16, dtype="<i2").astype(np.float64), 8000, 16000)
        # the empty band above 4 kHz must not be digital silence: the acoustic model has never met that
        wide = wide + np.random.default_rng(0).normal(0, _DITHER, len(wide))
        self._decoder.activate_search(decoder_search)
        self._decoder.start_utt()
        self._decoder.process_raw(np.clip(wide, -32768, 32767).astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        if hypothesis is None or hypothesis.hypstr not in phrases or hypothesis.score <= 0:
            return None
        per_frame = math.log(hypothesis.score) / max(self._decoder.n_frames(), 1)
        return str(hypothesis.hypstr) if per_frame > _WORST_SCORE_PER_FRAME else None


def is_speech(pcm16: bytes) -> bool:
    """Whether an utterance (PCM16, 8 kHz) can be speech: much of it has a pitch, and its level varies."""
    share, spread_db = pitched_share(pcm16)
    return share > _PITCHED_ENOUGH and spread_db > _SPREAD_ENOUGH_DB


def _import(name: str) -> Any:
    """A module of the extra, or the error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError("sandbox", "the offline agent") from error
