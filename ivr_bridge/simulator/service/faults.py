"""How the sandbox misbehaves on demand: one name a fault, one line on what it does, and which conversations have it."""

from dataclasses import dataclass
from typing import Any

from ivr_bridge.errors import ConfigError

FAULTS: dict[str, str] = {
    "slow": "the first reply comes 3 s late",
    "slower": "every reply comes 5 s late",
    "silent": "sends the metadata and then never speaks nor answers",
    "speechless": "understands the caller, but answers nothing",
    "half_open": "after the greeting sends nothing more, not even pings or a close; still reads",
    "outage": "REST answers 503 and the conversation socket is reset at once",
    "drop": "resets the TCP connection after the greeting",
    "quota": "closes with 1002 'This request exceeds your quota limit.' after the greeting",
    "close_1002": "closes with 1002 llm_timeout after the greeting",
    "close_1008": "closes with 1008 value_error after the greeting",
    "close_1011": "closes with 1011 unknown_websocket_crash after the greeting",
    "goodbye_1000": "closes with 1000 in the middle of the greeting's audio",
    "malformed": "sends text that is not JSON, unknown types and missing fields, then goes on",
    "late_audio": "audio of an interrupted reply still comes after the interruption, with the old event_id",
    "refuse": "get-signed-url answers 401",
    "busy": "get-signed-url answers 429 concurrent_limit_exceeded",
    "unreachable_tts": "text to speech answers 500",
    "no_agent": "get agent answers 404",
    "hang": "never answers the WebSocket upgrade",
    "flood": "sends audio without end, about 100 times faster than real time",
    "odd_chunks": "cuts audio into small pieces of odd byte sizes",
    "big_chunks": "cuts audio into pieces of 2 s",
    "tool_storm": "makes 20 tool calls at once after the greeting",
}
"""Name of a fault -> what it does."""

BREAKS = ("drop", "half_open", "quota", "close_1002", "close_1008", "close_1011")
"""Faults that end a conversation, after its greeting or at a moment that is given."""
_MOST_SIGNATURES = 1000


def check_fault(name: str | None) -> str | None:
    """`name` itself, if there is such a fault.

    Raises:
        ConfigError: no such fault; the message lists them.
    """
    if name is not None and name not in FAULTS:
        raise ConfigError(f"unknown fault {name!r}; there are: {', '.join(sorted(FAULTS))}")
    return name


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and when it happens.

    Raises:
        ConfigError: the values do not fit; the message says which.
    """

    name: str | None = None
    conversations: int | None = None
    """How many conversations have it; None: all."""
    after: int = 0
    """How many are well before them."""
    at_s: float | None = None
    """So long after a conversation's metadata instead of after its greeting; only for BREAKS."""

    def __post_init__(self) -> None:
        check_fault(self.name)
        if (self.conversations is not None and self.conversations < 1) or self.after < 0:
            raise ConfigError("a fault needs at least 1 conversation, after 0 or more that are well")
        if self.at_s is not None and (self.name not in BREAKS or self.at_s < 0):
            raise ConfigError(f"only these faults begin at a moment (0 s or more): {', '.join(BREAKS)}")


class FaultPlan:
    """Which conversations have the fault.

    They are numbered from 1 on, by the request for their signed URL or else by their upgrade: a URL that is refused
    counts, and a conversation has the number of its URL.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.begun = 0
        self._numbers: dict[str, int] = {}

    def change(self, fault: Fault) -> None:
        """From now on this fault, numbering from 1 again; conversations that have begun keep theirs."""
        self.fault = fault
        self.begun = 0
        self._numbers.clear()

    def next_number(self) -> int:
        """Number a conversation."""
        self.begun += 1
        return self.begun

    def sign(self, signature: str, number: int) -> None:
        """The conversation that opens with `signature` has this number."""
        self._numbers[signature] = number
        if len(self._numbers) > _MOST_SIGNATURES:
            self._numbers.pop(next(iter(self._numbers)))

    def number_of(self, signature: str | None) -> int:
        """The number of a conversation that is being opened; a signature's number holds once."""
        number = None if signature is None else self._numbers.pop(signature, None)
        return self.next_number() if number is None else number

    def of(self, number: int) -> str | None:
        """The fault of a conversation."""
        fault = self.fault
        last = None if fault.conversations is None else fault.after + fault.conversations
        return fault.name if fault.after < number and (last is None or number <= last) else None

    def now(self) -> str | None:
        """The fault of what belongs to no conversation: that of the next one."""
        return self.of(self.begun + 1)

    def as_json(self) -> dict[str, Any]:
        """What GET /sandbox/fault shows."""
        fault = self.fault
        return {
            "fault": fault.name,
            "conversations": fault.conversations,
            "after": fault.after,
            "at_s": fault.at_s,
            "begun": self.begun,
        }


def read_fault(body: Any) -> Fault:
    """The fault that POST /sandbox/fault asks for: an object with `fault` and any of the other fields of `Fault`.

    Raises:
        ConfigError: it is none; the message says why.
    """
    if not isinstance(body, dict) or "fault" not in body or set(body) - {"fault", "conversations", "after", "at_s"}:
        raise ConfigError("an object with fault (a name or null) and any of conversations, after, at_s is expected")
    name, conversations, after, at_s = (body.get(key) for key in ("fault", "conversations", "after", "at_s"))
    types = ((name, str), (conversations, int), (after, int), (at_s, int | float))
    if any(value is not None and (isinstance(value, bool) or not isinstance(value, kind)) for value, kind in types):
        raise ConfigError("fault is a name or null, conversations and after are whole numbers, at_s is a number")
    return Fault(name, conversations, after or 0, at_s)
