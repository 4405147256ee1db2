"""A server as an operator runs it: a process of its own, its log read line by line, its children known."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from ivr_bridge.settings import Settings
from tests.test_child_guard import gone

ROOT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-W", "ignore::DeprecationWarning", "-m", "ivr_bridge.cli.main")
PATIENCE_S = 30.0
"""Before a test gives up on a process; a busy machine is slow, not wrong."""


def clean_env(**more: str) -> dict[str, str]:
    """The environment of whoever runs the tests without any setting of ours, and `more`."""
    ours = {name.upper() for name in Settings.model_fields} | {"IVR_BRIDGE_API_KEY", "PYTHONPATH"}
    env = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("ELEVEN_LABS")}
    return {**env, "COLUMNS": "200", "NO_COLOR": "1", **more}


def wait_until(happened: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Ask until it happened; the test fails with `what` when it does not."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, f"in {patience_s:g} s never: {what}"
        time.sleep(0.02)


class RunningProcess:
    """One of our commands; its stdout and stderr are collected while it runs."""

    def __init__(self, *arguments: str, env: dict[str, str], command: Sequence[str] = COMMAND, cwd: Path = ROOT):
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        pairs = ((self._process.stdout, self.lines), (self._process.stderr, self.errors))
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in pairs]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        with stream:
            lines.extend(iter(stream.readline, ""))

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, as `kill` does."""
        self._process.send_signal(number)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """The exit code; everything that it said has been read then."""
        code = self._process.wait(patience_s)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code

    def has_ended(self) -> bool:
        return self._process.poll() is not None


class ServerProcess(RunningProcess):
    """`ivr-bridge serve` on a free port, logging JSON; use it with `with`.

    Its sockets and scratch files lie in a directory of its own, so that what is left over can be seen.
    """

    def __init__(self, var: Path, *arguments: str, command: Sequence[str] = COMMAND, cwd: Path = ROOT, **env: str):
        self.var = var
        self.scratch = Path(tempfile.mkdtemp(prefix="s-"))
        env = clean_env(LOG_FORMAT="json", TMPDIR=str(self.scratch), **env)
        super().__init__("serve", "--port", "0", "--var", str(var), *arguments, env=env, command=command, cwd=cwd)

    def __enter__(self) -> Self:
        try:
            wait_until(lambda: self.has_ended() or self.named("server.started"), "server.started", 60)
            assert self.named("server.started"), "".join([*self.lines, *self.errors])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for pid in self.children.values():
            wait_until(lambda pid=pid: gone(pid), f"end of child {pid}")
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def url(self) -> str:
        return str(self.named("server.started")[0]["url"])

    @property
    def children(self) -> dict[str, int]:
        """Name of each child process -> its last process id."""
        return {event["child"]: event["pid"] for event in self.named("child.started")}

    def events(self) -> list[dict[str, Any]]:
        """The log so far; a line that is no JSON fails the test."""
        return [json.loads(line) for line in list(self.lines) if line.endswith("\n")]

    def named(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of that name, in order, that have these fields."""
        return [event for event in self.events() if event["event"] == name and fields.items() <= event.items()]

    def until(self, name: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event."""
        wait_until(lambda: self.named(name, **fields), f"{name} {fields}\n{''.join(self.lines[-20:])}")
        return self.named(name, **fields)[0]

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def place_call(self, *arguments: str, **env: str) -> "CallProcess":
        """`ivr-bridge call --json` to this server, running."""
        return CallProcess(
            "call", "--json", "--url", self.url, "--var", str(self.var), *arguments, env=clean_env(**env)
        )

    def nothing_left(self) -> bool:
        """No child process, and no socket or scratch file."""
        return all(gone(pid) for pid in self.children.values()) and not list(self.scratch.rglob("*"))


class CallProcess(RunningProcess):
    """`ivr-bridge call --json`."""

    def account(self, patience_s: float = 90.0) -> tuple[int, dict[str, Any]]:
        """Exit code, and the one object that it printed; waits for its end."""
        code = self.wait(patience_s)
        text = "".join(self.lines)
        assert text.count("\n") == 1, (text, self.errors)
        printed: dict[str, Any] = json.loads(text)
        return code, printed
