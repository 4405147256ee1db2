"""Keys of the caller, gathered into one number.                                                     pure"""

TERMINATOR = "#"
INTER_DIGIT_S = 2.0
LONGEST = 32


class DigitCollector:
    """Gathers keys until `#`, or until none came for `INTER_DIGIT_S`, or `LONGEST` are there."""

    __slots__ = ("_digits", "_pressed_at")

    def __init__(self) -> None:
        self._digits = ""
        self._pressed_at = 0.0

    def press(self, digit: str, now: float) -> str | None:
        """Take one key (0-9 * # A-D); the digits when they are complete, without the `#`."""
        self._pressed_at = now
        if digit != TERMINATOR:
            self._digits += digit
            if len(self._digits) < LONGEST:
                return None
        return self._done() or (TERMINATOR if digit == TERMINATOR else None)

    def expire(self, now: float) -> str | None:
        """The digits when no key came for `INTER_DIGIT_S`, else None."""
        if self._digits and now - self._pressed_at >= INTER_DIGIT_S:
            return self._done()
        return None

    def _done(self) -> str:
        digits, self._digits = self._digits, ""
        return digits
