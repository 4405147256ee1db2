from pathlib import Path

from ivr_bridge.bridge.rest_clients import RestClients
from ivr_bridge.settings import read_settings
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.telemetry.log import Log


async def test_each_base_url_has_one_client_and_the_environments_is_the_first(tmp_path: Path) -> None:
    environ = {"ELEVENLABS_BASE_URL": "https://vendor.example", "VAR_DIR": str(tmp_path)}
    clients = RestClients(read_settings(environ), MemoryStore(), Log())
    assert clients.at(None) is clients.at("https://vendor.example")
    assert clients.at("https://other.example") is clients.at("https://other.example")
    assert clients.at("https://other.example") is not clients.at(None)
    await clients.close()
