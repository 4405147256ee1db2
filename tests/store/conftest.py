import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ivr_bridge.store.embedded import valkey_program
from tests.support.valkey_server import ValkeyServer


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for a Unix socket's, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="t-") as path:
        yield Path(path)


@pytest.fixture
async def valkey(short_dir: Path) -> AsyncIterator[ValkeyServer]:
    if valkey_program() is None:
        pytest.skip("there is no Valkey for this machine")
    server = ValkeyServer(short_dir)
    await server.start()
    yield server
    await server.stop()
