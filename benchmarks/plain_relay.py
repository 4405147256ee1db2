"""The relay that people write, as the measure beside which ours is put; not part of the product.

aiohttp takes the phone's socket, `websockets` opens the agent's, one task a direction, a message at a time through
`json` and `base64`, `audioop.ratecv` where the agent speaks PCM; asyncio's own loop. It checks no signature, has no
token, no ledger, no marks, no log, no limits: what it does costs what it must.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import warnings
from typing import Any

import aiohttp
import websockets
from aiohttp import WSMsgType, web

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

TWIML = '<Response><Connect><Stream url="wss://{host}/media-stream"/></Connect></Response>'


class Relay:
    """One agent for all calls.

    Args:
        vendor_url: `http://HOST:PORT` of the agent's vendor.
        pcm: whether the agent hears and speaks `pcm_16000`; else `ulaw_8000`.
    """

    def __init__(self, vendor_url: str, *, pcm: bool) -> None:
        self._vendor_url = vendor_url
        self._pcm = pcm
        self._session: aiohttp.ClientSession | None = None

    async def voice(self, request: web.Request) -> web.Response:
        """The webhook: always the same TwiML."""
        return web.Response(text=TWIML.format(host=request.host), content_type="text/xml")

    async def media_stream(self, request: web.Request) -> web.WebSocketResponse:
        """One call: audio both ways until it stops."""
        phone = web.WebSocketResponse()
        await phone.prepare(request)
        agent: Any = None
        from_agent: asyncio.Task[None] | None = None
        state: Any = None
        try:
            async for message in phone:
                if message.type is not WSMsgType.TEXT:
                    continue
                data = json.loads(message.data)
                if data["event"] == "start":
                    agent = await websockets.connect(await self._signed_url())
                    await agent.send(json.dumps({"type": "conversation_initiation_client_data"}))
                    from_agent = asyncio.create_task(self._to_phone(agent, phone, data["start"]["streamSid"]))
                elif data["event"] == "media" and agent is not None:
                    audio = base64.b64decode(data["media"]["payload"])
                    if self._pcm:
                        audio, state = audioop.ratecv(audioop.ulaw2lin(audio, 2), 2, 1, 8000, 16000, state)
                    await agent.send(json.dumps({"user_audio_chunk": base64.b64encode(audio).decode()}))
                elif data["event"] == "stop":
                    break
        except websockets.ConnectionClosed:
            await phone.close()
        finally:
            if from_agent is not None:
                from_agent.cancel()
            if agent is not None:
                await agent.close()
        return phone

    async def _signed_url(self) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        url = f"{self._vendor_url}/v1/convai/conversation/get-signed-url?agent_id=agent"
        async with self._session.get(url, headers={"xi-api-key": "key"}) as response:
            return str((await response.json())["signed_url"])

    async def _to_phone(self, agent: Any, phone: web.WebSocketResponse, stream_sid: str) -> None:
        state: Any = None
        with contextlib.suppress(websockets.ConnectionClosed, ConnectionError):
            async for message in agent:
                data = json.loads(message)
                if data["type"] == "audio":
                    audio = base64.b64decode(data["audio_event"]["audio_base_64"])
                    if self._pcm:
                        audio, state = audioop.ratecv(audio, 2, 1, 16000, 8000, state)
                        audio = audioop.lin2ulaw(audio, 2)
                    payload = base64.b64encode(audio).decode()
                    await phone.send_json({"event": "media", "streamSid": stream_sid, "media": {"payload": payload}})
                elif data["type"] == "ping":
                    await agent.send(json.dumps({"type": "pong", "event_id": data["ping_event"]["event_id"]}))
                elif data["type"] == "interruption":
                    await phone.send_json({"event": "clear", "streamSid": stream_sid})

    async def close(self, _app: web.Application) -> None:
        """Let go of the HTTP session."""
        if self._session is not None:
            await self._session.close()


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain_relay")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--vendor", required=True)
    parser.add_argument("--pcm", action="store_true")
    options = parser.parse_args()
    relay = Relay(options.vendor, pcm=options.pcm)
    app = web.Application()
    app.router.add_post("/twilio/voice", relay.voice)
    app.router.add_get("/media-stream", relay.media_stream)
    app.on_cleanup.append(relay.close)
    web.run_app(app, host="127.0.0.1", port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
