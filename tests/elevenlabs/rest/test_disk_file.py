"""A file on its way into a multipart body."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.rest.disk_file import DiskFile, content_type_of, form_of
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorUnreachable
from tests.support.served import served


class Parts:
    """Keeps what came in each multipart body; answers with the next of `statuses`."""

    def __init__(self, *statuses: int) -> None:
        self.bodies: list[dict[str, tuple[str | None, str, bytes]]] = []
        self.lengths: list[int | None] = []
        self._statuses = list(statuses)

    async def take(self, request: web.Request) -> web.Response:
        self.lengths.append(request.content_length)
        form = await request.post()
        self.bodies.append(
            {
                name: (value.filename, value.content_type, value.file.read())
                if isinstance(value, web.FileField)
                else (None, "", value.encode() if isinstance(value, str) else bytes(value))
                for name, value in form.items()
            }
        )
        return web.json_response({"id": "d1"}, status=self._statuses.pop(0))


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    path = tmp_path / "guía.md"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


@asynccontextmanager
async def server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application(client_max_size=2**30)
    app.router.add_post("/v1/x", handler)
    async with served(app) as url:
        yield url


async def send(url: str, path: Path, repeat: Repeat = Repeat.SAFE) -> object:
    transport = Transport(url, ("sk",))
    try:
        return await transport.json(
            Request("POST", "/v1/x", form=lambda: form_of(path, name="n", no=None), repeat=repeat)
        )
    finally:
        await transport.close()


async def test_a_file_and_its_fields_arrive_with_a_length(guide: Path):
    parts = Parts(200)
    async with server(parts.take) as url:
        assert await send(url, guide) == {"id": "d1"}
    assert parts.bodies == [{"file": ("guía.md", "text/markdown", guide.read_bytes()), "name": (None, "", b"n")}]
    assert parts.lengths[0] is not None
    assert parts.lengths[0] > 256_000


async def test_a_second_attempt_sends_the_whole_body_again(guide: Path):
    parts = Parts(429, 200)
    async with server(parts.take) as url:
        await send(url, guide, Repeat.UNSENT)
    assert len(parts.bodies) == 2
    assert parts.bodies[0] == parts.bodies[1]
    assert set(parts.bodies[1]) == {"file", "name"}


async def test_nothing_stays_open_when_the_other_side_hangs_up(guide: Path, monkeypatch: pytest.MonkeyPatch):
    opened = []
    real = Path.open

    def spying(self: Path, *args: object) -> object:
        file = real(self, *args)  # type: ignore[call-overload]
        opened.append(file)
        return file

    guide.write_bytes(bytes(20_000_000))
    monkeypatch.setattr(Path, "open", spying)

    async def hang_up(request: web.Request) -> web.Response:
        await request.content.readexactly(200_000)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with server(hang_up) as url:
        with pytest.raises(VendorUnreachable):
            await send(url, guide, Repeat.NEVER)
    assert len(opened) == 1
    async with asyncio.timeout(5):
        while not opened[0].closed:
            await asyncio.sleep(0.01)
    gc.collect()  # a file left open would warn, and a warning is a failure


async def test_nobody_there_opens_no_file(guide: Path):
    with pytest.raises(VendorUnreachable):
        await send("http://127.0.0.1:9", guide, Repeat.NEVER)


async def test_a_file_that_shrinks_is_no_whole_file(guide: Path):
    part = DiskFile(guide)
    guide.write_bytes(b"short")

    class Writer:
        sent = b""

        async def write(self, piece: bytes) -> None:
            self.sent += piece

    writer = Writer()
    with pytest.raises(OSError, match="shorter"):
        await part.write(writer)  # type: ignore[arg-type]
    assert writer.sent == b"short"


def test_no_file_is_said_at_once(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        form_of(tmp_path / "none.md")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.MD", "text/markdown"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.epub", "application/epub+zip"),
        ("a.pdf", "application/pdf"),
        ("a.csv", "text/csv"),
        ("a.unknown", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_what_a_file_is_by_its_name(name: str, kind: str):
    assert content_type_of(Path(name)) == kind
