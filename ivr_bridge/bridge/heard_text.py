"""The words of a reply, and how far into them so many milliseconds reach.                           pure"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

SPEECH_CHARS_PER_S = 15.0
"""A fair rate for the three languages: used while it is not known how long the whole reply will be."""


@dataclass(slots=True)
class HeardText:
    """`text` is the reply as the agent wrote it; `aligned` holds (character, its start in ms of this reply)."""

    text: str = ""
    whole: bool = False
    """The agent has said that no more audio of this reply comes."""
    aligned: list[tuple[str, float]] = field(default_factory=list)

    def align(self, chars: Sequence[str], starts_ms: Sequence[float], offset_ms: float) -> None:
        """Add the vendor's alignment of one piece that begins `offset_ms` into the reply."""
        self.aligned.extend((char, offset_ms + start_ms) for char, start_ms in zip(chars, starts_ms, strict=False))

    def cut(self, heard_ms: float, total_ms: float) -> str:
        """The words heard in `heard_ms` of `total_ms`, cut at a word.

        By the vendor's alignment where there is one, else in proportion; while the reply's length is not known, by
        a fair rate of speech if that is less.
        """
        if heard_ms <= 0 or total_ms <= 0:
            return ""
        if self.aligned:
            heard = "".join(char for char, start_ms in self.aligned if start_ms < heard_ms)
            aligned = "".join(char for char, _ in self.aligned)
            return _at_a_word(heard, self.text if self.text.startswith(aligned) else aligned)
        share = min(1.0, heard_ms / total_ms) * len(self.text)
        if not self.whole:
            share = min(share, heard_ms / 1000 * SPEECH_CHARS_PER_S)
        return _at_a_word(self.text[: round(share)], self.text)


def _at_a_word(heard: str, text: str) -> str:
    """Whole words of `heard`, a beginning of `text`; a script without spaces is cut anywhere."""
    complete = len(heard) >= len(text) or text[len(heard)].isspace()
    if complete or len(text.split()) < 2:
        return heard.strip()
    return re.sub(r"\S+\Z", "", heard).strip()
