"""When text that comes in pieces is spoken: by how much there is of it. Pure.

Source: the vendor's AsyncAPI of text to speech, `chunk_length_schedule`
"""

from collections.abc import Sequence

_SCHEDULE = (120, 160, 250, 290)
_SHORTEST, _LONGEST = 50, 500


class TextSchedule:
    """The text of one context that has not been spoken yet.

    Raises:
        ValueError: a number of the schedule is out of 50 to 500.
    """

    def __init__(self, schedule: Sequence[float] = _SCHEDULE, *, at_once: bool = False) -> None:
        """`schedule`: after how many characters the first part is spoken, the second ...; `at_once` waits for none."""
        if not schedule or any(not _SHORTEST <= chars <= _LONGEST for chars in schedule):
            raise ValueError(f"Each item of chunk_length_schedule should be in the range {_SHORTEST}-{_LONGEST}.")
        self._schedule = schedule
        self._at_once = at_once
        self._spoken = 0
        self._text = ""

    def add(self, text: str, *, trigger: bool = False, flush: bool = False) -> str:
        """What is to be spoken now, "" for nothing; `trigger` speaks from 50 characters on, `flush` everything."""
        self._text += text
        enough = self._schedule[min(self._spoken, len(self._schedule) - 1)]
        has_words = bool(self._text.strip())
        if not has_words:
            return ""
        if flush or self._at_once or len(self._text) >= (_SHORTEST if trigger else enough):
            return self.rest()
        return ""

    def rest(self) -> str:
        """All that is left, which counts as spoken; "" when there are no words in it."""
        text, self._text = self._text, ""
        if not text.strip():
            return ""
        self._spoken += 1
        return text.rstrip()
