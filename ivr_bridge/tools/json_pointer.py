"""A value inside a JSON answer, as text.                                                                    pure"""

import re
from typing import Any

import orjson

POINTER = re.compile(r"(/([^~]|~[01])*)?")
"""A JSON pointer; the empty one is the whole answer. Source: RFC 6901, section 3."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def pointed(answer: object, pointer: str) -> str | None:
    """What a JSON pointer leads to: a string as it stands, anything else as JSON.

    Args:
        answer: decoded JSON.
        pointer: `/order/state`, `/items/0`; `~1` stands for `/` and `~0` for `~` in a name. RFC 6901.

    Returns:
        None when nothing is there, when `null` is, or when `pointer` is none.

    Source: RFC 6901, section 4.
    """
    if not POINTER.fullmatch(pointer):
        return None
    value: Any = answer
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    if value is None:
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()
