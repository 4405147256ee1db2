import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from ivr_bridge.doctor.finding import Finding, NotAsked
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import BridgeError
from ivr_bridge.settings import Settings
from ivr_bridge.simulator.service.app import ACCOUNT, KEYS, REST_FAULTS, build_service
from ivr_bridge.simulator.service.merge import merged
from ivr_bridge.simulator.service.subscription import set_subscription
from tests.support.twilio_rest import FakeTwilio, fake_twilio

SHIPPED = Path(__file__).parent.parent.parent / "config"
DESK = "agent_sandbox_desk"


class SandboxVendor:
    """The sandbox on a port: what the account holds is changed from within."""

    def __init__(self, server: TestServer) -> None:
        self._server = server
        self.url = str(server.make_url("")).rstrip("/")
        self.account = server.app[ACCOUNT]
        self.faults = server.app[REST_FAULTS]
        self.keys = server.app[KEYS]

    def change_agent(self, change: dict[str, Any], agent_id: str = DESK) -> None:
        document = self.account.agents.get(agent_id)
        assert document is not None
        self.account.agents.put(agent_id, merged(document, change))

    def plan(self, **change: Any) -> None:
        set_subscription(self.account, change)

    def settings(self, keys: str = "key-1") -> dict[str, Any]:
        return {"elevenlabs_base_url": self.url, "elevenlabs_api_key": SecretStr(keys)}


@pytest.fixture
async def vendor() -> AsyncIterator[SandboxVendor]:
    server = TestServer(build_service())
    await server.start_server()
    yield SandboxVendor(server)
    await server.close()


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as twilio:
        yield twilio


class Scene:
    """A directory with the shipped configuration, and surroundings made from it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config"
        self.var = folder / "var"
        shutil.copytree(SHIPPED, self.config)
        shutil.rmtree(self.config / "agents", ignore_errors=True)
        self.var.mkdir()
        self.made: list[Surroundings] = []

    def around(
        self, *, url: str | None = None, now: Callable[[], float] | None = None, **settings: Any
    ) -> Surroundings:
        given = {"config_dir": self.config, "var_dir": self.var, **settings}
        more = {} if now is None else {"now_unix_s": now}
        around = Surroundings(Settings(**given), list, url=url, timeout_s=2.0, **more)
        self.made.append(around)
        return around

    def write(self, path: str, content: Any) -> None:
        file = self.config / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))

    def bridge(self, **change: Any) -> None:
        """Change bridge.yaml."""
        content = yaml.safe_load((self.config / "bridge.yaml").read_text())
        self.write("bridge.yaml", {**content, **change})

    def only_flow(self, **flow: Any) -> None:
        """One flow in place of the shipped ones."""
        for path in (self.config / "flows").glob("*.yaml"):
            path.unlink()
        nodes = {"talk": {"kind": "agent"}}
        self.write("flows/own.yaml", {"numbers": ["*"], "start": "talk", "nodes": nodes, **flow})


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for around in scene.made:
        await around.close()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


async def finding_of(check: Callable[[Surroundings], Any], around: Surroundings) -> Finding:
    """What the check says; `NotAsked` and errors as an examination would tell them."""
    try:
        found: Finding = await check(around)
    except NotAsked as why:
        return Finding(None, why.why, why.remedy)
    except BridgeError as error:
        return Finding(False, str(error), "of the checklist")
    return found
