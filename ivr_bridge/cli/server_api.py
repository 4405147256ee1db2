"""The API of a running server, for commands that ask it to do something."""

import argparse
import os
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from ivr_bridge.errors import BridgeError, ConfigError
from ivr_bridge.settings import Settings, read_settings

NOBODY = 3
LIMIT_S = 15.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Bound to every address, asked at the loopback's."""


class NobodyThere(BridgeError):
    """No server at the URL."""

    code = "nobody_there"
    fault = "operator"


class ServerRefused(BridgeError):
    """The server says no; the message is its own."""

    code = "server_refused"
    fault = "operator"


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--url`, `--var`, `--json`."""
    parser.add_argument("--url", help="where the server is (default http://HOST:PORT)")
    parser.add_argument("--var", type=Path, dest="var_dir", help="the server's var directory (its API key)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


class ServerApi:
    """One for a command.

    Args:
        arguments: with `url` and `var_dir`.

    Raises:
        ConfigError: settings that cannot be used, or no API key.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        settings = read_settings(dict(os.environ), var_dir=arguments.var_dir)
        self.url = (arguments.url or _default_url(settings)).rstrip("/")
        self._key = _api_key(settings)

    async def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """One request; what it answers, decoded.

        Raises:
            NobodyThere: no server.
            ServerRefused: 4xx or 5xx.
        """
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        data = orjson.dumps(body) if body is not None else None
        limit = aiohttp.ClientTimeout(total=LIMIT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.request(method, self.url + path, data=data, headers=headers) as response,
            ):
                said = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise NobodyThere(f"nobody at {self.url}; start the server first: make run") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServerRefused(f"{self.url} does not answer: {type(error).__name__}") from error
        try:
            answer = orjson.loads(said)
        except orjson.JSONDecodeError:
            answer = {}
        if response.status // 100 != 2:
            detail = answer.get("detail") if isinstance(answer, dict) else None
            raise ServerRefused(str(detail or f"HTTP {response.status}"))
        return answer


def _default_url(settings: Settings) -> str:
    host = ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _api_key(settings: Settings) -> str:
    if key := os.environ.get("IVR_BRIDGE_API_KEY"):
        return key
    path = settings.var_dir / "api_key"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): start the server first (make run), give its --var, "
            "or set IVR_BRIDGE_API_KEY"
        ) from error
