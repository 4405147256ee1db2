"""A Valkey of a test's own that can be killed, frozen and started again in its place."""

import os
import signal
from pathlib import Path

from ivr_bridge.child_process import ChildProcess
from ivr_bridge.errors import StoreError
from ivr_bridge.store.embedded import valkey_program
from ivr_bridge.store.redis_store import RedisStore


class ValkeyServer:
    """Keeps nothing on disk, so that after `kill` and `start` it is empty."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s.sock"
        self.url = f"unix://{self.socket}"
        self._child: ChildProcess | None = None

    async def start(self, *options: str) -> None:
        program = valkey_program()
        assert program is not None
        places = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.socket.parent), "--save", ""]
        self._child = await ChildProcess.start([str(program), *places, "--locale-collate", "C", *options], name="test")
        store = RedisStore(self.url)
        try:
            while True:
                try:
                    await store.ping()
                except StoreError:
                    assert not self._child.exited.done(), self._child.last_lines
                else:
                    break
        finally:
            await store.close()

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.stop()

    def signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.pid, number)

    async def stop(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            await child.stop(0.5)
