"""How the network's REST misbehaves when it is told to: a name for each fault, and for which requests."""

from __future__ import annotations

from dataclasses import dataclass

from ivr_bridge.errors import ConfigError

REST_FAULTS: dict[str, str] = {
    "late": "does what is asked, and answers so many seconds later: the client has given up by then",
    "reset_before": "resets the connection; nothing was done",
    "reset_after": "does what is asked, then resets the connection instead of answering",
    "error_before": "answers 503; nothing was done",
    "error_after": "does what is asked, and answers 500 all the same",
    "busy": "answers 429 (20429); nothing was done",
}
"""Name of a fault -> what it does."""


@dataclass(slots=True)
class RestFault:
    """A fault for the next `times` requests of this method and path (a part of it); empty: of any.

    Raises:
        ConfigError: no such fault; the message lists them.
    """

    name: str
    times: int = 1
    method: str = ""
    path: str = ""
    after_s: float = 0.0
    """How late `late` is."""

    def __post_init__(self) -> None:
        """Check the name."""
        if self.name not in REST_FAULTS:
            raise ConfigError(f"unknown fault {self.name!r}; there are: {', '.join(sorted(REST_FAULTS))}")

    def fits(self, method: str, path: str) -> bool:
        """Whether this request is hit; it counts then."""
        if self.times < 1 or self.method not in ("", method) or self.path not in path:
            return False
        self.times -= 1
        return True
