"""What a log line may show of a person: nothing, unless the operator opts in.                     pure"""

from collections.abc import Mapping
from typing import Any

PII_PREFIX = "pii."


def mask(value: Any) -> str:
    """A stand-in that tells the size and nothing else.

    A phone number keeps its last two digits, so that an operator can match a complaint; other text only its length.
    """
    text = str(value)
    if not text:
        return ""
    if text.startswith("+") and text[1:].isdigit() and len(text) >= 8:
        return f"+...{text[-2:]}"
    return f"[{len(text)} chars]"


def masked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a log line with everything under `pii.` masked."""
    return {name: mask(value) if name.startswith(PII_PREFIX) else value for name, value in fields.items()}
