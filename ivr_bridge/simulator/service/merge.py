"""Joining JSON documents as PATCH does. Pure."""

from typing import Any


def merged(old: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`old` with `change` over it: objects are joined deeply, all else (lists too) is replaced; nothing is shared."""
    result = {key: copied(value) for key, value in old.items()}
    for key, value in change.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = merged(before, value) if isinstance(before, dict) and both else copied(value)
    return result


def copied(value: Any) -> Any:
    """A deep copy of what JSON can hold."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [copied(part) for part in value]
    return value
