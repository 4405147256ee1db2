import asyncio
import gc
import inspect
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import assert_type

import pytest

from ivr_bridge.agents.blocking import Blocking, BlockingView


@dataclass
class Entry:
    name: str


class Download:
    headers = {"a": "b"}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"1"
        yield b"2"


class Agents:
    async def get(self, agent_id: str) -> Entry:
        """One agent."""
        if agent_id == "none":
            raise LookupError(agent_id)
        return Entry(agent_id)

    async def list(self, *, count: int) -> AsyncIterator[Entry]:
        for index in range(count):
            await asyncio.sleep(0)
            yield Entry(str(index))

    @asynccontextmanager
    async def audio(self) -> AsyncIterator[Download]:
        yield Download()


class Client:
    base_url = "http://here"

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.agents = Agents()
        self.closed = threading.Event()

    def where(self) -> str:
        return threading.current_thread().name

    async def echo(self, word: str, *, times: int = 1) -> str:
        assert asyncio.get_running_loop() is self.loop
        return word * times

    async def count(self, last: int) -> AsyncIterator[int]:
        for index in range(last):
            yield index

    async def fail(self) -> None:
        raise ValueError("as it was")

    async def close(self) -> None:
        self.closed.set()


@pytest.fixture
def client():
    with Blocking(Client, name="vendor") as client:
        yield client


def test_methods_values_and_objects_of_an_asynchronous_object(client: Blocking[Client]):
    assert client.echo("x", times=3) == "xxx"
    assert client.base_url == "http://here"
    assert client.where() == "vendor"
    assert client.echo.__name__ == "echo"
    assert isinstance(client.agents, BlockingView)
    assert client.agents.get("agent_1") == Entry("agent_1")
    assert client.agents.get.__doc__ == "One agent."
    assert [entry.name for entry in client.agents.list(count=3)] == ["0", "1", "2"]
    with client.agents.audio() as download:
        assert download.headers == {"a": "b"}
        assert list(download) == [b"1", b"2"]


def test_the_same_errors(client: Blocking[Client]):
    with pytest.raises(ValueError, match="as it was"):
        client.fail()
    with pytest.raises(LookupError):
        client.agents.get("none")
    with pytest.raises(AttributeError, match="nothing"):
        _ = client.nothing
    with pytest.raises(AttributeError):
        _ = client._private
    with pytest.raises(TypeError):
        client.echo()
    with pytest.raises(TypeError):
        iter(client.agents)


def test_typed_functions(client: Blocking[Client]):
    echo, count = client.method(Client.echo), client.iterator(Client.count)
    assert_type(echo("x", times=2), str)
    assert echo("x", times=2) == "xx"
    assert list(count(3)) == [0, 1, 2]
    assert (echo.__name__, count.__name__) == ("echo", "count")
    with pytest.raises(ValueError, match="as it was"):
        client.method(Client.fail)()


def test_from_many_threads_at_once(client: Blocking[Client]):
    found: list[str] = []

    def ask(number: int) -> None:
        found.extend(client.agents.get(f"{number}-{index}").name for index in range(20))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(f"{number}-{index}" for number in range(8) for index in range(20))


def test_from_within_another_loop_it_blocks_and_works(client: Blocking[Client]):
    async def main() -> str:
        return str(client.echo("y"))

    assert asyncio.run(main()) == "y"


def test_the_object_is_closed_with_it():
    blocking = Blocking(Client)
    closed = blocking.closed
    assert not closed.is_set()
    blocking.close()
    blocking.close()
    assert closed.is_set()
    with pytest.raises(RuntimeError, match="closed"):
        blocking.echo("x")


def test_the_object_is_closed_when_it_is_forgotten():
    blocking = Blocking(Client)
    closed = blocking.closed
    del blocking
    gc.collect()
    assert closed.wait(5)


def test_what_came_out_of_it_keeps_it_open():
    assert Blocking(Client).agents.get("x") == Entry("x")
    items = Blocking(Client).agents.list(count=2)
    gc.collect()
    assert [entry.name for entry in items] == ["0", "1"]
    with Blocking(Client).agents.audio() as download:
        gc.collect()
        assert list(download) == [b"1", b"2"]


def test_an_object_that_cannot_be_made_is_tried_again():
    attempts: list[int] = []

    def make() -> Client:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        return Client()

    with Blocking(make) as blocking:
        with pytest.raises(OSError, match="not yet"):
            blocking.echo("x")
        assert blocking.echo("x") == "x"
        assert blocking.method(Client.echo)("y") == "y"
    assert len(attempts) == 2


def test_a_process_ends_although_nobody_closed_it():
    client = inspect.getsource(Client).replace("self.closed.set()", "print('closed', flush=True)")
    program = f"""
import asyncio, threading
from collections.abc import AsyncIterator
from ivr_bridge.agents.blocking import Blocking
class Agents: pass
{client}
blocking = Blocking(Client)
print(blocking.echo("hello"), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["hello", "closed"], "")
