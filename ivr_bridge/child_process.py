"""A child process that ends with its parent, `kill -9` of the parent included (Linux and macOS)."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from ivr_bridge import child_guard
from ivr_bridge.errors import BridgeError

GRACE_S = 3.0
"""Between SIGTERM and SIGKILL."""

STARTED_WITHIN_S = 10.0
LINES_KEPT = 40
LINE_BYTES = 4096
"""Of a longer line only the beginning is kept."""


class ChildProcess:
    """A running command, made by `start` and ended by `stop` (always call it, also after the child ended by itself).

    It has a session of its own: Ctrl-C in the terminal reaches the server alone, which stops its children when it has
    drained. Its stdout is read all the time, so that it never blocks on it; its stderr is ours.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, pid: int) -> None:
        """Use `start`."""
        self.name = name
        self.pid = pid
        """Of the command itself; also its process group."""
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The exit code (128 + N for signal N). Add callbacks to it; to await it, use `wait`."""
        self.stopping = False
        """Whether `stop` was called: an end without it is an accident."""
        self.last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        """What it last said on stdout: the reason when it fails."""
        self._process = process
        self._first_line: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read_lines(), name=f"{name}: stdout")
        self._watching = asyncio.create_task(self._watch(), name=f"{name}: exit")

    @classmethod
    async def start(
        cls,
        args: Sequence[str],
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        scratch_dir: Path | None = None,
    ) -> Self:
        """Run a command.

        Args:
            args: the program, by path or found in PATH, and its arguments.
            name: for logs and errors.
            env: its whole environment; None: ours.
            pass_fds: open files that it shares with us under the same numbers, such as a lock.
            scratch_dir: removed when the child has ended, whoever ended it.

        Raises:
            BridgeError: there is no such program. (One that is found and is not for this machine ends with 127.)
        """
        if shutil.which(args[0], path=(os.environ if env is None else env).get("PATH")) is None:
            raise BridgeError(f"{name}: there is no program {args[0]}")
        remove = () if scratch_dir is None else ("--remove", str(scratch_dir))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", child_guard.__file__, *remove, "--", *args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=env,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101  asked for above
        try:
            async with asyncio.timeout(STARTED_WITHIN_S):
                pid_line = await process.stdout.readline()
        except TimeoutError as error:
            await _abandon(process)
            raise BridgeError(f"{name}: did not start within {STARTED_WITHIN_S:g} s: {args[0]}") from error
        except asyncio.CancelledError:
            await _abandon(process)
            raise
        if not pid_line.strip().isdigit():
            await _abandon(process)
            raise BridgeError(f"{name}: cannot be run: {args[0]}")
        return cls(name, process, int(pid_line))

    async def first_line(self, timeout_s: float) -> str:
        """The first line that it says on stdout, without the line end: by custom, its address.

        Raises:
            BridgeError: it ended, or said nothing for `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                line = await asyncio.shield(self._first_line)
                if line is not None:
                    return line
                code = await self.wait()
        except TimeoutError as error:
            raise BridgeError(f"{self.name}: said nothing within {timeout_s:g} s") from error
        raise BridgeError(f"{self.name}: ended with exit code {code} before it was ready")

    async def wait(self) -> int:
        """The exit code, once it has ended. Cancelling is safe."""
        return await asyncio.shield(self.exited)

    async def stop(self, grace_s: float = GRACE_S) -> int:
        """End it: SIGTERM to its process group, SIGKILL after `grace_s`. Returns the exit code.

        May be called again, and after it ended by itself. When cancelled, the child still ends.
        """
        self.stopping = True
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101  asked for in start
        with contextlib.suppress(ConnectionError):
            if not stdin.is_closing():
                stdin.write(f"{grace_s}\n".encode())
            stdin.close()
        try:
            async with asyncio.timeout(grace_s + 2):
                await self.wait()
        except TimeoutError:
            # The guard itself hangs (stopped by a signal, say): end the child and it by hand.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        code = await self.wait()
        await asyncio.wait({self._reading}, timeout=1)
        self._reading.cancel()
        await asyncio.wait({self._reading, self._watching})
        return code

    async def _watch(self) -> None:
        code = await self._process.wait()
        if not self.exited.done():
            self.exited.set_result(code)

    async def _read_lines(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101  asked for in start
        rest = b""
        try:
            while text := await stdout.read(64 * 1024):
                *lines, rest = (rest + text).split(b"\n")
                rest = rest[:LINE_BYTES]
                for line in lines:
                    self._keep(line)
        finally:
            if rest:
                self._keep(rest)
            if not self._first_line.done():
                self._first_line.set_result(None)

    def _keep(self, line: bytes) -> None:
        text = line[:LINE_BYTES].decode(errors="replace").rstrip("\r")
        self.last_lines.append(text)
        if not self._first_line.done():
            self._first_line.set_result(text)


async def _abandon(process: asyncio.subprocess.Process) -> None:
    """Cut the lifeline of a guard that is of no use, and see it go."""
    assert process.stdin is not None  # noqa: S101  asked for in start
    assert process.stdout is not None  # noqa: S101  asked for in start
    process.stdin.close()
    try:
        async with asyncio.timeout(GRACE_S + 2):
            await process.stdout.read()
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
