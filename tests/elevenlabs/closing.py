"""What the tests of a WebSocket share."""

from typing import Any

from ivr_bridge.elevenlabs.inbox import WebSocketClosed
from ivr_bridge.elevenlabs.websocket import WebSocket


async def close_of(websocket: WebSocket[Any]) -> tuple[int, str]:
    """Receive until the end; its close code and reason."""
    try:
        while True:
            await websocket.receive()
    except WebSocketClosed as closed:
        return closed.close_code, closed.reason
