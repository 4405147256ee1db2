"""Client tools that one conversation calls, and what the client answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ivr_bridge.simulator.service import messages

_Send = Callable[[dict[str, Any]], Awaitable[None]]


class ToolCalls:
    """The tool calls of one conversation that wait for their results."""

    def __init__(self, send: _Send, conversation_id: str, timeout_s: float) -> None:
        """`send` sends one message; a call without a result for `timeout_s` has failed."""
        self._send = send
        self._prefix = f"call_{conversation_id[-6:]}"
        self._timeout_s = timeout_s
        self._waiting: dict[str, asyncio.Future[tuple[str, bool]]] = {}
        self._names: dict[str, str] = {}
        self._number = 0
        self.last_id = ""
        """Of the last call; "" before the first."""

    def next_id(self) -> str:
        """The next tool_call_id."""
        self._number += 1
        return f"{self._prefix}_{self._number}"

    async def call(self, name: str, parameters: dict[str, Any], event_id: int) -> tuple[str, bool]:
        """Let the client run a tool: (result, is_error); silence for too long is an error."""
        call_id = self.last_id = self.next_id()
        waiting: asyncio.Future[tuple[str, bool]] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = waiting
        self._names[call_id] = name
        await self._send(messages.client_tool_call(name, call_id, parameters, event_id))
        try:
            async with asyncio.timeout(self._timeout_s):
                result, is_error = await waiting
        except TimeoutError:
            result, is_error = "timed out", True
        finally:
            self._waiting.pop(call_id, None)
            self._names.pop(call_id, None)
        await self._send(messages.agent_tool_response(name, call_id, "client", event_id, is_error=is_error))
        return result, is_error

    async def storm(self, count: int, event_id: int) -> None:
        """The fault tool_storm: many calls at once, whose results nobody waits for."""
        for _ in range(count):
            await self._send(messages.client_tool_call("get_call_info", self.next_id(), {}, event_id))

    async def tell_system_tool(self, name: str, event_id: int) -> None:
        """Say that a tool of the platform's own has run: `end_call`, `language_detection`."""
        await self._send(messages.agent_tool_response(name, self.next_id(), "system", event_id, is_error=False))

    def id_of(self, name: str) -> str:
        """The oldest call that waits, of the tool `name` if it is not empty; "" for none."""
        return next((call_id for call_id in self._waiting if name in ("", self._names[call_id])), "")

    def answered(self, message: dict[str, Any]) -> None:
        """A `client_tool_result` has come; one that nobody waits for is ignored."""
        waiting = self._waiting.pop(message["tool_call_id"], None)
        if waiting is not None and not waiting.done():
            waiting.set_result((message["result"], message["is_error"]))
