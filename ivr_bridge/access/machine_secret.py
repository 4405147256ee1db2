"""A secret of this machine: made once, shared by all servers of a checkout, readable by their user alone."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from ivr_bridge.errors import ConfigError

MODE = 0o600


def make_once(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The secret in `path`, made now if there is none. It blocks on the disk: for the start of a server.

    Of any number of servers that start at once one makes it, and all get the same: it is written whole beside its place
    and linked there, which fails for all but the first.

    Args:
        path: a text file of one secret; made with mode 0600, its folder, if it is not there, with 0700. A file that
            others can read is closed to them.
        make: gives the secret: not empty, no spaces at its ends.

    Returns:
        The secret, and whether it was made by this call.

    Raises:
        ConfigError: the file cannot be read or made, or is empty.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            secret = make()
            if _place(path, secret):
                return secret, True
        if path.stat().st_mode & 0o077:
            path.chmod(MODE)
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read or made: {error}") from error
    if not secret:
        raise ConfigError(f"{path}: is empty; remove it, and a new one is made")
    return secret, False


def _place(path: Path, secret: str) -> bool:
    """Put the secret in its place unless there is one; whether it was put."""
    written = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(written)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            written.unlink()
    return True
