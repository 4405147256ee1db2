"""Tools without Python: a file of `config/tools/` becomes a tool like any other."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from ivr_bridge.flows.template import fill, fill_header, fill_url
from ivr_bridge.tools.context import CallControl
from ivr_bridge.tools.http_request import HttpBadAnswer, HttpBadStatus, HttpReply, HttpRequests
from ivr_bridge.tools.http_tool_file import CONTROL, SECRET, SPOKEN_FIELD, HttpToolSpec, read_http_tools
from ivr_bridge.tools.json_pointer import pointed
from ivr_bridge.tools.schema_arguments import SchemaArguments
from ivr_bridge.tools.tool import Tool

_NOT_THERE = (404, 410)
_WHOLE_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LEFT_OUT = object()


def http_tools(folder: Path, environ: Mapping[str, str], requests: HttpRequests) -> tuple[Tool, ...]:
    """The tools of a folder, for `ToolRegistry.from_module(..., more=...)`.

    Args:
        folder: `config/tools`.
        environ: for `${ENV}`.
        requests: sends what they ask; stays the caller's to close.

    Raises:
        ConfigError: as `read_http_tools`.
    """
    return tuple(http_tool(spec, requests) for spec in read_http_tools(folder, environ))


def http_tool(spec: HttpToolSpec, requests: HttpRequests) -> Tool:
    """The tool that a file describes."""
    file = spec.file
    run = _HttpTool(spec, requests).run
    return Tool(file.name, file.description, run, True, SchemaArguments(file.parameters), (CONTROL,), spec.place)


class _HttpTool:
    def __init__(self, spec: HttpToolSpec, requests: HttpRequests) -> None:
        self._spec = spec
        self._file = spec.file
        self._requests = requests

    async def run(self, /, *, call: CallControl, **arguments: object) -> str:
        """What the agent is told.

        Raises:
            HttpFailed: the request did not give what was asked for.
        """
        file = self._file
        info = call.info()
        values: dict[str, object] = {
            **arguments,
            "caller": info.caller,
            "called": info.called,
            "call_sid": info.call_sid,
            "language": info.language,
        }
        texts = {name: _text(value) for name, value in values.items()}
        body = self._body(file.body, values, texts)
        try:
            reply = await self._requests.ask(
                file.method,
                self._fill(file.url, texts, fill_url),
                {name: fill_header(value, texts, self._spec.environ) for name, value in file.headers.items()},
                None if body is _LEFT_OUT else body,
                timeout_s=file.timeout_s,
                allow_private=file.allow,
            )
        except HttpBadStatus as failed:
            if failed.status in _NOT_THERE and file.not_found is not None:
                return fill(file.not_found, texts)
            raise
        return self._told(reply, texts)

    def _told(self, reply: HttpReply, texts: Mapping[str, str]) -> str:
        result = self._file.result
        if result is None:
            if reply.json is None and reply.text and reply.content_type != "text/plain":
                raise HttpBadAnswer("the answer is neither JSON nor plain text", status=reply.status)
            return reply.text or "done"
        template = f"{{{result}}}" if result.startswith("/") else result
        missing: list[str] = []

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name is None:
                return found[0][0]
            if not name.startswith("/"):
                return texts.get(name, "")
            there = pointed(reply.json, name)
            if there is None:
                missing.append(name)
            return there or ""

        told = SPOKEN_FIELD.sub(value, template)
        if not missing:
            return told
        if self._file.not_found is not None:
            return fill(self._file.not_found, texts)
        raise HttpBadAnswer(f"the answer has nothing at {', '.join(missing)}", status=reply.status)

    def _body(self, tree: Any, values: Mapping[str, object], texts: Mapping[str, str]) -> Any:
        """The body filled in; a field whose parameter did not come is left out."""
        if isinstance(tree, str):
            whole = _WHOLE_FIELD.fullmatch(tree)
            return values.get(whole[1], _LEFT_OUT) if whole else self._fill(tree, texts, fill)
        if isinstance(tree, dict):
            filled = {key: self._body(value, values, texts) for key, value in tree.items()}
            return {key: value for key, value in filled.items() if value is not _LEFT_OUT}
        if isinstance(tree, list):
            items = [self._body(value, values, texts) for value in tree]
            return [item for item in items if item is not _LEFT_OUT]
        return tree

    def _fill(self, text: str, texts: Mapping[str, str], write: Callable[[str, Mapping[str, str]], str]) -> str:
        """Fill a template piece by piece, so that neither a value nor a secret is ever read as a template."""
        pieces = SECRET.split(text)
        return "".join(
            self._spec.environ[piece] if index % 2 else write(piece, texts) for index, piece in enumerate(pieces)
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
