"""A server that answers as the vendor's OpenAPI file says and keeps what it was asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.support.openapi import operation_of, problems_of
from tests.support.openapi_examples import smallest
from tests.support.served import served

TWIML = '<?xml version="1.0"?><Response><Connect><Stream url="wss://x"/></Connect></Response>'
ANSWERS: dict[str, Any] = {
    "GET /v1/convai/conversation/get-signed-url": {"signed_url": "wss://x/?signature=1"},
    "POST /v1/convai/twilio/outbound-call": {"success": True, "message": "", "conversation_id": "c", "callSid": "CA"},
    "POST /v1/convai/twilio/register-call": TWIML,
    "POST /v1/convai/knowledge-base/{documentation_id}/rag-index": {
        "id": "i",
        "model": "e5_mistral_7b_instruct",
        "status": "succeeded",
        "progress_percentage": 100,
        "document_model_index_usage": {"used_bytes": 1},
    },
    "POST /v1/text-to-speech/{voice_id}/with-timestamps": {"audio_base64": "AAE="},
    "POST /v1/text-to-speech/{voice_id}/stream/with-timestamps": {"audio_base64": "AAE="},
}
"""Where the smallest value of the schema would be no success."""


@dataclass(frozen=True)
class Seen:
    """One request. `query` is sorted by name; `parts`: name -> file name (None: a text) and content."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any
    parts: dict[str, tuple[str | None, bytes]] | None
    headers: dict[str, str] = field(compare=False, repr=False)

    @property
    def problems(self) -> list[str]:
        return problems_of(self.method, self.path, self.query, self.body, self.parts)


class Recorder:
    """What was seen so far, and where to ask."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []

    async def handle(self, request: web.Request) -> web.Response:
        parts, body = None, None
        if request.content_type == "multipart/form-data":
            parts = await _parts(request)
        elif raw := await request.read():
            body = json.loads(raw)
        path = request.rel_url.raw_path
        query = tuple(sorted(request.rel_url.query.items(), key=lambda item: item[0]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, path, query, body, parts, headers))
        return _answer(request.method, path)


def _answer(method: str, path: str) -> web.Response:
    operation = operation_of(method, path)
    if operation is None:
        return web.json_response({"detail": "Not Found"}, status=404)
    content_type, schema = operation.answer
    if content_type.startswith("audio/"):
        return web.Response(body=b"\x00\x01", content_type="audio/mpeg")
    answer = ANSWERS.get(str(operation), smallest(schema) if schema else None)
    if content_type == "text/html":
        return web.Response(text=str(answer), content_type=content_type)
    return web.json_response(answer)


async def _parts(request: web.Request) -> dict[str, tuple[str | None, bytes]]:
    parts = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        parts[part.name or ""] = (part.filename, bytes(await part.read()))
    return parts


@asynccontextmanager
async def recorder() -> AsyncIterator[Recorder]:
    """A recorder that listens."""
    seen = Recorder()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", seen.handle)
    async with served(app) as seen.url:
        yield seen
