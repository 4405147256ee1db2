"""The vendor's account for a command: its client, with what the client has to say on stderr."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import ELEVENLABS_URL, Settings, read_settings
from ivr_bridge.telemetry.log import Log, configure_logging

_READ = ("CONFIG_DIR", "ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL", "ELEVEN_LABS_API_KEY", "ELEVEN_LABS_BASE_URL")
_NO_AGENT_YET = "none"


def account_settings(config_dir: Path | None) -> Settings:
    """The settings that concern the account; the others, and what may be wrong with them, are not looked at.

    Raises:
        ConfigError: no key for the vendor's own host, a URL that is none, or no configuration in the directory.
    """
    own = {name: value for name, value in os.environ.items() if name.upper() in _READ}
    # A server with a key has to know its agent; this may be the command that makes the first one.
    settings = read_settings(own, config_dir=config_dir, elevenlabs_agent_id=_NO_AGENT_YET)
    if not settings.elevenlabs_api_keys and settings.elevenlabs_base_url == ELEVENLABS_URL:
        raise ConfigError("ELEVENLABS_API_KEY is not set: whose account? (For a sandbox set ELEVENLABS_BASE_URL)")
    if not (settings.config_dir / "bridge.yaml").is_file():
        raise ConfigError(
            f"{settings.config_dir}/bridge.yaml is not there: ivr-bridge init . writes the default config"
        )
    return settings


@asynccontextmanager
async def open_account(settings: Settings) -> AsyncIterator[ElevenLabsAPIClient]:
    """A client for one command; its log goes to stderr, warnings and worse only."""
    configure_logging(stream=sys.stderr, level="warning", pretty=sys.stderr.isatty())
    try:
        # The sandbox takes any key, but wants one.
        keys = settings.elevenlabs_api_keys or ("sandbox",)
        async with ElevenLabsAPIClient(settings.elevenlabs_base_url, keys, log=Log()) as client:
            yield client
    finally:
        structlog.reset_defaults()
