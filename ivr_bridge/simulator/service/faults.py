"""How the sandbox misbehaves on demand: one name a fault, one line on what it does."""

from ivr_bridge.errors import ConfigError

FAULTS: dict[str, str] = {
    "slow": "the first reply comes 3 s late",
    "silent": "sends the metadata and then never speaks nor answers",
    "drop": "resets the TCP connection after the greeting",
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


def check_fault(name: str | None) -> str | None:
    """`name` itself, if there is such a fault.

    Raises:
        ConfigError: no such fault; the message lists them.
    """
    if name is not None and name not in FAULTS:
        raise ConfigError(f"unknown fault {name!r}; there are: {', '.join(sorted(FAULTS))}")
    return name
