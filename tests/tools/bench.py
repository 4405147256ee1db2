"""A dispatch to be tried, over given functions."""

import asyncio
from collections.abc import Callable

from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.dispatch import ToolDispatch
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.tool import read_tool
from tests.tools.fakes import Control


class Bench:
    """A dispatch over given functions, and what it answered."""

    def __init__(self, *functions: Callable[..., object], timeout_s: float = 5, max_concurrent: int = 16) -> None:
        registry = ToolRegistry(read_tool(function, description="Test.") for function in functions)
        self.answers: list[tuple[str, str, bool]] = []
        self.answered = asyncio.Event()
        self.control = Control()
        self.dispatch = ToolDispatch(
            registry, self.control, self.answer, Log(), timeout_s=timeout_s, max_concurrent=max_concurrent
        )

    def answer(self, tool_call_id: str, text: str, is_error: bool) -> None:
        self.answers.append((tool_call_id, text, is_error))
        self.answered.set()

    async def until(self, count: int) -> list[tuple[str, str, bool]]:
        while len(self.answers) < count:
            self.answered.clear()
            await self.answered.wait()
        return self.answers

    async def one(self, name: str, **parameters: object) -> tuple[str, bool]:
        before = len(self.answers)
        self.dispatch.call(name, f"id{self.dispatch.called}", parameters)
        _, text, is_error = (await self.until(before + 1))[-1]
        return text, is_error
