"""Which `xi-api-key` is good."""

import hmac
from collections.abc import Iterable


class Keys:
    """The account's keys; any is accepted when none is named. A dead one never is."""

    def __init__(self, accepted: Iterable[str] | None = None) -> None:
        self._accepted = None if accepted is None else tuple(accepted)
        self._dead: set[str] = set()

    def kill(self, key: str) -> None:
        """Revoke a key."""
        self._dead.add(key)

    def revive(self, key: str) -> None:
        """Let it be good again."""
        self._dead.discard(key)

    def accepts(self, key: str | None) -> bool:
        """Whether a request with `key` is let in."""
        if key is None or key in self._dead:
            return False
        good = self._accepted
        return good is None or any(hmac.compare_digest(key.encode(), one.encode()) for one in good)


def read_keys(key: str | Iterable[str] | None) -> Keys:
    """Keys from one, several, or several in one text with commas between; None for any."""
    if isinstance(key, str):
        key = [part.strip() for part in key.split(",") if part.strip()]
    return Keys(key)
