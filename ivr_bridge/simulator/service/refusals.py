"""The vendor's errors, as exceptions that the door turns into answers.

Present shape: `{"detail": {"type", "code", "message", "status", "request_id"}}`; a body that does not validate has a
list instead.
"""

import secrets
from typing import Any, TypeVar

from aiohttp import web

_Document = TypeVar("_Document")


class Refusal(Exception):
    """A request that is refused: `status`, and `code` in the vendor's words; the message says why."""

    def __init__(self, status: int, kind: str, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The answer."""
        request_id = secrets.token_hex(8)
        detail = {
            "type": self.kind,
            "code": self.code,
            "message": str(self),
            "status": self.code,
            "request_id": request_id,
        }
        headers = {"request-id": request_id, **self.headers}
        return web.json_response({"detail": detail}, status=self.status, headers=headers)


class Invalid(Refusal):
    """A request that does not validate: where (`body.name`), what is wrong, and the vendor's word for its kind."""

    def __init__(self, where: str, text: str, kind: str) -> None:
        super().__init__(422, "validation_error", kind, text)
        self.where = where

    def response(self) -> web.Response:
        """The answer: a list, unlike all other errors."""
        detail = [{"loc": self.where.split("."), "msg": str(self), "type": self.kind_of_fault}]
        return web.json_response({"detail": detail}, status=422)

    @property
    def kind_of_fault(self) -> str:
        """`missing`, `string_type` and the like."""
        return self.code


def missing(where: str) -> Invalid:
    """A field that must be there."""
    return Invalid(where, "Field required", "missing")


def not_found(noun: str) -> Refusal:
    """Nothing has this id: `noun` is `agent`, `tool`, `document` ..."""
    return Refusal(404, "not_found", f"{noun}_not_found", f"There is no such {noun}.")


def found(document: _Document | None, noun: str) -> _Document:
    """What was looked up by an id.

    Raises:
        Refusal: it is None: there is no such `noun`.
    """
    if document is None:
        raise not_found(noun)
    return document


def in_use(noun: str, agents: list[str]) -> Refusal:
    """It cannot be deleted without force."""
    users = ", ".join(agents[:5])
    return Refusal(409, "conflict", f"{noun}_in_use", f"The {noun} is used by {len(agents)} agents: {users}.")


def no_voice(voice_id: str) -> Refusal:
    """A voice that is not there."""
    return Refusal(400, "not_found", "voice_not_found", f"A voice with voice_id {voice_id[:40]} was not found.")


def input_invalid(text: str) -> Refusal:
    """What is asked for is understood, and cannot be."""
    return Refusal(400, "validation_error", "input_invalid", text)


def bad_key() -> Refusal:
    """The key is none."""
    return Refusal(401, "authentication_error", "invalid_api_key", "Invalid API key")


def dark() -> web.Response:
    """What is answered in front of a service that is down: 503, and no JSON."""
    return web.Response(status=503, text="upstream connect error or disconnect/reset before headers")


def field(
    body: dict[str, Any],
    name: str,
    kind: type | tuple[type, ...],
    *,
    required: bool = False,
    where: str = "body",
) -> Any:
    """`name` of a body, or None; `where` is the body's own place.

    Raises:
        Invalid: it is required and not there, or of another type.
    """
    value = body.get(name)
    if value is None:
        if required and name not in body:
            raise missing(f"{where}.{name}")
        if required:
            raise Invalid(f"{where}.{name}", "Input should not be null", "value_error")
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        word = _WORDS.get(kind if isinstance(kind, type) else kind[0], "value")
        raise Invalid(f"{where}.{name}", f"Input should be a valid {word}", f"{word}_type")
    return value


_WORDS: dict[type, str] = {str: "string", dict: "dict", list: "list", int: "int", float: "float", bool: "bool"}


async def read_object(request: web.Request, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object of a request; with `optional` none at all is an empty one.

    Raises:
        Invalid: something else.
    """
    if optional and not await request.read():
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise Invalid("body", "JSON decode error", "json_invalid") from error
    if not isinstance(body, dict):
        raise Invalid("body", "Input should be a valid dictionary", "dict_type")
    return body
