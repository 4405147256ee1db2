"""The one door policy: which proof a request needs, by its path.                     pure"""

from enum import Enum


class Door(Enum):
    """What lets a request in."""

    OPEN = "open"
    """Nothing: names and states, no data."""
    TWILIO_SIGNATURE = "twilio_signature"
    ELEVENLABS_PROOF = "elevenlabs_proof"
    """Their HMAC, or the secret header that we gave their agent."""
    SIGNED_URL = "signed_url"
    API_KEY = "api_key"


_OPEN_PATHS = frozenset({"/healthz", "/readyz", "/api/docs", "/api/openapi.json"})

_DOORS = {
    "api": Door.API_KEY,
    "console": Door.API_KEY,
    "twilio": Door.TWILIO_SIGNATURE,
    "elevenlabs": Door.ELEVENLABS_PROOF,
    "prompts": Door.SIGNED_URL,
}


def door_of(path: str) -> Door | None:
    """The door of a path, or None: then nobody gets in.

    Args:
        path: decoded, from its first slash, without the query; or a route's pattern such as `/api/v1/calls/{call_sid}`.
            One with `.`, `..`, a backslash or an empty part in it has no door: it could mean another path to whoever
            reads it next.
    """
    if path in _OPEN_PATHS:
        return Door.OPEN
    empty, *parts = path.removesuffix("/").split("/")
    if empty or not parts or any(part in ("", ".", "..") or "\\" in part for part in parts):
        return None
    return _DOORS.get(parts[0])
