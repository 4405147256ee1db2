"""Lists that the vendor gives page by page, as one iterator.

Source: https://elevenlabs.io/docs/api-reference/introduction
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ivr_bridge.elevenlabs.rest.answer import A, read_answer
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorFailed

CURSORS = {"next_cursor": "cursor", "next_page_token": "next_page_token"}
"""What a page calls the way to the next one, and by which name it is asked for."""

T = TypeVar("T")


async def pages(
    transport: Transport, request: Request, page: type[A], items: Callable[[A], Sequence[T]]
) -> AsyncGenerator[T, None]:
    """Every item of every page, in the vendor's order; a page is asked for when the one before it is used up.

    What is added or removed meanwhile may be missed. Who stops early has nothing to close.

    Args:
        transport: of the account.
        request: for the first page; its query stays for the others.
        page: the answer; one of the fields of `CURSORS` leads on, empty or with `has_more` false it is the last one.
        items: those of a page.

    Raises:
        VendorError: no answer, an error, something else than a page, or a cursor that leads back.
    """
    seen: set[str] = set()
    while True:
        answer = read_answer(page, await transport.json(request), request.what)
        for item in items(answer):
            yield item
        name, cursor = _next(answer)
        if not cursor:
            return
        if cursor in seen:
            raise VendorFailed(f"{request.what}: the list leads back to a page from before", status=200)
        seen.add(cursor)
        request = replace(request, query={**(request.query or {}), name: cursor})


def _next(page: object) -> tuple[str, str]:
    if getattr(page, "has_more", True) is False:
        return "", ""
    for field, name in CURSORS.items():
        if cursor := getattr(page, field, None):
            return name, str(cursor)
    return "", ""
