"""What the caller says, told beforehand: for languages that the ears do not understand. Pure."""

from collections.abc import Iterable

from ivr_bridge.simulator.service.phrasebook import UNINTELLIGIBLE


def read_transcripts(text: str) -> tuple[str, ...]:
    """The transcripts of a file, in order.

    One stands on each line; blank lines and lines that begin with `#` do not count, and `- ` in front and quotes
    around are taken off, so that a YAML list of sentences does as well.
    """
    lines = (line.strip() for line in text.lstrip("\ufeff").splitlines())
    return tuple(_plain(line) for line in lines if line and not line.startswith(("#", "---")))


def _plain(line: str) -> str:
    """A line without the signs of a YAML list."""
    bare = line.removeprefix("- ").strip()
    quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
    return bare[1:-1] if quoted else bare


class GivenTranscripts:
    """Hands out transcripts to the spoken turns of the whole sandbox, one after the other.

    They are not counted for each conversation: a caller's words go on where a new conversation continues the call.
    """

    def __init__(self, transcripts: Iterable[str]) -> None:
        self._left = list(reversed(list(transcripts)))

    def next(self) -> str:
        """The next turn's transcript; UNINTELLIGIBLE once all are used up."""
        return self._left.pop() if self._left else UNINTELLIGIBLE
