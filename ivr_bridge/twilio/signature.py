"""Is it Twilio? X-Twilio-Signature of a webhook or of a WebSocket upgrade.

The signed text is the URL as Twilio called it, then, for a form, every name and value in order of name; HMAC-SHA1 under
the account's auth token, in base64. Twilio is not consistent about the port, and reports differ on a trailing slash: so
a few spellings of one URL are tried, which is safe because each needs the token.
Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

DEFAULT_PORTS = {"https": "443", "wss": "443", "http": "80", "ws": "80"}
BODY_HASH_NAME = "bodySHA256"
"""The query parameter by which Twilio binds a body that is no form (JSON)."""

Form = Mapping[str, str | Sequence[str]] | Iterable[tuple[str, str]]


def signed_by_twilio(
    *, signature: str | None, url: str, form: Form | None, tokens: Sequence[str], body: bytes | None = None
) -> bool:
    """Whether the request was signed with one of our auth tokens.

    Total: whatever comes in, the answer is True or False. The comparison takes the same time for any signature.

    Args:
        signature: the header `X-Twilio-Signature`; None when it is missing.
        url: scheme, host, path and query as Twilio called them: the configured base and the raw request target,
            unchanged. `wss://` for an upgrade, with `form` None.
        form: the pairs of a form POST, blanks and repeats included; None for GET, an upgrade, or another body.
            Text decoded with `surrogateescape` is signed as the bytes it came from.
        tokens: auth tokens in use, several while one is rotated; an empty one never matches.
        body: of a request that is no form; if not empty, the URL must carry its `bodySHA256`.

    Source: https://www.twilio.com/docs/usage/security#validating-requests
    """
    if not signature:
        return False
    given = signature.encode("utf-8", "surrogatepass")
    if form is None and body and not _is_bound(url, body):
        return False
    signed = False
    pairs = _joined(form)
    for candidate in _spellings(url):
        try:
            text = (candidate + pairs).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return False
        for token in filter(None, tokens):
            mac = hmac.new(token.encode("utf-8", "surrogatepass"), text, hashlib.sha1)
            signed |= hmac.compare_digest(base64.b64encode(mac.digest()), given)
    return signed


def _joined(form: Form | None) -> str:
    if not form:
        return ""
    values: dict[str, set[str]] = {}
    for name, value in form.items() if isinstance(form, Mapping) else form:
        values.setdefault(name, set()).update([value] if isinstance(value, str) else value)
    return "".join(name + value for name in sorted(values) for value in sorted(values[name]))


def _is_bound(url: str, body: bytes) -> bool:
    query = url.partition("?")[2].partition("#")[0]
    try:
        pairs = parse_qsl(query, keep_blank_values=True)
    except ValueError:
        return False
    digest = hashlib.sha256(body).hexdigest().encode()
    named = [value for name, value in pairs if name == BODY_HASH_NAME]
    return bool(named) and hmac.compare_digest(digest, named[0].lower().encode("utf-8", "surrogatepass"))


def _spellings(url: str) -> list[str]:
    """The URL as given first, then with other spellings of port, trailing slash and a bare `?`; no fragment."""
    url = url.partition("#")[0]
    scheme, mark, rest = url.partition("://")
    if not mark:
        return [url]
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    path, question, query = rest[end:].partition("?")
    paths = [path, path.removesuffix("/") if path.endswith("/") else path + "/"]
    queries = [question + query] if query else [question, ""]
    found = (
        f"{scheme}://{authority}{a_path}{a_query}"
        for authority in _authorities(scheme.lower(), rest[:end])
        for a_path in paths
        for a_query in queries
    )
    return list(dict.fromkeys(found))


def _authorities(scheme: str, authority: str) -> list[str]:
    host, colon, port = authority.rpartition(":")
    if colon and port.isdecimal() and "@" not in port and not host.endswith(":"):
        return [authority, host]
    default = DEFAULT_PORTS.get(scheme)
    return [authority, f"{authority}:{default}"] if default else [authority]
