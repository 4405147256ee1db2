"""Lists in pages: `page_size` and `cursor` in, `next_cursor` and `has_more` out. Pure.

A cursor holds the last row's place and no number of rows, so that a deletion between two pages loses nothing.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ivr_bridge.simulator.service.refusals import Invalid, Refusal

_DEFAULT_SIZE = 30
_LARGEST_SIZE = 100

Row = tuple[Any, int, dict[str, Any]]
"""What it is sorted by (text or a number), its order of creation, and what is shown."""


def page_size(query: Mapping[str, str], *, default: int = _DEFAULT_SIZE, largest: int = _LARGEST_SIZE) -> int:
    """How many rows are asked for.

    Raises:
        Invalid: no whole number from 1 on, or above `largest`.
    """
    text = query.get("page_size", str(default))
    try:
        size = int(text)
    except ValueError as error:
        raise Invalid("query.page_size", "Input should be a valid integer", "int_parsing") from error
    if size < 1:
        raise Invalid("query.page_size", "Input should be greater than or equal to 1", "greater_than_equal")
    if size > largest:
        raise Invalid("query.page_size", f"Input should be less than or equal to {largest}", "less_than_equal")
    return size


def is_on(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """A yes or no of a query."""
    return query.get(name, str(default)).lower() in ("true", "1")


def one_page(
    rows: Iterable[Row], query: Mapping[str, str], *, cursor_name: str = "cursor", size: int | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of the page that `query` asks for, and the cursor of the next one; None at the end.

    `sort_direction` is `asc` or `desc`, the vendor's default.

    Raises:
        Invalid: a size or direction that is none.
        Refusal: 400, a cursor that is none of ours.
    """
    direction = query.get("sort_direction", "desc")
    if direction not in ("asc", "desc"):
        raise Invalid("query.sort_direction", "Input should be 'asc' or 'desc'", "enum")
    size = page_size(query) if size is None else size
    ordered = sorted(rows, key=lambda row: (row[0], row[1]), reverse=direction == "desc")
    after = query.get(cursor_name)
    if after:
        place = _read(after)
        try:
            ordered = [
                row
                for row in ordered
                if ((row[0], row[1]) < place if direction == "desc" else (row[0], row[1]) > place)
            ]
        except TypeError as error:
            raise _bad_cursor() from error
    part = ordered[:size]
    following = _cursor(part[-1]) if len(ordered) > len(part) else None
    return [row[2] for row in part], following


def _cursor(row: Row) -> str:
    return base64.urlsafe_b64encode(json.dumps([row[0], row[1]]).encode()).decode()


def _read(cursor: str) -> tuple[Any, int]:
    try:
        key, order = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError) as error:
        raise _bad_cursor() from error
    return key, order


def _bad_cursor() -> Refusal:
    return Refusal(400, "validation_error", "invalid_cursor", "The cursor is not valid.")
