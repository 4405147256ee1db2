"""This machine: the disk that is written to, and the store."""

import contextlib
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from ivr_bridge.doctor.finding import Finding, fine, wrong
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import BridgeError
from ivr_bridge.store.embedded import EmbeddedValkey
from ivr_bridge.store.redis_store import RedisStore

MIB = 1024 * 1024
FULL_BELOW_BYTES = 100 * MIB
TIGHT_BELOW_BYTES = 1024 * MIB
PINGS = 5
SLOW_STORE_MS = 20.0
"""A call asks the store once, while the caller hears nothing."""


async def disk(around: Surroundings) -> Finding:
    """`var/` can be written, to the disk and not only to its cache, and there is room."""
    return await around.in_thread(lambda: _disk(around.settings.var_dir))


def _disk(var_dir: Path) -> Finding:
    folder = next(path for path in (var_dir, *var_dir.absolute().parents) if path.is_dir())
    try:
        if folder is var_dir:
            with tempfile.NamedTemporaryFile(dir=var_dir, prefix=".doctor-") as file:
                file.write(b"written")
                file.flush()
                os.fsync(file.fileno())
        elif not os.access(folder, os.W_OK | os.X_OK):
            return wrong(
                f"{var_dir} is not there, and {folder} lets nobody make it", f"make {var_dir}, writable for us"
            )
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        return wrong(f"{var_dir} cannot be written: {error.strerror}", "let our user write there, or set VAR_DIR")
    found = f"{var_dir}: {'writable' if folder is var_dir else 'can be made'}, {free_bytes // MIB} MiB free"
    if free_bytes < FULL_BELOW_BYTES:
        return wrong(found, "make room: voicemails and what the vendor tells of calls are kept there")
    return fine(found, "make room before it is full" if free_bytes < TIGHT_BELOW_BYTES else "")


async def store(around: Surroundings) -> Finding:
    """The Redis of REDIS_URL can be written; without one, a Valkey of our own can be run."""
    if around.settings.redis_url is not None:
        remote = RedisStore(around.settings.redis_url.get_secret_value())
        try:
            ms = await _median_ms(remote)
        except BridgeError as error:
            return wrong(str(error), "start it, or correct REDIS_URL; until then calls go on with this server's memory")
        finally:
            await remote.close()
        slow = "use a Redis that is nearer: each call asks it before the caller hears anything"
        return fine(f"{remote.address}: {ms:.1f} ms (median of {PINGS})", slow if ms > SLOW_STORE_MS else "")
    advice = "set REDIS_URL; without it prompts and tokens are lost with the process"
    with tempfile.TemporaryDirectory(prefix="ivr-bridge-doctor-") as scratch:
        # Not in var/: that is where a running server has its own.
        try:
            valkey = await EmbeddedValkey.start(Path(scratch), around.log)
        except BridgeError as error:
            return wrong(f"the Valkey of our own cannot be run: {error}", advice)
        if valkey is None:
            return fine("there is no Valkey for this machine: the server keeps everything in its memory", advice)
        try:
            ms = await _median_ms(valkey.store)
        except BridgeError as error:
            return wrong(f"the Valkey of our own does not answer: {error}", advice)
        finally:
            with contextlib.suppress(OSError):
                await valkey.stop()
    return fine(f"REDIS_URL is not set; a Valkey of our own runs here: {ms:.1f} ms (median of {PINGS})")


async def _median_ms(store: RedisStore) -> float:
    """Of a write and a read; the first, which makes the connection, does not count."""
    await store.ping()
    taken: list[float] = []
    for _ in range(PINGS):
        begun_at = time.monotonic()
        await store.ping()
        taken.append((time.monotonic() - begun_at) * 1000)
    return statistics.median(taken)
