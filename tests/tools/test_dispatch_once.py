"""One result for each tool call, whatever is repeated, closed or at once."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ivr_bridge.tools import dispatch as dispatch_module
from ivr_bridge.tools.dispatch import ToolDispatch
from tests.tools.bench import Bench


def _named(name: str, body: Callable[[], object]) -> Callable[[], object]:
    def function() -> object:
        return body()

    function.__name__ = name
    return function


async def test_a_repeated_id_is_ignored() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        return asked

    bench = Bench(ask)
    bench.dispatch.call("ask", "same", {})
    bench.dispatch.call("ask", "same", {})
    assert await bench.until(1) == [("same", "1", False)]
    bench.dispatch.call("ask", "same", {})
    bench.dispatch.call("nothing", "same", {})
    await bench.dispatch.close()
    assert (len(bench.answers), asked, bench.dispatch.called, bench.dispatch.repeated) == (1, 1, 1, 3)


async def test_close_cancels_and_logs_and_sends_nothing() -> None:
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    gate = threading.Event()
    bench = Bench(wait, _named("slow", lambda: gate.wait(5)))
    before = asyncio.all_tasks()
    with capture_logs() as lines:
        bench.dispatch.call("wait", "a", {})
        bench.dispatch.call("slow", "b", {})
        await started.wait()
        bench.dispatch.call("wait", "never begun", {})
        await bench.dispatch.close()
        gate.set()
        bench.dispatch.call("wait", "after", {})
        await bench.dispatch.close()
    assert cancelled.is_set()
    assert bench.answers == []
    assert [line["tool_call_id"] for line in lines if line["event"] == "tool.cancelled"] == ["a", "b", "never begun"]
    assert asyncio.all_tasks() == before
    assert bench.dispatch.called == 3


async def test_close_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_module, "CLOSE_S", 0.02)
    release = asyncio.Event()

    async def stubborn() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    bench = Bench(stubborn)
    bench.dispatch.call("stubborn", "a", {})
    await asyncio.sleep(0)
    await bench.dispatch.close()
    release.set()
    await asyncio.sleep(0.01)
    assert bench.answers == []


async def test_events_hold_arguments_and_results_under_pii_only() -> None:
    async def echo(words: str) -> str:
        return words

    bench = Bench(echo)
    with capture_logs() as lines:
        await bench.one("echo", words="my secret")
    called, answered = lines
    assert called["event"] == "tool.called"
    assert orjson.loads(called["pii.arguments"]) == {"words": "my secret"}
    assert answered["event"] == "tool.answered"
    assert answered["pii.result"] == "my secret"
    assert answered["ms"] >= 0
    for line in lines:
        assert "secret" not in str({name: value for name, value in line.items() if not name.startswith("pii.")})


ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("call"),
            st.sampled_from(["now", "later", "thread", "fails", "never", "unknown", "takes"]),
            st.integers(0, 8),
        ),
        st.tuples(st.just("tick"), st.just(""), st.integers(0, 3)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS, close_early=st.booleans())
def test_exactly_one_result_in_any_order(actions: list[tuple[str, str, int]], close_early: bool) -> None:
    async def now() -> int:
        return 1

    async def later() -> None:
        await asyncio.sleep(0.001)

    def thread() -> None:
        time.sleep(0.0005)

    def fails() -> None:
        raise ValueError

    async def never() -> None:
        await asyncio.Event().wait()

    def takes(n: int) -> int:
        return n

    async def play() -> tuple[Counter[str], set[str], ToolDispatch, Any]:
        bench = Bench(now, later, thread, fails, never, takes, timeout_s=0.03, max_concurrent=2)
        asked: set[str] = set()
        for kind, name, n in actions:
            if kind == "call":
                asked.add(f"id{n}")
                bench.dispatch.call(name, f"id{n}", {})
            for _ in range(n if kind == "tick" else 0):
                await asyncio.sleep(0)
        if not close_early:
            await bench.until(len(asked))
        await bench.dispatch.close()
        at_close = len(bench.answers)
        await asyncio.sleep(0.003)
        assert len(bench.answers) == at_close
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return Counter(answer[0] for answer in bench.answers), asked, bench.dispatch, left

    with capture_logs() as lines:
        answers, asked, dispatch, left = asyncio.run(play())
    ends = Counter(
        line["tool_call_id"] for line in lines if line["event"] in ("tool.answered", "tool.failed", "tool.cancelled")
    )
    assert ends == Counter(dict.fromkeys(asked, 1))
    assert all(count == 1 for count in answers.values())
    assert close_early or set(answers) == asked
    assert dispatch.called == len(asked)
    assert not left
