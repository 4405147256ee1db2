import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.records.database import Database, database_url
from tests.support.postgres import PostgresServer, postgres_programs


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresServer]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL for this machine")
    server = PostgresServer(programs)
    try:
        server.prepare()
    except RuntimeError as error:
        pytest.skip(f"PostgreSQL cannot be set up here: {error}")
    yield server
    server.remove()


@pytest.fixture
async def postgres(postgres_cluster: PostgresServer) -> AsyncIterator[PostgresServer]:
    async with asyncio.timeout(30):
        await postgres_cluster.start()
        await postgres_cluster.empty()
    yield postgres_cluster
    await postgres_cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database of each kind."""
    if request.param == "sqlite":
        return database_url(None, tmp_path / "var")
    server: Any = request.getfixturevalue("postgres")
    return database_url(server.url(), tmp_path)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """With its tables."""
    database = Database(url)
    await database.upgrade()
    yield database
    await database.close()
