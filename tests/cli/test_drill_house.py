"""The house of a drill with children that only pretend: what they are started with, and that they go."""

import json
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web

from ivr_bridge.cli import drill_house
from ivr_bridge.errors import BridgeError
from tests.test_child_guard import gone

CHILD = """
import json, os, pathlib, sys, time
name, arguments = sys.argv[1], sys.argv[2:]
place = pathlib.Path(os.environ["PRETEND_DIR"])
(place / f"{name}.json").write_text(json.dumps({"pid": os.getpid(), "argv": arguments, "env": dict(os.environ)}))
print(f"{name} speaks to people", file=sys.stderr)
if os.environ.get("PRETEND_BROKEN") == name:
    sys.exit("no good reason")
if name == "sandbox":
    print("sandbox ready at " + os.environ["PRETEND_URL"], flush=True)
else:
    var = pathlib.Path(arguments[arguments.index("--var") + 1])
    (var / "twilio_auth_token").write_text("token\\n")
    (var / "api_key").write_text("key\\n")
    print(json.dumps({"event": "child.started"}))
    print(json.dumps({"event": "server.started", "url": os.environ["PRETEND_URL"]}, separators=(",", ":")), flush=True)
time.sleep(60)
"""


@pytest.fixture
async def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aiohttp_server):
    """What both pretended children are reached at; `asked` are the faults that were asked for."""
    asked: list[object] = []
    states = iter([{"prompts": "rendering", "agent": "starting"}, {"prompts": "ok", "agent": "starting"}])

    async def readyz(_: web.Request) -> web.Response:
        return web.json_response({"dependencies": next(states, {"prompts": "ok", "agent": "ok", "store": "ok"})})

    async def fault(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(status=400 if asked[-1] == {"fault": "unknown"} else 200, text="there is none")

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    app.router.add_post("/sandbox/fault", fault)
    server = await aiohttp_server(app)
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    monkeypatch.setattr(drill_house, "COMMAND", (sys.executable, str(script)))
    monkeypatch.setattr(drill_house, "require_extra", lambda _: None)
    monkeypatch.setenv("PRETEND_DIR", str(tmp_path))
    monkeypatch.setenv("PRETEND_URL", str(server.make_url("")).rstrip("/"))
    return asked


def told(tmp_path: Path, name: str) -> dict:
    return json.loads((tmp_path / f"{name}.json").read_text())


async def test_a_house_of_its_own(tmp_path: Path, vendor: list, monkeypatch: pytest.MonkeyPatch, capfd):
    for name in ("TWILIO_AUTH_TOKEN", "PUBLIC_BASE_URL", "REDIS_URL", "ELEVEN_LABS_API_KEY", "IVR_BRIDGE_API_KEY"):
        monkeypatch.setenv(name, "of the real server")
    monkeypatch.setenv("PERSON_NUMBER", "+15550100009")
    async with drill_house.drill_house(Path("/config")) as house:
        url = os.environ["PRETEND_URL"]
        assert (house.url, house.sandbox_url, house.auth_token, house.api_key) == (url, url, "token", "key")
        bridge, sandbox = told(tmp_path, "serve"), told(tmp_path, "sandbox")
        assert bridge["argv"][:4] == ["--port", "0", "--config", "/config"]
        assert sandbox["argv"] == ["--port", "0"]
        var_dir = Path(bridge["argv"][-1])
        assert var_dir.is_dir()
        assert "of the real server" not in {**bridge["env"], **sandbox["env"]}.values()
        assert bridge["env"]["PERSON_NUMBER"] == "+15550100009", "configs may name variables of their own"
        assert bridge["env"]["ELEVENLABS_BASE_URL"] == url
        await house.break_agent("drop")
        assert vendor == [{"fault": "drop"}]
        with pytest.raises(BridgeError, match="does not take the fault unknown: there is none"):
            await house.break_agent("unknown")
        assert not gone(sandbox["pid"])
        await house.break_agent(None)
        assert gone(sandbox["pid"]), "nobody listens there any more"
        assert not gone(bridge["pid"])
    assert gone(bridge["pid"])
    assert not var_dir.exists()
    assert capfd.readouterr() == ("", ""), "what children say is not the drill's"


async def test_nothing_is_left_when_the_drill_breaks_off(tmp_path: Path, vendor: list):
    with pytest.raises(KeyboardInterrupt):
        async with drill_house.drill_house(Path("/config")):
            raise KeyboardInterrupt
    assert gone(told(tmp_path, "serve")["pid"])
    assert gone(told(tmp_path, "sandbox")["pid"])


@pytest.mark.parametrize(("broken", "words"), [("sandbox", "sandbox: "), ("serve", "no good reason")])
async def test_a_child_that_does_not_start(
    tmp_path: Path, vendor: list, monkeypatch: pytest.MonkeyPatch, broken: str, words: str
):
    monkeypatch.setenv("PRETEND_BROKEN", broken)
    with pytest.raises(BridgeError, match=words):
        async with drill_house.drill_house(Path("/config")):
            pytest.fail("it did not start")
    assert gone(told(tmp_path, "sandbox")["pid"])
