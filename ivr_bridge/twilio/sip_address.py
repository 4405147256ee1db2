"""SIP addresses, and the headers that travel in them.                                                          pure"""

from collections.abc import Mapping
from urllib.parse import quote

HEADERS_MAX_CHARS = 1024
"""Twilio's limit for all names and values together."""


def is_sip(number: str) -> bool:
    """Whether it is an address, and no telephone number."""
    return number.lower().startswith(("sip:", "sips:"))


def with_headers(number: str, headers: Mapping[str, str]) -> str:
    """The address with headers behind its `?`, percent-encoded; a telephone number stays as it is.

    A header that is empty, or for which there is no room any more, is left out.

    Args:
        number: `sip:someone@example.com`, perhaps with a `?` of its own, or `+15550100`.
        headers: name (`X-...`) -> value.

    Source: https://www.twilio.com/docs/voice/twiml/sip#custom-sip-headers
    """
    if not is_sip(number):
        return number
    room = HEADERS_MAX_CHARS - len(number.partition("?")[2])
    for name, value in headers.items():
        pair = f"{name}={quote(value, safe='', errors='replace')}"
        if value and len(pair) < room:
            number += ("&" if "?" in number else "?") + pair
            room -= len(pair) + 1
    return number
