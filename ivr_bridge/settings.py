"""What an operator sets: environment variables, and `config/bridge.yaml` for what every call shares.

An empty value counts as not set. Every problem is reported at once, as a `ConfigError`.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ivr_bridge.config_file import ConfigModel, remedy
from ivr_bridge.errors import ConfigError

ELEVENLABS_URL = "https://api.elevenlabs.io"
TWILIO_URL = "https://api.twilio.com"
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


class Settings(BaseModel):
    """The environment. Names are those of the variables, in lower case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_base_url: str | None = Field(None, validate_default=True)
    """`https://host`, as Twilio reaches us; signatures are checked against it, never against `Host`."""

    twilio_account_sid: str | None = None
    """When set, calls of any other account are refused."""
    twilio_auth_token: SecretStr | None = None
    """One, or several separated by commas while it is being rotated."""
    fallback_number: str | None = None
    """Whom `/twilio/fallback` dials; without it the caller hears an apology."""
    twilio_api_key_sid: str | None = None
    """With its secret instead of the auth token, for Twilio's REST API."""
    twilio_api_key_secret: SecretStr | None = None
    twilio_api_base_url: str = TWILIO_URL
    outbound_caller_id: str | None = Field(None, pattern=r"^\+[1-9][0-9]{6,14}$")
    """The number that outbound calls come from, E.164; without it nobody is called."""
    outbound_cps: float = Field(1, gt=0, le=100)
    """How many calls are begun in a second, at most; Twilio allows 1 unless it was asked for more."""
    outbound_ring_s: int = Field(60, ge=5, le=600)
    outbound_reserve: int = Field(10, ge=0)
    """So many of MAX_CALLS are kept for callers: nobody is called back while fewer are free."""
    callbacks: bool = False
    """Whether callers who find every line taken are offered to be called back."""
    callback_attempts: int = Field(3, ge=1, le=20)
    callback_pause_s: float = Field(600, ge=0)
    """Between two attempts at the same callback."""

    elevenlabs_api_key: SecretStr | None = None
    """One, or several separated by commas: the next one is used when the vendor says that a key is invalid."""
    elevenlabs_base_url: str = ELEVENLABS_URL
    elevenlabs_agent_id: str | None = Field(None, validate_default=True)
    elevenlabs_webhook_secret: SecretStr | None = None
    """One, or several separated by commas while it is being rotated; without it no post-call webhook is taken."""
    elevenlabs_init_secret: SecretStr | None = None
    """What the vendor shows in a header when it asks for a caller's data; without it nobody may ask."""

    database_url: SecretStr | None = None
    """postgresql:// or sqlite:///, for the records; without it an SQLite file in `var/`."""

    redis_url: SecretStr | None = None
    """redis://, rediss:// or unix://; without it a Valkey of our own is started."""

    voicemail_webhook_url: str | None = None
    """Where each message is delivered, sound and all; without it nowhere."""
    voicemail_webhook_secret: SecretStr | None = Field(None, validate_default=True)
    """What a delivery is signed with."""
    voicemail_webhook_private: bool = False
    """Whether that URL may lead to a private or loopback address."""

    var_dir: Path = Path("var")
    config_dir: Path = Path("config")

    max_calls: int = Field(250, ge=1)
    max_parked_agents: int = Field(50, ge=0)
    """Conversations open for streams that have not come yet."""
    max_call_s: float = Field(3600, gt=0)
    caller_silent_s: float = Field(60, gt=0)
    """No sign of the caller for this long ends the call; asked once after two thirds of it."""
    agent_silent_s: float = Field(8, gt=0)
    """The agent understood words and no audio of it, and no tool, came for this long: it has failed."""
    transfer_broken_s: float = Field(10, ge=0)
    """A person's leg that ends sooner after it was answered counts as not reached: green but broken."""
    keep_agent_s: float = Field(30, ge=0)
    """How long a conversation outlives its stream, for the next one of the same call."""
    stream_retries: int = Field(3, ge=0)
    """How often in a call a stream that was lost is asked for again."""
    worker_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """Of this process among several that share a store; stands in the URL of its streams. Without it one is made up."""
    drain_s: float = Field(30, ge=0)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "pretty"] = "auto"
    log_pii: bool = False

    # What concerns two variables is checked with the later one, not with the whole: so it is told beside all the rest.

    @field_validator("public_base_url")
    @classmethod
    def _reached_by_twilio(cls, url: str | None, others: ValidationInfo) -> str | None:
        if url is None:
            if (host := others.data.get("host", LOOPBACK_HOSTS[0])) not in LOOPBACK_HOSTS:
                raise ValueError(
                    f"not set, and HOST={host}: calls over ws:// are allowed on loopback only; "
                    "set PUBLIC_BASE_URL=https://your.host"
                )
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be https://HOST, as Twilio reaches this server (Twilio refuses ws://)")
        return urlunsplit(parts).rstrip("/")

    @field_validator("elevenlabs_base_url")
    @classmethod
    def _vendor_host_only(cls, url: str) -> str:
        parts = urlsplit(url.rstrip("/").removesuffix("/v1").rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"must start with https:// (such as {ELEVENLABS_URL}) or http://")
        return urlunsplit(parts)

    @field_validator("elevenlabs_agent_id")
    @classmethod
    def _some_agent_answers(cls, agent_id: str | None, others: ValidationInfo) -> str | None:
        at_vendor = others.data.get("elevenlabs_base_url") == ELEVENLABS_URL
        if agent_id is None and at_vendor and others.data.get("elevenlabs_api_key") is not None:
            raise ValueError("not set, and ELEVENLABS_API_KEY is: which agent answers?")
        return agent_id

    @field_validator("twilio_api_base_url")
    @classmethod
    def _twilio_host_only(cls, url: str) -> str:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"must start with https:// (such as {TWILIO_URL}) or http://")
        return urlunsplit(parts)

    @field_validator("voicemail_webhook_url")
    @classmethod
    def _delivered_by_http(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ValueError("must be https://HOST/PATH (or http://), without a user or a password in it")
        return url

    @field_validator("voicemail_webhook_secret")
    @classmethod
    def _delivered_with_a_signature(cls, secret: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if secret is None and others.data.get("voicemail_webhook_url") is not None:
            raise ValueError("not set, and VOICEMAIL_WEBHOOK_URL is: how shall the receiver know who delivers?")
        return secret

    @field_validator("redis_url")
    @classmethod
    def _known_store(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return url

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        schemes = ("postgresql", "postgres", "sqlite")
        if url is not None and re.split(r"[+:]", url.get_secret_value(), maxsplit=1)[0] not in schemes:
            raise ValueError("must start with postgresql:// (or sqlite:///)")
        return url

    @property
    def twilio_auth_tokens(self) -> tuple[str, ...]:
        """Every token that a signature may be made with; empty when none is set."""
        return _listed(self.twilio_auth_token)

    @property
    def elevenlabs_api_keys(self) -> tuple[str, ...]:
        """Every key, the one to use first; empty when none is set."""
        return _listed(self.elevenlabs_api_key)

    @property
    def elevenlabs_webhook_secrets(self) -> tuple[str, ...]:
        """Every secret that a webhook may be signed with; empty when none is set."""
        return _listed(self.elevenlabs_webhook_secret)

    @property
    def elevenlabs_websocket_url(self) -> str:
        """`wss://` beside `https://`, `ws://` beside `http://`."""
        return "ws" + self.elevenlabs_base_url.removeprefix("http")


def _listed(secret: SecretStr | None) -> tuple[str, ...]:
    parts = secret.get_secret_value().split(",") if secret is not None else ()
    return tuple(part.strip() for part in parts if part.strip())


_ALIASES = {
    "ELEVEN_LABS_API_KEY": "ELEVENLABS_API_KEY",
    "ELEVEN_LABS_BASE_URL": "ELEVENLABS_BASE_URL",
    "ELEVEN_LABS_AGENT_ID": "ELEVENLABS_AGENT_ID",
}


def read_settings(environ: dict[str, str], **given: object) -> Settings:
    """Settings from an environment; `given` (from the command line) wins.

    Raises:
        ConfigError: every problem, one line each, named as the variable is.
    """
    values: dict[str, object] = {}
    for name, value in environ.items():
        field = _ALIASES.get(name.upper(), name.upper()).lower()
        if value != "" and field in Settings.model_fields and (name.upper() not in _ALIASES or field not in values):
            values[field] = value
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = (
            f"{'.'.join(str(part) for part in fault['loc']).upper() or 'settings'}: {remedy(fault)}"
            for fault in error.errors()
        )
        raise ConfigError(*problems) from error


class BridgeConfig(ConfigModel):
    """`config/bridge.yaml`: what every call shares until a flow says otherwise."""

    language: Literal["en", "es", "zh"] = "en"
    greeting: str = "cached"
    """`cached`: the agent's first message from the prompt cache; `agent`: its own audio; else a prompt's name."""
    agent_auth: Literal["signed_url", "public", "header"] = "signed_url"
    agent_dialect: Literal["today", "legacy"] = "today"
    """`legacy`: the older wire of `/v1/convai/stream`, for servers that still speak it."""
    legacy_key_in_url: bool = False
    """Only with `agent_dialect: legacy`: the key goes in the query, where every proxy on the way may log it."""
    legacy_audio_format: Literal[
        "ulaw_8000", "pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000"
    ] = "ulaw_8000"
    """Only with `agent_dialect: legacy`, where nobody announces it: what the agent hears and speaks."""
    dynamic_variables: dict[str, Literal["caller", "called", "call_sid"]] = {}
    """Name in the agent -> what it is filled with."""
    overrides: dict[str, object] = {}
    """`conversation_config_override`, sent as it stands; the agent must allow each field."""
    tell_agent_what_was_heard: bool = False
    tools_module: str | None = None
    """A Python module with `@tool` functions."""
    tool_timeout_s: float = Field(15, gt=0, le=120)
    prompt_voice: str | None = None
    """The voice of prompts; without it the agent's own."""
    prompt_model: str = "eleven_flash_v2_5"

    @field_validator("legacy_key_in_url")
    @classmethod
    def _key_in_url_is_legacy(cls, wanted: bool, others: ValidationInfo) -> bool:
        if wanted and others.data.get("agent_dialect") == "today":
            raise ValueError("only with agent_dialect: legacy; today's wire never needs a key in a URL")
        return wanted

    @field_validator("overrides", "dynamic_variables")
    @classmethod
    def _legacy_carries_nothing(cls, given: dict[str, object], others: ValidationInfo) -> dict[str, object]:
        if given and others.data.get("agent_dialect") == "legacy":
            raise ValueError("the legacy dialect has no message that could carry this; leave it out")
        return given
