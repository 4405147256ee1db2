"""An aiohttp application that listens on a free port of the loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def served(app: web.Application, *, close_wait_s: float = 0.05) -> AsyncIterator[str]:
    """Gives `http://127.0.0.1:<port>`; at the end a handler that still runs is cancelled after `close_wait_s`."""
    runner = web.AppRunner(app, shutdown_timeout=close_wait_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
