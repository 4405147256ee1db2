"""The whole server as a test builds it: nobody at the vendors' addresses, a free port, everything under `tmp_path`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ivr_bridge.app import Bridge, build_app
from ivr_bridge.settings import read_settings
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log
from tests.elevenlabs.signed_webhook import SECRET

TOKEN = "0123456789abcdef0123456789abcdef"
INIT_SECRET = "what the agent shows us"
NOBODY = "http://127.0.0.1:9"
ROOT = Path(__file__).parent.parent.parent


def settings(tmp_path: Path, **given: Any) -> Any:
    known = {
        "elevenlabs_base_url": NOBODY,
        "elevenlabs_api_key": "test",
        "twilio_auth_token": TOKEN,
        "elevenlabs_webhook_secret": f"wsec_new,{SECRET}",
        "elevenlabs_init_secret": INIT_SECRET,
        "port": 0,
        "var_dir": tmp_path / "var",
        "config_dir": ROOT / "config",
    }
    return read_settings({}, **{**known, **given})


async def built(tmp_path: Path, **given: Any) -> Bridge:
    feeds = CallFeeds()
    return await build_app(settings(tmp_path, **given), Log(feeds), feeds)


@asynccontextmanager
async def started(tmp_path: Path) -> AsyncIterator[Bridge]:
    bridge = await built(tmp_path)
    try:
        await bridge.start()
        yield bridge
    finally:
        await bridge.close()


def form(**more: str) -> dict[str, str]:
    return {
        "CallSid": "CA" + "1" * 32,
        "AccountSid": "AC" + "1" * 32,
        "From": "+15550100001",
        "To": "+15550100002",
        "CallStatus": "ringing",
        **more,
    }
