"""`python -m benchmarks.json_libraries`: json, orjson and msgspec on the messages of both wires.

The decision that rests on it is docs/decisions/0001-libraries.md. Figures are microseconds for one message, the least
of many rounds. Where the bridge reads or writes a message without a JSON library, that is shown too.
"""

import base64
import importlib
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.timing import microseconds

_FRAME = base64.b64encode(bytes(range(160))).decode()
_CHUNK = base64.b64encode(bytes(range(160)) * 10).decode()
_PCM_FRAME = base64.b64encode(bytes(range(160)) * 4).decode()
_PCM_CHUNK = base64.b64encode(bytes(range(160)) * 40).decode()
_SID = "MZ" + "0" * 32

READ: dict[str, object] = {
    "phone: media, 20 ms": {
        "event": "media",
        "sequenceNumber": "4711",
        "media": {"track": "inbound", "chunk": "4710", "timestamp": "94205", "payload": _FRAME},
        "streamSid": _SID,
    },
    "phone: mark": {"event": "mark", "sequenceNumber": "9", "streamSid": _SID, "mark": {"name": "g0001.000017"}},
    "agent: audio, 200 ms ulaw": {"audio_event": {"audio_base_64": _CHUNK, "event_id": 7}, "type": "audio"},
    "agent: audio, 200 ms pcm_16000": {"audio_event": {"audio_base_64": _PCM_CHUNK, "event_id": 7}, "type": "audio"},
    "agent: audio with alignment": {
        "audio_event": {
            "audio_base_64": _CHUNK,
            "event_id": 7,
            "alignment": {
                "chars": list("How can I help you?"),
                "char_start_times_ms": list(range(0, 190, 10)),
                "char_durations_ms": [10] * 19,
            },
        },
        "type": "audio",
    },
    "agent: ping": {"type": "ping", "ping_event": {"event_id": 12, "ping_ms": 48}},
}
"""What the bridge receives."""

WRITTEN: dict[str, object] = {
    "to phone: media, 200 ms": {"event": "media", "streamSid": _SID, "media": {"payload": _CHUNK}},
    "to agent: 20 ms ulaw": {"user_audio_chunk": _FRAME},
    "to agent: 20 ms pcm_16000": {"user_audio_chunk": _PCM_FRAME},
}
"""What the bridge sends."""


def _join(message: dict[str, Any]) -> Callable[[], object]:
    """As the bridge puts its audio messages together: text around base64 that is known to be base64."""
    if "media" in message:
        payload, head = message["media"]["payload"], f'{{"event":"media","streamSid":"{_SID}","media":{{"payload":"'
    else:
        payload, head = message["user_audio_chunk"], '{"user_audio_chunk":"'
    tail = '"}}' if "media" in message else '"}'

    def joined() -> bytes:
        return f"{head}{payload}{tail}".encode()

    return joined


def _msgspec() -> ModuleType | None:
    try:
        return importlib.import_module("msgspec.json")
    except ImportError:
        return None


def measured() -> list[tuple[str, list[float | None]]]:
    """A row for each message: its name, then json, orjson, msgspec and plain joining in us; None: not there."""
    msgspec = _msgspec()
    rows: list[tuple[str, list[float | None]]] = []
    for name, message in READ.items():
        data = json.dumps(message, separators=(",", ":")).encode()
        text = data.decode()
        works: list[Callable[[], object] | None] = [
            lambda text=text: json.loads(text),  # type: ignore[misc]
            lambda text=text: orjson.loads(text),  # type: ignore[misc]
            (lambda text=text: msgspec.decode(text)) if msgspec is not None else None,  # type: ignore[misc]
            None,
        ]
        rows.append((f"read  {name} ({len(data)} B)", [work and microseconds(work) for work in works]))
    for name, message in WRITTEN.items():
        assert isinstance(message, dict)
        works = [
            lambda message=message: json.dumps(message).encode(),  # type: ignore[misc]
            lambda message=message: orjson.dumps(message),  # type: ignore[misc]
            (lambda message=message: msgspec.encode(message)) if msgspec is not None else None,  # type: ignore[misc]
            _join(message),
        ]
        rows.append((f"write {name} ({len(orjson.dumps(message))} B)", [work and microseconds(work) for work in works]))
    return rows


def main() -> None:
    """Print the table."""
    table = Table(title="microseconds a message, least of many rounds")
    table.add_column("message")
    for heading in ("json", "orjson", "msgspec", "joined text"):
        table.add_column(heading, justify="right")
    for name, figures in measured():
        table.add_row(name, *("-" if figure is None else f"{figure:.2f}" for figure in figures))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
