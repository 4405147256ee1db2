"""Running the tools of one call: off the audio path, within a time limit, exactly one result each.

A tool call is answered once: by its result, by an error fit to be spoken, or not at all when the call is over first.
What came first counts; whatever the tool does afterwards goes nowhere.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from pathlib import Path

import orjson
from pydantic import BaseModel

from ivr_bridge.errors import ToolError
from ivr_bridge.telemetry.events import TOOL_ANSWERED, TOOL_CALLED, TOOL_CANCELLED, TOOL_FAILED
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallControl, ThreadedControl
from ivr_bridge.tools.http_request import HttpFailed
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.threads import ToolThreads
from ivr_bridge.tools.tool import BadArguments, Tool

SendResult = Callable[[str, str, bool], None]
"""`tool_call_id`, the result's text, `is_error`; must not block."""

MAX_WAITING = 128
"""Tool calls under way or waiting for their turn in one call; more are answered with an error at once."""
RESULT_MAX_CHARS = 100_000
SENTENCE_MAX_CHARS = 300
IDS_KEPT = 4096
CLOSE_S = 1.0
"""How long `close` waits for tools that do not heed being cancelled."""

UNKNOWN_TOOL = "Sorry, I cannot do that on this line."
TOOL_FAULT = "Sorry, that did not work just now."
TOOL_TOO_SLOW = "Sorry, that is taking too long."
TOO_MANY_TOOLS = "Sorry, too many things are going on at once."


@dataclass(slots=True, eq=False)
class _Running:
    tool_name: str
    tool_call_id: str
    called_at: float
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def ms(self) -> float:
        return (time.monotonic() - self.called_at) * 1000


class ToolDispatch:
    """The tool calls of one phone call. Use it in the event loop only, and `close` it when the call ends.

    Args:
        registry: all tools.
        control: of this call, for tools that ask for it.
        answer: sends a `client_tool_result`; called in the event loop, once for each tool call.
        log: bound to the call.
        timeout_s: from being asked, waiting included; below the agent's own limit.
        max_concurrent: tools at work at once; the next ones wait for their turn.
        threads: where sync tools run; its own if None. One shared by all calls bounds the threads of the process.
    """

    def __init__(
        self,
        registry: ToolRegistry,
        control: CallControl,
        answer: SendResult,
        log: Log,
        *,
        timeout_s: float,
        max_concurrent: int = 16,
        threads: ToolThreads | None = None,
    ) -> None:
        self._registry = registry
        self._control = control
        self._answer = answer
        self._log = log
        self._timeout_s = timeout_s
        self._threads = threads or ToolThreads(max_concurrent)
        self._turns = asyncio.Semaphore(max_concurrent)
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids: dict[str, None] = {}
        self._closed = False
        self.called = 0
        """Tool calls so far, without repeated ones."""
        self.failed = 0
        """Those answered with an error."""
        self.unanswered: tuple[str, ...] = ()
        """The ids of those that `close` cut short."""
        self.repeated = 0
        """Tool calls whose id had come before; they were ignored."""

    def call(self, tool_name: str, tool_call_id: str, parameters: Mapping[str, object]) -> None:
        """Begin a tool call; returns at once, also when the tool is unknown.

        An id that came before is ignored: its one result is sent or on its way. After `close` nothing happens.
        """
        if self._closed:
            return
        if tool_call_id in self._ids or tool_call_id in self._running:
            self.repeated += 1
            return
        self._ids[tool_call_id] = None
        if len(self._ids) > IDS_KEPT:
            del self._ids[next(iter(self._ids))]
        self.called += 1
        running = _Running(tool_name, tool_call_id, time.monotonic())
        self._log.emit(
            TOOL_CALLED, tool=tool_name, tool_call_id=tool_call_id, pii={"arguments": _shown(dict(parameters))}
        )
        tool = self._registry.find(tool_name)
        full = len(self._running) >= MAX_WAITING
        self._running[tool_call_id] = running
        if tool is None:
            self._fail(running, UNKNOWN_TOOL, "unknown_tool", f"known: {', '.join(self._registry.names)}")
        elif full:
            self._fail(running, TOO_MANY_TOOLS, "too_many_tools", f"{MAX_WAITING} under way")
        else:
            loop = asyncio.get_running_loop()
            running.timer = loop.call_later(self._timeout_s, self._too_slow, running)
            running.task = loop.create_task(self._run(running, tool, parameters), name=f"tool {tool_name}")
            self._tasks.add(running.task)
            running.task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """The call is over: cancel what runs, send nothing more. Takes at most `CLOSE_S`; may be called again.

        A sync tool cannot be stopped: it goes on in its thread, unheard.
        """
        self._closed = True
        self.unanswered += tuple(self._running)
        for running in list(self._running.values()):
            self._forget(running)
            self._log.emit(TOOL_CANCELLED, tool=running.tool_name, tool_call_id=running.tool_call_id, ms=running.ms)
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    async def _run(self, running: _Running, tool: Tool, parameters: Mapping[str, object]) -> None:
        """One tool's task: ends in one answer, unless it was cancelled from outside."""
        try:
            async with self._turns:
                text = _result_text(await self._perform(tool, parameters))
        except BadArguments as error:
            self._fail(running, _sentence(str(error)), error.code, str(error))
        except HttpFailed as error:
            self._fail(running, _sentence(str(error)), error.code, error.cause)
        except ToolError as error:
            self._fail(running, _sentence(str(error)), error.code, _where(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # an operator's code; `sys.exit` would end the server
            self._fail(running, TOOL_FAULT, "tool_raised", _where(error))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._fail(running, TOOL_FAULT, "tool_raised", _where(error))
        else:
            self._succeed(running, text)

    async def _perform(self, tool: Tool, parameters: Mapping[str, object]) -> object:
        if tool.is_async:
            result = tool.function(**tool.bind(parameters, self._control))
        else:
            control = ThreadedControl(self._control, asyncio.get_running_loop())
            result = await self._threads.run(partial(tool.function, **tool.bind(parameters, control)))
        return await result if isawaitable(result) else result

    def _too_slow(self, running: _Running) -> None:
        self._fail(running, TOOL_TOO_SLOW, "tool_timeout", f"no result within {self._timeout_s:g} s")
        if running.task is not None:
            running.task.cancel()

    def _succeed(self, running: _Running, text: str) -> None:
        if self._forget(running):
            self._log.emit(
                TOOL_ANSWERED, tool=running.tool_name, tool_call_id=running.tool_call_id, ms=running.ms,
                pii={"result": text},
            )  # fmt: skip
            self._answer(running.tool_call_id, text, False)

    def _fail(self, running: _Running, sentence: str, code: str, error: str) -> None:
        if self._forget(running):
            self.failed += 1
            self._log.emit(
                TOOL_FAILED, tool=running.tool_name, tool_call_id=running.tool_call_id, ms=running.ms, code=code,
                error=error,
            )  # fmt: skip
            self._answer(running.tool_call_id, sentence, True)

    def _forget(self, running: _Running) -> bool:
        """Whether it was still to be answered; from now on it is not."""
        if self._running.get(running.tool_call_id) is not running:
            return False
        del self._running[running.tool_call_id]
        if running.timer is not None:
            running.timer.cancel()
        return True


def _result_text(result: object) -> str:
    """The string that `client_tool_result` wants.

    Raises:
        TypeError: it has no JSON form, or is too long for an agent.
    """
    if result is None:
        return "done"
    text = result if isinstance(result, str) else _json(result)
    if len(text) > RESULT_MAX_CHARS:
        raise TypeError(f"a result of {len(text)} characters; at most {RESULT_MAX_CHARS}")
    return _encodable(text)


def _json(value: object) -> str:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _shown(parameters: dict[str, object]) -> str:
    return orjson.dumps(parameters, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _sentence(text: str) -> str:
    """One line, short enough to be spoken."""
    return _encodable(" ".join(text.split())[:SENTENCE_MAX_CHARS]) or TOOL_FAULT


def _encodable(text: str) -> str:
    """Half a surrogate pair, which Python allows in text and UTF-8 does not, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _where(error: BaseException) -> str:
    """The kind of an error and where it was raised; never its words, which may hold what the caller said."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
