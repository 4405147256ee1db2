"""The line a call is placed on: which server, whose account, which numbers and paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from ivr_bridge.errors import ConfigError

SANDBOX_ACCOUNT_SID = "AC" + "5a" * 16
"""The account that a call belongs to when nobody names one."""

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SOCKET_SCHEMES = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Line:
    """Where and as whom to call.

    `server_url` is what is really dialled (`http://127.0.0.1:8080`). With `public_base_url` (https) every request is
    signed as if that had been dialled, and URLs on its host are mapped to `server_url`; without it what is dialled is
    what is signed and expected. `auth_token` may hold several, comma-separated: the first signs.

    Raises:
        ConfigError: `server_url` is not http(s), or `public_base_url` is not https.
    """

    server_url: str
    public_base_url: str | None
    auth_token: str = field(repr=False)
    account_sid: str = SANDBOX_ACCOUNT_SID
    caller: str = "+15550100001"
    called: str = "+15550100002"
    voice_path: str = "/twilio/voice"
    status_path: str = "/twilio/status"
    other_hosts: frozenset[str] = frozenset()
    """`host:port` of servers beside ours that a `<Stream>` may name; they are dialled as they stand."""
    fallback_path: str | None = None
    """Asked with ErrorCode and ErrorUrl when a webhook fails; None: the number has no fallback URL."""
    dial_call_status: Literal["completed", "busy", "no-answer", "failed"] = "completed"
    """What becomes of a `<Dial>`. `completed`: somebody answers, says hello, listens and hangs up."""
    dial_ring_s: float = 3.0
    """How long it rings until somebody answers, or (`no-answer`) the network gives up; never over `timeout`."""
    person_listens_s: float = 12.0
    """How long the person who has answered stays after their hello."""
    webhook_timeout_s: float = 15.0
    """Twilio's ceiling for a voice webhook."""
    in_real_time: bool = False
    """Whether what the network itself plays, records and waits for takes its time, and is spoken by a voice. Without
    it a tone stands for words and the phone's clock is put forward: on the recording it takes as long."""

    def __post_init__(self) -> None:
        """Check both addresses once, so that no call starts on a line that cannot work."""
        if urlsplit(self.server_url).scheme not in _SOCKET_SCHEMES or not urlsplit(self.server_url).hostname:
            raise ConfigError(f"server_url: {self.server_url!r} is not an http:// or https:// address")
        if self.public_base_url and urlsplit(self.public_base_url).scheme != "https":
            raise ConfigError(f"public_base_url: {self.public_base_url!r} must start with https://")

    @property
    def known_base(self) -> str:
        """The base address as the network knows it, without a trailing slash."""
        return (self.public_base_url or self.server_url).rstrip("/")

    @property
    def signing_token(self) -> str:
        """The token that signs: the first of a comma-separated list."""
        return self.auth_token.split(",")[0].strip()

    def known_url(self, path_or_url: str, *, base: str = "") -> str:
        """The absolute URL as the network knows it; relative ones are resolved against `base` (default: the line)."""
        if not base and path_or_url.startswith("/"):
            return self.known_base + path_or_url
        return urljoin(base or self.known_base + "/", path_or_url)

    def dialled_url(self, known_url: str) -> str | None:
        """Where a URL of ours is really dialled; None when it is on a host that this line does not reach."""
        known, server = urlsplit(known_url), urlsplit(self.server_url)
        if known.netloc in self.other_hosts:
            return known_url
        if _host_and_port(known) != _host_and_port(urlsplit(self.known_base)):
            return None
        is_socket = known.scheme in _SOCKET_SCHEMES.values()
        scheme = _SOCKET_SCHEMES[server.scheme] if is_socket else server.scheme
        return urlunsplit((scheme, server.netloc, known.path, known.query, ""))

    def stream_url_problem(self, known_url: str) -> str:
        """Why Twilio would not dial this Stream URL: its error code and a sentence, or nothing.

        Source: https://www.twilio.com/docs/api/errors/31922 (scheme) and 31901 (connection)
        """
        url = urlsplit(known_url)
        if url.netloc in self.other_hosts and url.scheme in _SOCKET_SCHEMES.values():
            return ""
        wanted = _SOCKET_SCHEMES[urlsplit(self.known_base).scheme]
        if url.scheme != wanted:
            return f"31922 the Stream url must be {wanted}://, it is {url.scheme or 'nothing'}://"
        if self.dialled_url(known_url) is None:
            return f"31901 the Stream url names another host ({url.netloc}) than {urlsplit(self.known_base).netloc}"
        return ""


def _host_and_port(url: SplitResult) -> tuple[str, int | None]:
    """Host and port with the scheme's default filled in; a bad port counts as none."""
    try:
        port = url.port
    except ValueError:
        return (url.netloc, None)
    return ((url.hostname or "").lower(), port or _DEFAULT_PORTS.get(url.scheme))
