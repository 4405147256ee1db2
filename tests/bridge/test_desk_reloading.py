"""A server whose configuration changes under way: real files, the joined application, webhooks over a socket."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
from structlog.testing import capture_logs

from ivr_bridge.app import Bridge, build_app
from ivr_bridge.records.tables import voicemails
from ivr_bridge.settings import read_settings
from ivr_bridge.simulator.phone.signing import signature
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log
from tests.support.front_desk import ACCOUNT, incoming, sid

TOKEN = "0123456789abcdef0123456789abcdef"
NOBODY = "http://127.0.0.1:9"
BOUND_S = 20.0
FLOW = """\
numbers: ["*"]
start: {start}
nodes:
  message: {{kind: voicemail, max_s: 60, record: twilio}}
  bye: {{kind: hang_up, prompt: goodbye}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    shutil.copytree(Path(__file__).parent.parent.parent / "config", folder)
    for path in (folder / "flows").iterdir():
        path.unlink()
    write(folder, "message")
    return folder


def write(config: Path, start: str) -> None:
    (config / "flows" / "main.yaml").write_text(FLOW.format(start=start))


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


@pytest.fixture
async def bridge(tmp_path: Path, config: Path, lines: list[Any]) -> AsyncIterator[Bridge]:
    given: dict[str, Any] = {
        "elevenlabs_base_url": NOBODY,
        "elevenlabs_api_key": "test",
        "twilio_auth_token": TOKEN,
        "port": 0,
        "var_dir": tmp_path / "var",
        "config_dir": config,
    }
    feeds = CallFeeds()
    made = await build_app(read_settings({}, **given), Log(feeds), feeds)
    await made.start()
    yield made
    await made.close()


def start_of(bridge: Bridge, number: int) -> str:
    """Where the call begins, by the flow that it was given."""
    live = bridge.desk.calls.find(sid(number))
    assert live is not None
    return live.journey.flow.start


async def until(holds: Callable[[], bool], again: Callable[[], None] | None = None) -> None:
    """Wait for it, not for ever; `again` is done from time to time."""
    async with asyncio.timeout(BOUND_S):
        while not holds():
            if again is not None:
                again()
            for _ in range(20):
                if not holds():
                    await asyncio.sleep(0.05)


def told(lines: list[Any], name: str) -> list[Any]:
    return [line for line in lines if line["event"] == name]


async def test_new_calls_get_the_new_flow_and_calls_in_progress_keep_theirs(bridge: Bridge, config: Path) -> None:
    await bridge.desk.answer_voice(incoming(sid(1)))
    write(config, "bye")
    assert await bridge.current.reload("SIGHUP")
    await bridge.desk.answer_voice(incoming(sid(2)))
    assert (start_of(bridge, 1), start_of(bridge, 2)) == ("message", "bye")
    await bridge.desk.answer_voice(incoming(sid(1)))
    assert start_of(bridge, 1) == "message", "asked again, it is the same call"


async def test_a_broken_file_is_refused_with_every_problem_and_the_old_flow_stays(
    bridge: Bridge, config: Path, lines: list[Any]
) -> None:
    before = bridge.current.ivr
    (config / "flows" / "main.yaml").write_text(FLOW.format(start="nowhere").replace("max_s: 60", "max_s: 1"))
    (config / "hours.yaml").write_text("hours: [\n")
    assert not await bridge.current.reload("SIGHUP")
    assert bridge.current.ivr is before
    refused = told(lines, "config.refused")[0]
    problems = "\n".join(refused["problems"])
    assert f"{config}/flows/main.yaml:4: nodes.message.max_s" in problems
    assert f"{config}/hours.yaml:" in problems
    await bridge.desk.answer_voice(incoming())
    assert start_of(bridge, 1) == "message"
    write(config, "bye")
    (config / "hours.yaml").unlink()
    assert await bridge.current.reload("SIGHUP")
    await bridge.desk.answer_voice(incoming(sid(2)))
    assert start_of(bridge, 2) == "bye"


@pytest.mark.parametrize("file", ["bridge.yaml", "prompts/en.yaml", "tools/broken.yaml"])
async def test_any_file_that_is_broken_is_refused(bridge: Bridge, config: Path, lines: list[Any], file: str) -> None:
    before = bridge.current.ivr
    path = config / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("this: [is no yaml\n")
    assert not await bridge.current.reload("SIGHUP")
    assert bridge.current.ivr is before
    assert Path(file).name in str(told(lines, "config.refused")[0]["problems"])


async def test_a_file_that_is_written_is_taken_without_being_asked(
    bridge: Bridge, config: Path, lines: list[Any]
) -> None:
    starts = iter(["bye", "message"] * 50)
    await until(lambda: len(told(lines, "config.loaded")) > 1, lambda: write(config, next(starts)))
    loaded = told(lines, "config.loaded")
    assert (loaded[0]["why"], loaded[1]["why"]) == ("start", "main.yaml")
    (config / "flows" / "main.yaml").write_text("start: [\n")
    await until(lambda: bool(told(lines, "config.refused")))
    before = len(told(lines, "config.loaded"))
    write(config, "bye")
    await until(lambda: len(told(lines, "config.loaded")) > before)
    await bridge.desk.answer_voice(incoming())
    assert start_of(bridge, 1) == "bye", "and the broken one was not the last that was looked at"


# Over the socket


async def post(bridge: Bridge, path: str, **more: str) -> ElementTree.Element:
    form = {"AccountSid": ACCOUNT, "From": "+15550100001", "To": "+15550100002", "CallStatus": "in-progress", **more}
    signed = signature(TOKEN, bridge.base_url + path, form.items())
    async with (
        aiohttp.ClientSession() as http,
        http.post(bridge.base_url + path, data=form, headers={"X-Twilio-Signature": signed}) as response,
    ):
        assert response.status == 200
        return ElementTree.fromstring(await response.text())


async def test_a_message_stands_on_the_disk_when_twilio_has_its_answer(bridge: Bridge, lines: list[Any]) -> None:
    recording = {"RecordingSid": "RE1", "RecordingUrl": "https://api.example/RE1", "RecordingDuration": "7"}
    for _ in range(2):
        document = await post(bridge, "/twilio/voicemail", CallSid=sid(), **recording)
        assert [part.tag for part in document] == ["Hangup"]
        await bridge.records.settled()
        [row] = await bridge.records.database.rows(voicemails.select())
        assert (row["call_sid"], row["caller"], row["recording_url"]) == (
            sid(),
            "+15550100001",
            "https://api.example/RE1",
        )
    assert len(told(lines, "voicemail.taken")) == 1
