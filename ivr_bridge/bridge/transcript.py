"""What caller and agent have said so far, for another conversation that takes the call over.           pure

It is kept for every call and shown to nobody but the agent: no log holds it, and it ends with the call. A worker that
takes the call over finds it in the store (call_image.py).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

MAX_LINES = 40
MAX_CHARS = 4000
"""Of all lines together; the oldest go first."""
LINE_CHARS = 600

_Speaker = Literal["Caller", "You", "You, heard by nobody"]
Line = tuple[_Speaker, str]


class Transcript:
    """The words of one call, oldest first; each utterance is one line, whatever it holds."""

    __slots__ = ("_chars", "_lines", "changed", "left_out")

    def __init__(self, lines: Iterable[Line] = (), *, left_out: bool = False) -> None:
        """Begin with nothing, or with what is known of a call that another worker held."""
        self._lines: list[Line] = list(lines)
        self._chars = sum(len(text) for _, text in self._lines)
        self.left_out = left_out
        """Whether its beginning is forgotten."""
        self.changed: Callable[[], None] | None = None
        """Called after each change."""

    def __bool__(self) -> bool:
        return bool(self._lines)

    def heard(self, text: str) -> None:
        """The agent understood these words of the caller; what has no letter and no digit (`...`) says nothing."""
        self._add("Caller", text)

    def said(self, text: str) -> None:
        """The agent says this, or a prompt did in its place."""
        self._add("You", text)

    def said_to_nobody(self, text: str) -> None:
        """The agent said this while the caller was not on the line."""
        self._add("You, heard by nobody", text)

    @property
    def lines(self) -> Sequence[Line]:
        """Who said what."""
        return self._lines

    def corrected(self, original: str, heard: str) -> None:
        """Of what was `said` last in these words the caller heard only `heard`; nothing: the line goes.

        Words that were never said, or are forgotten by now, change nothing.
        """
        original, heard = _one_line(original), _one_line(heard)
        for place in range(len(self._lines) - 1, -1, -1):
            if self._lines[place] == ("You", original):
                self._chars -= len(original)
                if _says_something(heard):
                    self._lines[place] = ("You", heard)
                    self._chars += len(heard)
                else:
                    del self._lines[place]
                self._tell()
                return

    @property
    def unanswered(self) -> str:
        """What the caller said last and nobody has answered; empty when the agent had the last word."""
        words: list[str] = []
        for speaker, text in reversed(self._lines):
            if speaker == "You":
                break
            if speaker == "Caller":
                words.append(text)
        return " ".join(reversed(words))

    def told(self) -> str:
        """All of it as one contextual update, in English for any agent; empty when nothing was said."""
        if not self._lines:
            return ""
        beginning = "So far (the beginning is left out):" if self.left_out else "So far:"
        lines = [f"{speaker}: {text}" for speaker, text in self._lines]
        return "\n".join(("This call goes on after an interruption of the line.", beginning, *lines))

    def _add(self, speaker: _Speaker, text: str) -> None:
        line = _one_line(text)
        if not _says_something(line):
            return
        self._lines.append((speaker, line))
        self._chars += len(line)
        while len(self._lines) > MAX_LINES or self._chars > MAX_CHARS:
            self._chars -= len(self._lines.pop(0)[1])
            self.left_out = True
        self._tell()

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()


def _one_line(text: str) -> str:
    """Without line breaks, so that nobody can speak in the other's name; the end of very long words is left out."""
    line = " ".join(text.split())
    return line if len(line) <= LINE_CHARS else line[: LINE_CHARS - 3].rstrip() + "..."


def _says_something(line: str) -> bool:
    return any(character.isalnum() for character in line)
