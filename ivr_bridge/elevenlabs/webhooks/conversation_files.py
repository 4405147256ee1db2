"""`var/conversations/`: what the vendor's webhooks told, on the disk before they are answered.

    ID.json                 a transcription: the body as it came
    ID.mp3                  a recording; ID.post_call_audio.json is the rest of its body (`full_audio` is empty there)
    ID.TYPE.json            every other type, also those that nobody knows yet; if it has audio, ID.TYPE.mp3
    ID.changed-HASH.json    another telling of what stands there already, with ID.changed-HASH.mp3
    unreadable-HASH.json    signed, but no JSON object, or one of more than `MAX_DOCUMENT_BYTES` without its audio
    new/NAME.json           the same file once more, for as long as nobody has worked on it

A file is written whole beside its place, flushed to the disk, linked into new/ and then to its place. So after a sudden
end at any moment either the vendor has no answer and tells it again, or it stands in new/ and is found at the next
start. Only the owner may read what lies here.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import IO

from ivr_bridge.elevenlabs.webhooks.audio_extractor import AudioExtractor
from ivr_bridge.elevenlabs.webhooks.disk_work import on_disk
from ivr_bridge.elevenlabs.webhooks.document import WebhookDocument, audio_name, read_document

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Without the audio. A transcript of some hours has about two million."""
READ_AT_ONCE = 256 * 1024
LEFT_BEHIND_S = 3600.0
"""A half-written file of this age belongs to no server that lives."""

_MODE, _FOLDER_MODE = 0o600, 0o700


class Outcome(Enum):
    """What became of a body."""

    NEW = auto()
    REPEATED = auto()
    """It stood there already; nothing was written."""
    CHANGED = auto()
    """Something else of that name stood there; both are kept."""
    UNREADABLE = auto()
    """Kept aside for a person to look at."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a body lies now: the name of its JSON file."""

    name: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ToldConversation:
    """One webhook about a conversation, as it lies on the disk."""

    told: WebhookDocument
    path: Path
    """Its JSON. The name is the same at each attempt, so that whoever takes it twice can tell."""
    audio: Path | None
    """MP3."""


class ConversationFiles:
    """Keeps what came, and gives out what nobody has worked on yet.

    Args:
        folder: `var/conversations`; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._new = folder / "new"
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the folders, and remove what a sudden end has left half-written.

        Raises:
            OSError: they cannot be made.
        """
        await on_disk(self._prepare)

    async def keep(self, body: IO[bytes]) -> Kept:
        """Put a body on the disk, whatever it is. When this returns it survives a loss of power.

        Args:
            body: genuine, whole; read from its beginning.

        Raises:
            OSError: it could not be written; it may be told again, and is then whole.
        """
        part = await on_disk(self._write, body)
        try:
            async with self._turn:
                return await on_disk(self._place, part)
        finally:
            await on_disk(part.discard)

    async def waiting(self) -> list[str]:
        """The names of what nobody has worked on yet, the oldest first.

        Raises:
            OSError: the folder cannot be read.
        """
        return await on_disk(self._waiting)

    async def read(self, name: str) -> ToldConversation:
        """What one of `waiting` tells.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not what was written there.
        """
        return await on_disk(self._read, name)

    async def worked_on(self, name: str) -> None:
        """Never give this name out again.

        Raises:
            OSError: new/ cannot be changed.
        """
        await on_disk((self._new / name).unlink, missing_ok=True)

    def _prepare(self) -> None:
        self._new.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for folder in (self.folder, self._new):
            folder.chmod(_FOLDER_MODE)
            _sync_folder(folder.parent)
        for path in self.folder.glob(".*.part"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LEFT_BEHIND_S:
                    path.unlink()

    def _write(self, body: IO[bytes]) -> "_Part":
        if not self._new.is_dir():
            self._prepare()
        part = _Part(self.folder)
        try:
            try:
                part.take_apart(body)
            except ValueError:
                part.take_whole(body)
        except OSError:
            part.discard()
            raise
        return part

    def _place(self, part: "_Part") -> Kept:
        kept = self._kept(part)
        if kept.outcome is Outcome.REPEATED:
            _sync_folder(self.folder)  # whoever put it there may have ended before it did
            return kept
        if part.audio is not None:
            part.audio.replace(self.folder / audio_name(kept.name))
        if part.told is not None:
            _link(part.document, self._new / kept.name)
            _sync_folder(self._new)
        _link(part.document, self.folder / kept.name)
        _sync_folder(self.folder)
        return kept

    def _kept(self, part: "_Part") -> Kept:
        """Under which name a body shall lie."""
        if part.told is None:
            known = (self.folder / part.unreadable_name).exists()
            return Kept(part.unreadable_name, Outcome.REPEATED if known else Outcome.UNREADABLE)
        name = part.told.name
        if not (self.folder / name).exists():
            return Kept(name, Outcome.NEW)
        if self._content_hash(name) == part.told.content_hash:
            return Kept(name, Outcome.REPEATED)
        name = part.told.changed_name
        return Kept(name, Outcome.REPEATED if (self.folder / name).exists() else Outcome.CHANGED)

    def _content_hash(self, name: str) -> str:
        """Of what lies there; empty when that is not what was written."""
        try:
            return self._told(name).content_hash
        except ValueError:
            return ""

    def _told(self, name: str) -> WebhookDocument:
        audio_hash = b""
        with contextlib.suppress(FileNotFoundError), (self.folder / audio_name(name)).open("rb") as audio:
            audio_hash = hashlib.file_digest(audio, "sha256").digest()
        return read_document((self.folder / name).read_bytes(), audio_hash)

    def _waiting(self) -> list[str]:
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._new) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found.append((entry.stat().st_mtime_ns, entry.name))
        return [name for _, name in sorted(found)]

    def _read(self, name: str) -> ToldConversation:
        path = self.folder / name
        if not path.exists():  # a sudden end between the two links
            _link(self._new / name, path)
            _sync_folder(self.folder)
        audio = self.folder / audio_name(name)
        return ToldConversation(self._told(name), path, audio if audio.exists() else None)


class _Part:
    """A body on its way to its place: one file for the document, and one for the audio if it has any."""

    def __init__(self, folder: Path) -> None:
        stem = f".{secrets.token_hex(12)}"
        self.document = folder / f"{stem}.json.part"
        self._audio = folder / f"{stem}.mp3.part"
        self.audio: Path | None = None
        self.told: WebhookDocument | None = None
        """None: unreadable."""
        self.unreadable_name = ""

    def take_apart(self, body: IO[bytes]) -> None:
        """Into two files.

        Raises:
            ValueError: it is no JSON object, or too large for one.
        """
        extractor, document = AudioExtractor(), bytearray()
        audio_hash, audio_bytes = hashlib.sha256(), 0
        with _written(self._audio) as file:
            for piece in _pieces(body):
                more, audio = extractor.feed(piece)
                document += more
                if len(document) > MAX_DOCUMENT_BYTES:
                    raise ValueError("a document without end")
                audio_hash.update(audio)
                audio_bytes += file.write(audio)
            last = extractor.finish()
            audio_hash.update(last)
            audio_bytes += file.write(last)
        told = read_document(bytes(document), audio_hash.digest() if audio_bytes else b"")
        if audio_bytes:
            self.audio = self._audio
        with _written(self.document) as file:
            file.write(document)
        self.told = told

    def take_whole(self, body: IO[bytes]) -> None:
        """Into one file, as it came."""
        whole = hashlib.sha256()
        with _written(self.document) as file:
            for piece in _pieces(body):
                whole.update(piece)
                file.write(piece)
        self.unreadable_name = f"unreadable-{whole.hexdigest()[:32]}.json"

    def discard(self) -> None:
        """Remove what is left beside the place."""
        for path in (self.document, self._audio):
            path.unlink(missing_ok=True)


def _pieces(body: IO[bytes]) -> Iterator[bytes]:
    body.seek(0)
    while piece := body.read(READ_AT_ONCE):
        yield piece


@contextlib.contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner may read; on the disk when the block has ended well."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _link(source: Path, place: Path) -> None:
    with contextlib.suppress(FileExistsError):  # the worker, or a second server, was quicker
        place.hardlink_to(source)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
