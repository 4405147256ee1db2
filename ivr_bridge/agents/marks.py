"""How what we made is known again at the vendor; no state file of ours decides.                          pure

An agent bears the tag `ivr-bridge:NAME`, a knowledge document the name `ivr-bridge:NAME:HASH12`. A tool's name is
what the agent calls, so a tool's mark `NAME:HASH12` stands among its placeholders. NAME is the name of the file in
`config/` (of a tool: the handler's), HASH12 the content's. What bears no such mark is never changed.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

OURS = "ivr-bridge"
TOOL_PLACEHOLDER = "ivr_bridge"
"""The dynamic variable of a tool whose placeholder is its mark."""

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a file of `config/agents/` and `config/knowledge/` may be called, without its ending."""

_TAG = re.compile(rf"{OURS}:(?P<name>[^:]+)")
_DOCUMENT = re.compile(rf"{OURS}:(?P<name>[^:]+):(?P<hash>[0-9a-f]{{12}})")
_TOOL = re.compile(r"(?P<name>[^:]+):(?P<hash>[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class ContentMark:
    """What a document or a tool was made from."""

    name: str
    content_hash: str
    """12 hex digits, as `content_hash` gives them."""

    def __str__(self) -> str:
        return f"{self.name}:{self.content_hash}"


def content_hash(*parts: bytes) -> str:
    """12 hex digits that change with any part, and with where one part ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:12]


def tag_of(name: str) -> str:
    """The tag of the agent that `config/agents/NAME.yaml` describes."""
    return f"{OURS}:{name}"


def name_of_tag(tag: str) -> str | None:
    """The file's name in a tag; None when the tag is not ours."""
    found = _TAG.fullmatch(tag)
    return found["name"] if found else None


def document_name(name: str, hash_12: str) -> str:
    """What the knowledge document of `config/knowledge/NAME.*` with this content is called at the vendor."""
    return f"{OURS}:{name}:{hash_12}"


def read_document_name(vendor_name: str) -> ContentMark | None:
    """The mark in a document's name; None when we did not make it."""
    found = _DOCUMENT.fullmatch(vendor_name)
    return ContentMark(found["name"], found["hash"]) if found else None


def tool_mark(name: str, hash_12: str) -> str:
    """What stands as the placeholder `ivr_bridge` of a tool made for the handler `name`."""
    return f"{name}:{hash_12}"


def read_tool_mark(tool_config: Mapping[str, object]) -> ContentMark | None:
    """The mark in a tool's configuration as the vendor gives it; None when we did not make it."""
    variables = tool_config.get("dynamic_variables")
    placeholders = variables.get("dynamic_variable_placeholders") if isinstance(variables, Mapping) else None
    mark = placeholders.get(TOOL_PLACEHOLDER) if isinstance(placeholders, Mapping) else None
    found = _TOOL.fullmatch(mark) if isinstance(mark, str) else None
    return ContentMark(found["name"], found["hash"]) if found else None
