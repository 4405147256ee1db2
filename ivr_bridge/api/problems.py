"""How an error looks to an HTTP client: `application/problem+json`.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import web

CONTENT_TYPE = "application/problem+json"


def problem(
    status: int, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error answer.

    Args:
        status: HTTP status, 400 to 599.
        detail: a sentence for people that says what to do; nothing that the client sent, no secret.
        code: a word for machines, such as `key_in_url`; None: the status says it all.
        headers: to add, such as `WWW-Authenticate`.

    Returns:
        `{"type": "about:blank", "title", "status", "detail", "code"}`; `title` is the status in words.
    """
    members: dict[str, str | int] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if code is not None:
        members["code"] = code
    return web.Response(
        body=orjson.dumps(members),
        status=status,
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
