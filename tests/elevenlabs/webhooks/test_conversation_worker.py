import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles, ToldConversation
from ivr_bridge.elevenlabs.webhooks.conversation_worker import ConversationWorker
from ivr_bridge.telemetry.log import Log
from tests.elevenlabs.signed_webhook import SECRET, signed, transcription

ROOT = Path(__file__).parent.parent.parent


class Sink:
    """Takes what it gets, but those that shall fail, so many times."""

    def __init__(self, **fails: int) -> None:
        self.taken: list[str] = []
        self.tries: list[str] = []
        self._fails = fails
        self.at_work = 0
        self.most_at_work = 0

    async def take(self, conversation: ToldConversation) -> None:
        name = conversation.told.conversation_id
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await asyncio.sleep(0)
        self.at_work -= 1
        self.tries.append(name)
        if self._fails.get(name, 0) > 0:
            self._fails[name] -= 1
            raise RuntimeError("the records are not there")
        self.taken.append(name)


@pytest.fixture
def files(tmp_path: Path) -> ConversationFiles:
    return ConversationFiles(tmp_path / "conversations")


@contextlib.asynccontextmanager
async def running(worker: ConversationWorker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()


async def keep(files: ConversationFiles, *ids: str) -> None:
    for each in ids:
        await files.keep(io.BytesIO(transcription(conversation_id=each)))


async def until(happened: Any) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.005)


async def done(files: ConversationFiles) -> None:
    async with asyncio.timeout(20):
        while await files.waiting():
            await asyncio.sleep(0.005)


async def test_what_an_earlier_process_left_is_worked_on_first(files: ConversationFiles):
    await keep(files, "conv_1", "conv_2")
    sink = Sink()
    async with running(ConversationWorker(files, sink, Log())):
        await done(files)
    assert sorted(sink.taken) == ["conv_1", "conv_2"]


async def test_what_comes_is_worked_on_once_and_one_at_a_time(files: ConversationFiles):
    sink = Sink()
    worker = ConversationWorker(files, sink, Log())
    async with running(worker):
        for number in range(6):
            await keep(files, f"conv_{number}")
            worker.wake()
        await done(files)
        worker.wake()
        await asyncio.sleep(0.02)
    assert sorted(sink.taken) == [f"conv_{number}" for number in range(6)]
    assert sink.most_at_work == 1


async def test_one_that_fails_is_tried_again_and_holds_nobody_up(files: ConversationFiles):
    await keep(files, "conv_bad", "conv_good")
    sink = Sink(conv_bad=3)
    with capture_logs() as captured:
        async with running(ConversationWorker(files, sink, Log(), first_again_s=0.01)):
            await until(lambda: "conv_good" in sink.taken)
            await done(files)
    assert sink.tries.count("conv_bad") == 4
    assert sink.taken.count("conv_bad") == 1
    failed = [(event["file"], event["again_s"]) for event in captured if event["event"] == "conversation.failed"]
    assert [name for name, _ in failed] == ["conv_bad.json"] * 3
    assert "the records are not there" in captured[0]["error"]


async def test_a_wake_does_not_bring_forward_what_failed(files: ConversationFiles):
    await keep(files, "conv_bad")
    sink = Sink(conv_bad=99)
    worker = ConversationWorker(files, sink, Log(), first_again_s=60)
    async with running(worker):
        await until(lambda: sink.tries)
        await keep(files, "conv_good")
        worker.wake()
        await until(lambda: sink.taken)
    assert sink.tries == ["conv_bad", "conv_good"]
    assert await files.waiting() == ["conv_bad.json"]


async def test_whoever_fails_longer_is_asked_less(files: ConversationFiles, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ivr_bridge.elevenlabs.webhooks.conversation_worker.LONGEST_AGAIN_S", 0.05)
    await keep(files, "conv_bad")
    with capture_logs() as captured:
        async with running(ConversationWorker(files, Sink(conv_bad=4), Log(), first_again_s=0.02)):
            await done(files)
    assert [event["again_s"] for event in captured] == [0.0, 0.0, 0.1, 0.1], "rounded: 0.02, 0.04, 0.05, 0.05"


async def test_a_damaged_file_ends_nothing(files: ConversationFiles):
    await keep(files, "conv_1")
    (files.folder / "conv_1.json").write_bytes(b"half")
    sink = Sink()
    worker = ConversationWorker(files, sink, Log())
    with capture_logs() as captured:
        async with running(worker):
            await until(lambda: captured)
            await keep(files, "conv_2")
            worker.wake()
            await until(lambda: sink.taken)
    assert captured[0]["event"] == "conversation.failed"
    assert await files.waiting() == ["conv_1.json"]


async def test_a_folder_that_cannot_be_made_is_tried_again(tmp_path: Path):
    stone = tmp_path / "stone"
    stone.write_text("")
    files = ConversationFiles(stone / "conversations")
    sink = Sink()
    worker = ConversationWorker(files, sink, Log(), first_again_s=0.01)
    with capture_logs() as captured:
        async with running(worker):
            worker.wake()
            await until(lambda: len(captured) > 1)
            stone.unlink()
            await until(files.folder.is_dir)
            await keep(files, "conv_1")
            worker.wake()
            await until(lambda: sink.taken)
    assert {event["event"] for event in captured} == {"conversation.failed"}


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from aiohttp import web
from ivr_bridge.elevenlabs.webhooks import routes
from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles
from ivr_bridge.elevenlabs.webhooks.conversation_worker import ConversationWorker
from ivr_bridge.telemetry.log import Log, configure_logging

class Stuck:
    async def take(self, conversation):
        print("taking", conversation.path.name, flush=True)
        await asyncio.Event().wait()

async def main():
    configure_logging(stream=sys.stderr, pretty=False)
    worker = ConversationWorker(ConversationFiles(Path(sys.argv[1])), Stuck(), Log())
    app = web.Application()
    routes.add_routes(app, secrets=(sys.argv[2],), init_secret=None, files=worker.files, came=worker.wake,
                        callers=None, log=Log())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await worker.run()

asyncio.run(main())
"""


async def test_killed_between_the_answer_and_the_work_nothing_is_lost(files: ConversationFiles):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(files.folder), SECRET],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            for name in ("conv_1", "conv_2"):
                body = transcription(conversation_id=name)
                headers = {"ElevenLabs-Signature": signed(body)}
                async with http.post("/elevenlabs/webhook", data=body, headers=headers) as response:
                    assert response.status == 200
            assert "taking conv_1.json" in await asyncio.to_thread(process.stdout.readline)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
    sink = Sink()
    async with running(ConversationWorker(ConversationFiles(files.folder), sink, Log())):
        await done(files)
    assert sorted(sink.taken) == ["conv_1", "conv_2"]
