"""Which `var/` a file lies in: several servers may share a database, and each reaches the files of its own alone."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ivr_bridge.errors import ConfigError

HOME_ID = "home_id"
LONGEST = 64
"""As long as the columns `home`."""


def home_of(var_dir: Path) -> str | None:
    """The id of a var directory; None when no server has kept records there. It blocks on the disk.

    Raises:
        ConfigError: the file is there, and says nothing that can be used.
    """
    path = var_dir / HOME_ID
    try:
        home = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if not 0 < len(home) <= LONGEST:
        raise ConfigError(f"{path}: is no id; put back what it was (`home` of rows whose files lie in {var_dir})")
    return home


def make_home(var_dir: Path) -> str:
    """The id of a var directory, made if there is none; of several servers that start at once all get the same.

    Raises:
        ConfigError: the file is there, and says nothing that can be used.
        OSError: it cannot be made.
    """
    if (home := home_of(var_dir)) is not None:
        return home
    var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = secrets.token_hex(8)
    beside = var_dir / f".{HOME_ID}.{made}"
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{made}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            (var_dir / HOME_ID).hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)
    return home_of(var_dir) or made
