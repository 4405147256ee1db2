from pathlib import Path

import pytest

from ivr_bridge.config_file import load
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import ELEVENLABS_URL, BridgeConfig, Settings, read_settings

SECRETS = {
    "TWILIO_AUTH_TOKEN": "tok-secret-1,tok-secret-2",
    "ELEVENLABS_API_KEY": "sk-secret",
    "ELEVENLABS_WEBHOOK_SECRET": "wh-secret",
    "ELEVENLABS_INIT_SECRET": "in-secret",
    "TWILIO_API_KEY_SECRET": "ak-secret",
    "REDIS_URL": "redis://:pw-secret@db:6379/0",
    "DATABASE_URL": "postgresql://u:pw-secret@db/n",
    "VOICEMAIL_WEBHOOK_SECRET": "vm-secret",
}


def problems(environ: dict[str, str], **given: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_settings(environ, **given)
    return caught.value.problems


def test_nothing_set_is_a_loopback_server_with_everything_embedded():
    settings = read_settings({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.public_base_url is settings.redis_url is settings.elevenlabs_api_key is None
    assert settings.elevenlabs_base_url == ELEVENLABS_URL
    assert settings.twilio_auth_tokens == ()
    assert (settings.max_call_s, settings.caller_silent_s, settings.drain_s) == (3600, 60, 30)
    assert settings.log_pii is False


def test_every_name_of_the_environment_is_read():
    settings = read_settings(
        {
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_AUTH_TOKEN": " new , old,",
            "PUBLIC_BASE_URL": "https://calls.example.com/",
            "ELEVENLABS_API_KEY": "key",
            "ELEVENLABS_BASE_URL": "http://127.0.0.1:9/v1",
            "ELEVENLABS_AGENT_ID": "agent_1",
            "REDIS_URL": "rediss://db/1",
            "HOST": "0.0.0.0",
            "PORT": "9000",
            "MAX_CALLS": "3",
            "MAX_CALL_S": "10",
            "CALLER_SILENT_S": "5.5",
            "DRAIN_S": "0",
            "FALLBACK_NUMBER": "+15550100",
            "LOG_PII": "true",
            "UNRELATED": "x",
        }
    )
    assert settings.twilio_account_sid == "AC1"
    assert settings.twilio_auth_tokens == ("new", "old")
    assert settings.public_base_url == "https://calls.example.com"
    assert settings.elevenlabs_api_key is not None
    assert settings.elevenlabs_api_key.get_secret_value() == "key"
    assert settings.elevenlabs_base_url == "http://127.0.0.1:9"
    assert settings.elevenlabs_agent_id == "agent_1"
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "rediss://db/1"
    assert (settings.host, settings.port, settings.max_calls, settings.max_call_s) == ("0.0.0.0", 9000, 3, 10)
    assert (settings.caller_silent_s, settings.drain_s, settings.log_pii) == (5.5, 0, True)
    assert settings.fallback_number == "+15550100"


def test_an_empty_value_counts_as_not_set():
    assert read_settings({name.upper(): "" for name in Settings.model_fields}) == read_settings({})


def test_the_command_line_wins_and_none_is_not_given():
    settings = read_settings({"PORT": "9000", "VAR_DIR": "a"}, port=0, host=None, var_dir=Path("b"))
    assert (settings.port, settings.host, settings.var_dir) == (0, "127.0.0.1", Path("b"))


@pytest.mark.parametrize("order", [1, -1])
def test_the_seeds_names_are_read_and_the_new_ones_win(order: int):
    seeds = {
        "ELEVEN_LABS_API_KEY": "old",
        "ELEVEN_LABS_AGENT_ID": "agent_old",
        "ELEVEN_LABS_BASE_URL": "https://old.example/v1/",
    }
    settings = read_settings(seeds)
    assert settings.elevenlabs_api_key is not None
    assert settings.elevenlabs_api_key.get_secret_value() == "old"
    assert (settings.elevenlabs_agent_id, settings.elevenlabs_base_url) == ("agent_old", "https://old.example")
    both = {**seeds, "ELEVENLABS_AGENT_ID": "agent_new", "ELEVENLABS_BASE_URL": ""}
    settings = read_settings(dict(list(both.items())[::order]))
    assert (settings.elevenlabs_agent_id, settings.elevenlabs_base_url) == ("agent_new", "https://old.example")


@pytest.mark.parametrize(
    ("given", "http", "websocket"),
    [
        ("https://api.elevenlabs.io/v1", "https://api.elevenlabs.io", "wss://api.elevenlabs.io"),
        ("https://api.eu.example/v1/", "https://api.eu.example", "wss://api.eu.example"),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090", "ws://127.0.0.1:8090"),
        ("http://127.0.0.1:8090/v1", "http://127.0.0.1:8090", "ws://127.0.0.1:8090"),
        ("HTTPS://host.example//v1", "https://host.example", "wss://host.example"),
    ],
)
def test_the_vendors_address(given: str, http: str, websocket: str):
    settings = read_settings({"ELEVENLABS_BASE_URL": given})
    assert (settings.elevenlabs_base_url, settings.elevenlabs_websocket_url) == (http, websocket)


@pytest.mark.parametrize("url", ["api.elevenlabs.io", "ws://x", "https://", "/v1"])
def test_a_vendors_address_that_is_none(url: str):
    (problem,) = problems({"ELEVENLABS_BASE_URL": url})
    assert problem.startswith("ELEVENLABS_BASE_URL: must start with https://")


@pytest.mark.parametrize(
    "url", ["http://calls.example.com", "wss://calls.example.com", "calls.example.com", "https://", "https://h/?a=1"]
)
def test_the_public_address_must_be_https(url: str):
    (problem,) = problems({"PUBLIC_BASE_URL": url})
    assert problem.startswith("PUBLIC_BASE_URL: must be https://")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "box.local"])
def test_other_hosts_than_loopback_need_a_public_address(host: str):
    (problem,) = problems({"HOST": host})
    assert f"HOST={host}" in problem
    assert "PUBLIC_BASE_URL=https://" in problem
    assert read_settings({"HOST": host, "PUBLIC_BASE_URL": "https://x.example"}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_public_address(host: str):
    assert read_settings({"HOST": host}).host == host


def test_a_key_of_the_vendor_needs_an_agent():
    (problem,) = problems({"ELEVENLABS_API_KEY": "key"})
    assert problem == "ELEVENLABS_AGENT_ID: not set, and ELEVENLABS_API_KEY is: which agent answers?"
    read_settings({"ELEVENLABS_API_KEY": "key", "ELEVENLABS_AGENT_ID": "agent_1"})
    read_settings({"ELEVENLABS_API_KEY": "key", "ELEVENLABS_BASE_URL": "http://127.0.0.1:8090"})


def test_every_problem_is_reported_at_once():
    found = problems(
        {
            "HOST": "0.0.0.0",
            "PORT": "eighty",
            "ELEVENLABS_API_KEY": "key",
            "REDIS_URL": "http://db",
            "DATABASE_URL": "mysql://db",
            "MAX_CALLS": "0",
            "DRAIN_S": "-1",
            "LOG_LEVEL": "loud",
        }
    )
    names = sorted(line.partition(":")[0] for line in found)
    assert names == [
        "DATABASE_URL", "DRAIN_S", "ELEVENLABS_AGENT_ID", "LOG_LEVEL", "MAX_CALLS", "PORT", "PUBLIC_BASE_URL",
        "REDIS_URL",
    ]  # fmt: skip
    assert not any("\n" in line or "Value error" in line for line in found)


@pytest.mark.parametrize("port", ["-1", "65536", "80.5", " "])
def test_a_port_that_is_none(port: str):
    (problem,) = problems({"PORT": port})
    assert problem.startswith("PORT: ")


def test_secrets_are_in_no_repr():
    settings = read_settings({**SECRETS, "ELEVENLABS_AGENT_ID": "agent_1"})
    assert "-secret" not in repr(settings)
    assert "-secret" not in str(settings)
    assert settings.twilio_auth_tokens == ("tok-secret-1", "tok-secret-2")


@pytest.mark.parametrize(
    "wrong",
    [
        {"PORT": "x"},
        {"HOST": "0.0.0.0"},
        {"ELEVENLABS_API_KEY": "sk-secret"},
        {"REDIS_URL": "valkey://:pw-secret@db"},
        {"DATABASE_URL": "mysql://u:pw-secret@db/n"},
        {"REDIS_URL": "//u:pw-secret\u2100@[db"},
    ],
)
def test_secrets_are_in_no_error_nor_in_what_it_came_from(wrong: dict[str, str]):
    with pytest.raises(ConfigError) as caught:
        read_settings({**SECRETS, **wrong})
    error: BaseException | None = caught.value
    while error is not None:
        assert "-secret" not in str(error)
        assert "-secret" not in repr(error)
        error = error.__cause__


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        read_settings({}).port = 1  # type: ignore[misc]


def test_the_shipped_bridge_file_says_the_defaults():
    shipped = load(Path(__file__).parent.parent / "config" / "bridge.yaml", BridgeConfig)
    assert shipped == BridgeConfig(tools_module=shipped.tools_module)
    assert shipped.tools_module == "ivr_bridge.tools.demo"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("language: fr", "language"),
        ("tool_timeout_s: 0", "tool_timeout_s"),
        ("dynamic_variables: {n: number}", "dynamic_variables.n"),
        ("agent_auth: none", "agent_auth"),
        ("legacy_key_in_url: true", "legacy_key_in_url"),
        ("{agent_dialect: legacy, overrides: {agent: {language: es}}}", "overrides"),
        ("{agent_dialect: legacy, dynamic_variables: {n: caller}}", "dynamic_variables"),
        ("{agent_dialect: legacy, legacy_audio_format: mp3}", "legacy_audio_format"),
        ("grreting: agent", "grreting"),
    ],
)
def test_a_bridge_file_that_is_wrong(tmp_path: Path, line: str, place: str):
    path = tmp_path / "bridge.yaml"
    path.write_text(f"# what every call shares\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, BridgeConfig)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:2: {place}: ")


def test_keys_and_secrets_may_be_several():
    environ = {
        "ELEVENLABS_API_KEY": "first, second,",
        "ELEVENLABS_WEBHOOK_SECRET": "new,old",
        "ELEVENLABS_AGENT_ID": "a",
    }
    settings = read_settings(environ)
    assert settings.elevenlabs_api_keys == ("first", "second")
    assert settings.elevenlabs_webhook_secrets == ("new", "old")
    assert read_settings({}).elevenlabs_api_keys == ()


def test_twilios_address():
    assert read_settings({"TWILIO_API_BASE_URL": "http://127.0.0.1:9/"}).twilio_api_base_url == "http://127.0.0.1:9"
    with pytest.raises(ConfigError, match="TWILIO_API_BASE_URL: must start with https://"):
        read_settings({"TWILIO_API_BASE_URL": "api.twilio.com"})


def test_the_legacy_wire_and_its_key():
    config = BridgeConfig(agent_dialect="legacy", legacy_key_in_url=True, legacy_audio_format="pcm_16000")
    assert config.legacy_key_in_url


def test_what_outbound_calls_need():
    settings = read_settings({"OUTBOUND_CALLER_ID": "+15550109000", "OUTBOUND_CPS": "0.5", "CALLBACKS": "true"})
    assert (settings.outbound_caller_id, settings.outbound_cps, settings.callbacks) == ("+15550109000", 0.5, True)
    assert (settings.outbound_ring_s, settings.outbound_reserve) == (60, 10)
    assert (settings.callback_attempts, settings.callback_pause_s) == (3, 600)
    told = problems({"OUTBOUND_CALLER_ID": "0155501", "OUTBOUND_CPS": "0", "OUTBOUND_RING_S": "601"})
    assert [line.partition(":")[0] for line in told] == ["OUTBOUND_CALLER_ID", "OUTBOUND_CPS", "OUTBOUND_RING_S"]
    assert not any("0155501" in line for line in told)


def test_messages_are_delivered_with_a_signature_or_not_at_all():
    environ = {"VOICEMAIL_WEBHOOK_URL": "https://crm.example.com/messages"}
    (missing,) = problems(environ)
    assert missing.startswith("VOICEMAIL_WEBHOOK_SECRET: not set, and VOICEMAIL_WEBHOOK_URL is")
    settings = read_settings({**environ, "VOICEMAIL_WEBHOOK_SECRET": "s", "VOICEMAIL_WEBHOOK_PRIVATE": "true"})
    assert (settings.voicemail_webhook_url, settings.voicemail_webhook_private) == (*environ.values(), True)
    for url in ("crm.example.com", "ftp://crm.example.com/", "https://u:p@crm.example.com/"):
        (wrong,) = problems({"VOICEMAIL_WEBHOOK_URL": url, "VOICEMAIL_WEBHOOK_SECRET": "s"})
        assert wrong.startswith("VOICEMAIL_WEBHOOK_URL: must be https://HOST/PATH")
        assert "u:p" not in wrong
