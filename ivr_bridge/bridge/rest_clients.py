"""The vendor's REST API at every base URL that a flow names."""

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.settings import Settings
from ivr_bridge.store.aged_values import AgedValues
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry.log import Log


class RestClients:
    """The vendor's REST API at each base URL that a flow names; the environment's is the first."""

    def __init__(self, settings: Settings, store: Store, log: Log) -> None:
        self._keys = settings.elevenlabs_api_keys
        self._base_url = settings.elevenlabs_base_url
        self._answers = AgedValues(store)
        self._log = log
        self._clients: dict[str, ElevenLabsAPIClient] = {}

    def at(self, base_url: str | None) -> ElevenLabsAPIClient:
        """The client of that host; None: the environment's."""
        url = base_url or self._base_url
        if url not in self._clients:
            self._clients[url] = ElevenLabsAPIClient(url, self._keys, log=self._log, cache=self._answers)
        return self._clients[url]

    async def close(self) -> None:
        """Close them all."""
        for client in self._clients.values():
            await client.close()
