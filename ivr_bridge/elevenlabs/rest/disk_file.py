"""A file as a part of a multipart body: read from disk piece by piece while it is sent, and closed after.

Nothing is open before the sending begins or after it has ended, however it ended; a second attempt opens it anew.
"""

import asyncio
import mimetypes
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

_PIECE_BYTES = 64 * 1024
_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".html": "text/html",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
}
"""What the vendor reads, whatever this machine's own table of types holds."""


class DiskFile(Payload):
    """The bytes of a file, as long as it is at this moment.

    Args:
        path: of a file that can be read.
        filename: what the other side is told instead of the file's own name.

    Raises:
        OSError: there is no such file.
    """

    _autoclose = True

    def __init__(self, path: Path, filename: str | None = None) -> None:
        super().__init__(path, content_type=content_type_of(path), filename=filename or path.name)
        self._path = path
        self._size = path.stat().st_size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole file as text; only debuggers ask for it."""
        return self._path.read_text(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the file: exactly as many bytes as were announced.

        Raises:
            OSError: it cannot be read any more, or has become shorter.
        """
        left = self._size or 0
        with self._path.open("rb") as file:  # opened in a thread, a cancelling would lose it
            while left:
                piece = await asyncio.to_thread(file.read, min(left, _PIECE_BYTES))
                if not piece:
                    raise OSError(f"{self._path.name} has become shorter while it was sent")
                left -= len(piece)
                await writer.write(piece)


def form_of(path: Path, **fields: str | None) -> aiohttp.FormData:
    """A multipart body: `file`, then the text fields that are not None.

    Raises:
        OSError: there is no such file.
    """
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    form.add_field("file", DiskFile(path), filename=path.name, content_type=content_type_of(path))
    for name, value in fields.items():
        if value is not None:
            form.add_field(name, value)
    return form


def content_type_of(path: Path) -> str:
    """By the file's name; `application/octet-stream` when it says nothing."""
    suffix = path.suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
