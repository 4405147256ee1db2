"""`config/tools/*.yaml`: one tool without Python each, a request to a service of the operator's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from ivr_bridge.config_file import ConfigModel, Place, load_document
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.template import fill_env, fill_url
from ivr_bridge.tools.addresses import Allowance, read_address
from ivr_bridge.tools.http_request import HttpFailed, read_target
from ivr_bridge.tools.json_pointer import POINTER
from ivr_bridge.tools.schema_arguments import check_parameters
from ivr_bridge.tools.tool import TOOL_NAME

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]

OF_THE_CALL = ("caller", "called", "call_sid", "language")
"""What every template may hold beside the parameters, filled by the call itself: an agent cannot invent them."""
CONTROL = "call"
"""Is filled with the call's `CallControl`; no parameter can have this name."""
SECRET = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")
"""A variable of the environment in a template."""
SPOKEN_FIELD = re.compile(r"\{\{|\}\}|\{(/[^{}]*|[a-z][a-z0-9_]*)\}")
"""In `result`: `{/pointer}`, `{parameter}`, or a doubled brace."""

_FIELD = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,59}")
_URL = re.compile(rf"(https?://({SECRET.pattern}|[^/?#{{}}@\s])+|{SECRET.pattern})([/?][^#]*)?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SET_BY_HTTP = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "accept-encoding", "te"}
_SECRET_HEADER = re.compile(r"auth|cookie|token|secret|passw|credential|signature|key", re.IGNORECASE)
_SECRET_FIELD = re.compile(r"(api|access|private|secret)[-_]?key|token|secret|passw|authorization", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(bearer|basic)\s", re.IGNORECASE)


class HttpToolFile(ConfigModel):
    """One file of `config/tools/`."""

    name: str
    """As set up at the agent."""
    description: Text
    """For the agent's model: it decides by it when to call the tool."""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    """A JSON schema of an object: what the agent has to say."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Text
    """A template; values are percent-encoded. Scheme and host hold no `{parameter}`."""
    headers: dict[str, str] = {}
    """Templates; a secret as `${ENV}` only."""
    body: Any = None
    """Sent as JSON. Each string in it is a template; one that is a `{parameter}` and nothing else keeps its type."""
    result: str | None = None
    """What the agent is told: a JSON pointer (`/order/state`), or a text with pointers (`It is {/order/state}.`).

    None: the whole answer.
    """
    not_found: Text | None = None
    """A template: what the agent is told on 404 and 410, and when nothing is where `result` points.

    None: that it did not work.
    """
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    allow: list[str] = []
    """Host names, addresses and networks that may be asked although they are private."""

    @field_validator("name")
    @classmethod
    def _callable(cls, name: str) -> str:
        if not TOOL_NAME.fullmatch(name):
            raise ValueError("a name has 1 to 64 letters, digits, '_' or '-'")
        return name

    @field_validator("parameters")
    @classmethod
    def _a_schema(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        check_parameters(parameters)
        for name in parameters.get("properties", {}):
            if not _PARAMETER.fullmatch(name):
                raise ValueError(f"{name!r}: a parameter's name has small letters, digits and '_'")
            if name in (*OF_THE_CALL, CONTROL):
                raise ValueError(f"{name!r} is the call's own; give the parameter another name")
        return parameters

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str, info: ValidationInfo) -> str:
        if not _URL.fullmatch(url):
            raise ValueError(
                "needs http(s)://host/..., or an ${ENV} that holds this beginning; no user, no `#`, and no {parameter}"
                " before the first `/`, where an agent would choose where the request goes"
            )
        for pair in urlsplit(url).query.split("&"):
            name, _, value = pair.partition("=")
            if _SECRET_FIELD.search(name) and _is_literal(value):
                raise ValueError(f"{name}: a secret stands in the environment, not in a file; write ${{ENV}}")
        _check_fields(url, info)
        return url

    @field_validator("headers")
    @classmethod
    def _without_secrets(cls, headers: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name):
                raise ValueError(f"{name!r} is no header's name")
            if name.lower() in _SET_BY_HTTP:
                raise ValueError(f"{name}: is set by the request itself; remove it")
            if (_SECRET_HEADER.search(name) or _SECRET_VALUE.match(value)) and _is_literal(value):
                raise ValueError(f"{name}: a secret stands in the environment, not in a file; write ${{ENV}}")
            _check_fields(value, info)
        return headers

    @field_validator("body")
    @classmethod
    def _fillable(cls, body: Any, info: ValidationInfo) -> Any:
        if body is not None and info.data.get("method") == "GET":
            raise ValueError("a GET has no body; use another method, or write the values into the url")
        for place, value in _strings(body, ()):
            name = ".".join(str(part) for part in place)
            if _SECRET_FIELD.search(name) and _is_literal(value):
                raise ValueError(f"{name}: a secret stands in the environment, not in a file; write ${{ENV}}")
            _check_fields(value, info)
        return body

    @field_validator("result")
    @classmethod
    def _speakable(cls, result: str | None, info: ValidationInfo) -> str | None:
        if result is None:
            return None
        if result.startswith("/"):
            pointers = [result]
        else:
            found = [match[1] or "" for match in SPOKEN_FIELD.finditer(result)]
            pointers = [name for name in found if name.startswith("/")]
            _check_fields("".join(f"{{{name}}}" for name in found if name and name not in pointers), info)
            if not pointers:
                raise ValueError(
                    "needs a JSON pointer: `/order/state`, or a text with pointers: `It is {/order/state}.`"
                )
        for pointer in pointers:
            if not POINTER.fullmatch(pointer):
                raise ValueError(f"{pointer!r} is no JSON pointer: `~` is written `~0`")
        return result

    @field_validator("not_found")
    @classmethod
    def _also_speakable(cls, not_found: str | None, info: ValidationInfo) -> str | None:
        _check_fields(not_found or "", info)
        return not_found

    @field_validator("allow")
    @classmethod
    def _addresses(cls, allow: list[str]) -> list[str]:
        Allowance.read(allow)
        return allow


@dataclass(frozen=True, slots=True)
class HttpToolSpec:
    """A tool's file with what it needs of the environment. Made by `read_http_tools`."""

    file: HttpToolFile
    place: str
    """The file's path, as it was given."""
    environ: Mapping[str, str] = field(repr=False)
    """The variables that the file names, and no others."""


def read_http_tools(folder: Path, environ: Mapping[str, str]) -> tuple[HttpToolSpec, ...]:
    """Read every `*.yaml` of a folder, in the order of the files' names.

    Args:
        folder: `config/tools`; one that is not there holds no tools.
        environ: for `${ENV}`.

    Raises:
        ConfigError: with the problems of all files: a file does not fit, a variable is not set, two tools have one
            name, or a URL leads to an address that is not allowed.
    """
    specs: dict[str, HttpToolSpec] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = load_document(path, HttpToolFile)
        except ConfigError as error:
            problems += error.problems
            continue
        file = document.content
        used = _variables(file)
        spec = HttpToolSpec(file, str(path), {name: environ.get(name, "") for name in used})
        unset = {name: place for name, place in used.items() if not environ.get(name)}
        for name, place in unset.items():
            problems.append(document.problem(place, f"{name} is not set", f"set {name} in the environment"))
        if not unset and (fault := _url_fault(spec)):
            problems.append(document.problem(("url",), *fault))
        other = specs.setdefault(file.name, spec)
        if other is not spec:
            taken = f"{file.name!r} is the tool of {other.place} already"
            problems.append(document.problem(("name",), taken, "rename one"))
    if problems:
        raise ConfigError(*problems)
    return tuple(specs.values())


def _url_fault(spec: HttpToolSpec) -> tuple[str, str] | None:
    """What is wrong with the URL once the environment is filled in, and the remedy."""
    try:
        host = read_target(fill_url(fill_env(spec.file.url, spec.environ), {})).raw_host or ""
    except HttpFailed as failed:
        return failed.cause, ""
    address = read_address(host)
    if address is not None and not Allowance.read(spec.file.allow).admits(address):
        return f"{address} is not public", "if it is meant to be asked, list it in allow"
    return None


def _check_fields(template: str, info: ValidationInfo) -> None:
    if "parameters" not in info.data:
        return  # they have a fault of their own
    known = (*info.data["parameters"].get("properties", {}), *OF_THE_CALL)
    unknown = [found[1] for found in _FIELD.finditer(template) if found[1] and found[1] not in known]
    if unknown:
        raise ValueError(f"{{{unknown[0]}}} is no parameter; there are: {', '.join(known)}; a brace is written twice")


def _is_literal(value: str) -> bool:
    """Whether a value is written out: neither of the environment nor of the call."""
    return bool(value) and not SECRET.search(value) and not any(found[1] for found in _FIELD.finditer(value))


def _strings(tree: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Each text in a tree, and where it stands."""
    if isinstance(tree, str):
        yield place, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _strings(value, (*place, str(key)))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _strings(value, (*place, index))


def _variables(file: HttpToolFile) -> dict[str, Place]:
    """The variables of the environment that a file names, and where each stands first."""
    used: dict[str, Place] = {}
    for place, text in _strings({"url": file.url, "headers": file.headers, "body": file.body}, ()):
        for name in SECRET.findall(text):
            used.setdefault(name, place)
    return used
