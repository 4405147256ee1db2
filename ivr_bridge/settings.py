"""What an operator sets: environment variables, and `config/bridge.yaml` for what every call shares.

An empty value counts as not set. Every problem is reported at once, as a `ConfigError`.
"""

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

    elevenlabs_api_key: SecretStr | None = None
    elevenlabs_base_url: str = ELEVENLABS_URL
    elevenlabs_agent_id: str | None = Field(None, validate_default=True)

    redis_url: SecretStr | None = None
    """redis://, rediss:// or unix://; without it a Valkey of our own is started."""

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

    @field_validator("redis_url")
    @classmethod
    def _known_store(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return url

    @property
    def twilio_auth_tokens(self) -> tuple[str, ...]:
        """Every token that a signature may be made with; empty when none is set."""
        if self.twilio_auth_token is None:
            return ()
        parts = self.twilio_auth_token.get_secret_value().split(",")
        return tuple(part.strip() for part in parts if part.strip())

    @property
    def elevenlabs_websocket_url(self) -> str:
        """`wss://` beside `https://`, `ws://` beside `http://`."""
        return "ws" + self.elevenlabs_base_url.removeprefix("http")


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
