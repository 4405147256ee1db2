"""Which store a server gets, by its settings."""

from ivr_bridge.errors import BridgeError
from ivr_bridge.settings import Settings
from ivr_bridge.store.embedded import EmbeddedValkey
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.store.redis_store import RedisStore
from ivr_bridge.store.resilient_store import ResilientStore
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry.events import STORE_CONNECTED
from ivr_bridge.telemetry.log import Log

NO_VALKEY = "there is no Valkey for this machine; set REDIS_URL to share and keep"


async def open_store(settings: Settings, log: Log) -> Store:
    """The Redis or Valkey of `redis_url`; else a Valkey of our own; else this process's memory. The log says which.

    A Redis that does not answer now is no error: memory stands in until it does.

    Raises:
        ConfigError: `redis_url` is not a URL of Redis.
    """
    if settings.redis_url is not None:
        remote = ResilientStore(RedisStore(settings.redis_url.get_secret_value()), log)
        await remote.open()
        return remote
    try:
        valkey = await EmbeddedValkey.start(settings.var_dir, log)
        why = NO_VALKEY
    except BridgeError as error:
        valkey, why = None, str(error)
    if valkey is None:
        log.emit(STORE_CONNECTED, store=MemoryStore.kind, address=f"memory of this process ({why})")
        return MemoryStore()
    store = ResilientStore(valkey.store, log, on_close=valkey.stop)
    valkey.on_lost = lambda error: store.lose(error, emptied=True)
    await store.open(address=valkey.address)
    return store
