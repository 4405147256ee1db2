"""What the sandbox's account holds, as the vendor's JSON documents: in memory, and on disk when asked.

A change is on disk before its method returns: the file is written beside the old one and then takes its place, so that
a sandbox that is killed finds each document whole, old or new. (It is not forced through the disk's cache: a machine
that loses its power may lose the last changes.)
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ivr_bridge.errors import ConfigError

_MOST_CONVERSATIONS = 1000


@dataclass(slots=True)
class Entry:
    """One document and what belongs to it but is never shown with it (`hidden`); `order` counts creations."""

    document: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)
    order: int = 0


class Shelf:
    """The documents of one kind by id. What is read must not be changed: put a new one."""

    def __init__(self, folder: Path | None = None, *, most: int | None = None) -> None:
        """`folder` keeps one JSON file a document; `most`: above so many the oldest goes.

        Raises:
            ConfigError: a file of the folder cannot be read.
        """
        self._folder = folder
        self._most = most
        self._entries: dict[str, Entry] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder)
        self._order = max((entry.order for entry in self._entries.values()), default=0)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def get(self, key: str) -> dict[str, Any] | None:
        """The document, if it is there."""
        entry = self._entries.get(key)
        return None if entry is None else entry.document

    def hidden(self, key: str) -> dict[str, Any]:
        """What belongs to the document and is not shown; empty when there is none."""
        entry = self._entries.get(key)
        return {} if entry is None else entry.hidden

    def entries(self) -> list[Entry]:
        """All of them, oldest first."""
        return list(self._entries.values())

    def documents(self) -> list[dict[str, Any]]:
        """All of them, oldest first."""
        return [entry.document for entry in self._entries.values()]

    def put(self, key: str, document: dict[str, Any], hidden: dict[str, Any] | None = None) -> None:
        """Keep a document, in the place of an older one; `hidden` None leaves that as it is."""
        old = self._entries.get(key)
        if old is None:
            self._order += 1
        order = self._order if old is None else old.order
        entry = Entry(document, self.hidden(key) if hidden is None else hidden, order)
        self._write(key, entry)
        self._entries[key] = entry
        while self._most is not None and len(self._entries) > self._most:
            self.remove(next(iter(self._entries)))

    def remove(self, key: str) -> None:
        """Forget a document; one that is not there is no fault."""
        if self._entries.pop(key, None) is not None and self._folder is not None:
            self._file(self._folder, key).unlink(missing_ok=True)

    def _file(self, folder: Path, key: str) -> Path:
        return folder / f"{quote(key, safe='')}.json"

    def _write(self, key: str, entry: Entry) -> None:
        if self._folder is None:
            return
        file = self._file(self._folder, key)
        part = file.with_name(f"{file.name}.part")
        kept = {"key": key, "order": entry.order, "document": entry.document, "hidden": entry.hidden}
        part.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        part.replace(file)

    def _load(self, folder: Path) -> None:
        found = []
        for file in folder.glob("*.json"):
            try:
                kept = json.loads(file.read_text("utf-8"))
                found.append((kept["key"], Entry(kept["document"], kept["hidden"], kept["order"])))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ConfigError(f"{file}: is no document of the sandbox; remove it: {error}") from error
        self._entries = dict(sorted(found, key=lambda pair: pair[1].order))


class Account:
    """Everything the account has. `is_fresh` until it has been filled for the first time: see `mark_filled`."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` keeps everything; it is made when it is not there.

        Raises:
            ConfigError: the folder cannot be used, or holds what is not ours.
        """
        self._folder = folder
        try:
            self.agents = Shelf(self._part("agents"))
            self.tools = Shelf(self._part("tools"))
            self.knowledge = Shelf(self._part("knowledge"))
            self.secrets = Shelf(self._part("secrets"))
            self.phone_numbers = Shelf(self._part("phone_numbers"))
            self.conversations = Shelf(self._part("conversations"), most=_MOST_CONVERSATIONS)
            self.webhooks = Shelf(self._part("webhooks"))
            self.settings = Shelf(self._part("settings"))
        except OSError as error:
            raise ConfigError(f"{folder}: cannot keep the sandbox's state: {error}") from error

    def _part(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / name

    @property
    def is_fresh(self) -> bool:
        """Whether the built-in agents have never been put here."""
        return "filled" not in self.settings

    def mark_filled(self) -> None:
        """The built-in agents are here; deleted ones stay deleted from now on."""
        self.settings.put("filled", {"filled": True})


def new_id(prefix: str) -> str:
    """An id that nothing else has, such as `tool_01ab...`."""
    return f"{prefix}_{secrets.token_hex(12)}"


ACCESS: dict[str, Any] = {
    "is_creator": True,
    "creator_name": "Sandbox",
    "creator_email": "sandbox@example.com",
    "role": "admin",
}
"""The `access_info` of everything."""
