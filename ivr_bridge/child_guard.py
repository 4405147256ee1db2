"""Runs a command that must not outlive whoever asked for it: the script between the server and each child process.

    python child_guard.py [--remove DIR] -- COMMAND [ARGUMENT ...]

Its stdin is a pipe whose other end only the server holds. When that end closes, be it because the server stopped the
child or was itself killed with -9, the child's process group gets SIGTERM and, after a grace, SIGKILL; then DIR is
removed. A number of seconds written to the pipe is the grace (3 without). If this script itself is killed, the kernel
kills the child on Linux; elsewhere the child then goes on.

The child's stdin is empty, stdout and stderr are this script's own, and file descriptors handed to this script reach it
too. The first line on stdout is the child's process id. The exit code is the child's (128 + N for signal N; 127 for a
command that cannot be run).

It runs by path with only the standard library, so that it starts in some 15 ms and needs no import path.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

GRACE_S = 3.0
CANNOT_RUN = 127
PR_SET_PDEATHSIG = 1
"""Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run the command to its end and return its exit code."""
    remove = arguments[1] if arguments[0] == "--remove" else None
    command = arguments[arguments.index("--") + 1 :]
    woken = _wake_on_signals()
    try:
        child = subprocess.Popen(  # noqa: S603  the command is the server's own
            command,
            stdin=subprocess.DEVNULL,
            close_fds=False,
            start_new_session=True,
            preexec_fn=_before_exec(os.getpid()),  # noqa: PLW1509  this process has one thread
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return CANNOT_RUN
    try:
        _wait_and_end(child, woken)
    finally:
        _kill_group(child.pid, signal.SIGKILL)
        code = child.wait()
        if remove is not None:
            shutil.rmtree(remove, ignore_errors=True)
    return 128 - code if code < 0 else code


def _wake_on_signals() -> int:
    """Turn SIGCHLD and the ending signals into bytes on the pipe whose reading end is returned."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *ENDING):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _before_exec(guard_pid: int) -> Callable[[], None]:
    """What the child does between fork and exec: say its id, and ask to be killed when this script is."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def before_exec() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard_pid:
                os._exit(CANNOT_RUN)
        os.write(1, f"{os.getpid()}\n".encode())

    return before_exec


def _wait_and_end(child: "subprocess.Popen[bytes]", woken: int) -> None:
    """Return when the child has ended, by itself or because it was told to."""
    grace_s, told_to_end = GRACE_S, False
    while child.poll() is None and not told_to_end:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready and any(number in ENDING for number in os.read(woken, 4096)):
            told_to_end = True
        if 0 in ready:
            text = os.read(0, 4096)
            told_to_end = told_to_end or not text
            grace_s = _seconds(text, grace_s)
    if child.poll() is None:
        _kill_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while child.poll() is None and (left_s := deadline - time.monotonic()) > 0:
        if select.select([woken], [], [], left_s)[0]:
            os.read(woken, 4096)


def _seconds(text: bytes, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _kill_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
