"""One request to the vendor's REST API, and whether it may be sent again.                          pure"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote

import aiohttp

Query = Mapping[str, str | int | float | bool | Sequence[str] | None]
"""Booleans go as `true` and `false`; None is left out; a sequence is repeated, `tags=a&tags=b`."""

Form = Callable[[], aiohttp.FormData]
"""Makes a multipart body anew for each attempt: a file that was read once has nothing left to send."""


class Repeat(Enum):
    """When a request may be sent a second time."""

    SAFE = "safe"
    """After any failure that may pass: sending it twice is as good as once."""
    UNSENT = "unsent"
    """Only when the vendor surely did nothing: no connection, or 429. It creates something."""
    NEVER = "never"
    """Not at all: a caller is waiting, or a phone would ring twice."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    `path` goes from `/v1/` on and is encoded already: ids in it went through `segment`.
    """

    method: str
    path: str
    query: Query | None = None
    json: Mapping[str, object] | None = field(default=None, repr=False)
    form: Form | None = None
    repeat: Repeat = Repeat.SAFE
    timeout_s: float = 30.0
    """For one attempt, from the connection to the last byte; of a stream: between two pieces."""

    @property
    def what(self) -> str:
        """For errors and logs; it holds no key and no query."""
        return f"{self.method} {self.path}"


def segment(text: str) -> str:
    """An id as one segment of a path: whatever it holds, it leads nowhere else."""
    return quote(text, safe="")


def spelled(query: Query | None) -> list[tuple[str, str]]:
    """A query as it goes into the address, in its order, not yet encoded."""
    return [
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, given in (query or {}).items()
        if given is not None
        for value in ([given] if isinstance(given, str | int | float) else given)
    ]
