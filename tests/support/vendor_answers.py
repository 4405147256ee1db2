"""A stand-in for `Transport` that answers from memory and keeps what it was asked."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Download, Transport


class VendorAnswers:
    """Gives `answers` one after the other, the last one again and again; an exception among them is raised."""

    def __init__(self, *answers: Any, headers: Mapping[str, str] | None = None, content_type: str = "") -> None:
        self._answers = list(answers)
        self._headers = headers or {}
        self._content_type = content_type
        self.requests: list[Request] = []
        self.forgotten: list[str] = []
        self.max_ages_s: list[float] = []

    @property
    def transport(self) -> Transport:
        return cast("Transport", self)

    @property
    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        """`METHOD /path` and the query, without what was left out."""
        return [
            (request.what, {name: value for name, value in (request.query or {}).items() if value is not None})
            for request in self.requests
        ]

    @property
    def bodies(self) -> list[Any]:
        return [request.json for request in self.requests]

    def _next(self, request: Request) -> Any:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def json(self, request: Request) -> Any:
        return self._next(request)

    async def text(self, request: Request) -> Any:
        return self._next(request)

    async def audio(self, request: Request) -> Any:
        return self._next(request)

    async def empty(self, request: Request) -> None:
        self._next(request)

    async def cached(self, request: Request, read: Callable[[Any], Any], *, max_age_s: float) -> Any:
        self.max_ages_s.append(max_age_s)
        return read(self._next(request))

    async def forget(self, path: str) -> None:
        self.forgotten.append(path)

    @asynccontextmanager
    async def stream(self, request: Request, *, audio: bool = False) -> AsyncIterator[Download]:
        """The answer is a sequence of pieces; an exception among them breaks it off."""
        answer = self._next(request)

        async def pieces() -> AsyncIterator[bytes]:
            for piece in answer:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        yield Download(self._headers, self._content_type or ("audio/mpeg" if audio else ""), pieces())
