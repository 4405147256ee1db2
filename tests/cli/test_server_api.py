import argparse
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr_bridge.cli.server_api import NobodyThere, ServerApi, ServerRefused, add_options
from ivr_bridge.errors import ConfigError
from tests.cli.office_server import OfficeServer, office_server


@pytest.fixture
async def server() -> AsyncIterator[OfficeServer]:
    async with office_server() as server:
        yield server


def api(*arguments: str) -> ServerApi:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return ServerApi(parser.parse_args(arguments))


async def test_the_key_of_var_is_shown(server: OfficeServer, tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("ivr_k\n")
    server.says("GET", "/x", [1])
    assert await api("--url", server.url + "/", "--var", str(tmp_path)).ask("GET", "/x") == [1]
    assert server.keys == {"Bearer ivr_k"}


def test_without_a_key_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start the server first"):
        api("--var", str(tmp_path / "nowhere"))


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080")])
def test_where_the_server_is(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("IVR_BRIDGE_API_KEY", "k")
    assert api().url == url


async def test_a_no_and_nobody(server: OfficeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_BRIDGE_API_KEY", "k")
    with pytest.raises(ServerRefused, match="there is nothing here"):
        await api("--url", server.url).ask("GET", "/nothing")
    server.says("GET", "/odd", "text", status=502)
    with pytest.raises(ServerRefused, match="HTTP 502"):
        await api("--url", server.url).ask("GET", "/odd")
    for url in ("http://127.0.0.1:9", "nonsense"):
        with pytest.raises(NobodyThere):
            await api("--url", url).ask("GET", "/")
