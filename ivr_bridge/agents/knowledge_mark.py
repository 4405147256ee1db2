"""The name that a knowledge document of ours has at the vendor, and whose it is.                           pure

`config/knowledge/` makes `ivr-bridge:NAME:HASH12`. The service makes documents for one agent alone; they are called
`ivr-bridge/AGENT_ID:NAME:HASH12`, so neither of the two ever takes the other's for something that is gone.
"""

import re
from dataclasses import dataclass

from ivr_bridge.agents.marks import OURS, document_name, read_document_name

SEARCH = OURS
"""What every name of ours begins with."""

_SCOPED = re.compile(rf"{OURS}/(?P<scope>[^:]+):(?P<name>[^:]+):(?P<hash>[0-9a-f]{{12}})")


@dataclass(frozen=True, slots=True)
class KnowledgeMark:
    """What a document was made from. `str()` is its name at the vendor."""

    name: str
    content_hash: str
    scope: str = ""
    """The agent's id that it was made for; empty: `config/knowledge/`."""

    def __str__(self) -> str:
        if not self.scope:
            return document_name(self.name, self.content_hash)
        return f"{OURS}/{self.scope}:{self.name}:{self.content_hash}"


def read_knowledge_mark(vendor_name: str) -> KnowledgeMark | None:
    """The mark in a document's name; None when we did not make it."""
    if (plain := read_document_name(vendor_name)) is not None:
        return KnowledgeMark(plain.name, plain.content_hash)
    found = _SCOPED.fullmatch(vendor_name)
    return KnowledgeMark(found["name"], found["hash"], found["scope"]) if found else None
