"""The records' database for a command, beside a running server or without one."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ivr_bridge.records.database import Database, database_url
from ivr_bridge.settings import Settings, read_settings

_VENDOR = ("ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL", "ELEVEN_LABS_API_KEY", "ELEVEN_LABS_BASE_URL")
_READ = ("DATABASE_URL", "VAR_DIR", *_VENDOR)
_NO_AGENT = "none"


def records_settings(var_dir: Path | None) -> Settings:
    """The settings that concern the records; the others, and what may be wrong with them, are not looked at.

    Raises:
        ConfigError: one of these is wrong.
    """
    own = {name: value for name, value in os.environ.items() if name.upper() in _READ}
    return read_settings(own, var_dir=var_dir, elevenlabs_agent_id=_NO_AGENT)


@asynccontextmanager
async def open_database(settings: Settings, *, make: bool = False) -> AsyncIterator[Database | None]:
    """With its tables; None when there is nothing yet (no server has run here) and it shall not be made.

    Raises:
        ConfigError: DATABASE_URL names none that we know.
        DatabaseFailed: it does not answer.
    """
    given = settings.database_url.get_secret_value() if settings.database_url is not None else None
    database = Database(database_url(given, settings.var_dir))
    try:
        if not make and database.file is not None and not database.file.is_file():
            yield None
        else:
            await database.upgrade()
            yield database
    finally:
        await database.close()
