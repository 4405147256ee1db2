"""A wire tap between the bridge and the sandbox: everything passes unchanged, every conversation message is kept."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from tests.support.served import served

KEPT_HEADERS = {"host", "xi-api-key", "content-type", "accept"}


@dataclass
class TappedConversation:
    """One conversation: what each side sent, parsed, in order."""

    from_bridge: list[dict[str, Any]] = field(default_factory=list)
    from_service: list[dict[str, Any]] = field(default_factory=list)

    @property
    def caller_audio(self) -> bytes:
        """What the agent got to hear, in the announced format."""
        chunks = (message["user_audio_chunk"] for message in self.from_bridge if "user_audio_chunk" in message)
        return b"".join(base64.b64decode(chunk, validate=True) for chunk in chunks)

    def kinds(self) -> set[str]:
        """Types of what the bridge sent; audio has none."""
        return {str(message.get("type", "user_audio_chunk")) for message in self.from_bridge}


class VendorTap:
    """Stands where the bridge thinks the vendor is; `url` is its address."""

    def __init__(self, service_url: str) -> None:
        self.url = ""
        self.conversations: list[TappedConversation] = []
        self._service_url = service_url

    @asynccontextmanager
    async def run(self) -> AsyncIterator["VendorTap"]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._pass)
        async with served(app, close_wait_s=0.5) as self.url, aiohttp.ClientSession() as self._session:
            yield self

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() in KEPT_HEADERS}
        target = self._service_url + request.raw_path
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._converse(request, target, headers)
        body = await request.read()
        async with self._session.request(request.method, target, headers=headers, data=body) as answer:
            kind = {"Content-Type": answer.headers.get("Content-Type", "")}
            return web.Response(status=answer.status, body=await answer.read(), headers=kind)

    async def _converse(self, request: web.Request, target: str, headers: dict[str, str]) -> web.StreamResponse:
        kept = TappedConversation()
        async with self._session.ws_connect(target, headers=headers, max_msg_size=0) as service:
            bridge = web.WebSocketResponse(max_msg_size=0)
            await bridge.prepare(request)
            self.conversations.append(kept)

            async def carry(source: Any, target: Any, texts: list[dict[str, Any]]) -> None:
                async for message in source:
                    assert message.type is WSMsgType.TEXT, message
                    texts.append(json.loads(message.data))
                    await target.send_str(message.data)
                await target.close(code=source.close_code or 1000)

            await asyncio.gather(
                carry(bridge, service, kept.from_bridge),
                carry(service, bridge, kept.from_service),
                return_exceptions=True,
            )
        return bridge
