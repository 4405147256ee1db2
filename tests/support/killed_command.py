"""One of our commands in a process of its own, ended by the vendor it talks to: by a signal at a chosen request.

The processes are forked from one that has imported everything, so that a command begins in a tenth of a second.
"""

import io
import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ivr_bridge.agents.knowledge_sync import KnowledgeSync
from ivr_bridge.cli.main import main
from tests.support.kill_points import KillPoint, KillSwitch

PATIENCE_S = 30.0
KILLED = -signal.SIGKILL


def run_command(arguments: list[str], env: dict[str, str], said: Path) -> None:
    """In the child: the command, with everything that it says in the file `said`."""
    KnowledgeSync.__init__.__kwdefaults__["first_pause_s"] = 0.0  # an index of the sandbox is there at once
    os.environ.clear()
    os.environ.update(env)
    with said.open("w") as file:
        sys.stdin, sys.stdout, sys.stderr = io.StringIO(), file, file
        code = main(arguments)
    sys.exit(code)


class KilledCommand:
    """Runs commands with an environment, one at a time; call it from another thread than the vendor's."""

    def __init__(self, kills: KillSwitch, env: dict[str, str], said: Path) -> None:
        self._kills = kills
        self._env = env
        self._said = said
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.support.killed_command"])

    @property
    def said(self) -> str:
        """What the last one printed."""
        return self._said.read_text()

    def run(self, *arguments: str, point: KillPoint | None = None, by: signal.Signals = signal.SIGKILL) -> int:
        """Its exit code; `KILLED` when its point came, and the signal was that one."""
        process = self._context.Process(target=run_command, args=(list(arguments), self._env, self._said))
        with self._kills.aimed_at(_Victim(process, by), point):
            process.start()
            process.join(PATIENCE_S)
        code = process.exitcode
        process.close()
        assert code is not None, "it never ended"
        return code


class _Victim:
    """What a `KillSwitch` cancels."""

    def __init__(self, process: ForkServerProcess, by: signal.Signals) -> None:
        self._process = process
        self._by = by

    def cancel(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, self._by)
