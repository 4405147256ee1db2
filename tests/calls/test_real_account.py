"""README's path to real calls, walked against the doubles: the same variables for `serve` and for `call`."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import aiohttp
import pytest

from ivr_bridge.simulator.phone.signing import signature
from tests.support.server_process import RunningProcess, ServerProcess, clean_env, wait_until

pytestmark = pytest.mark.timeout(150)

OLD_TOKEN, NEW_TOKEN = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
ACCOUNT = "AC" + "7e" * 16
PUBLIC = "https://bridge.example"
KEY = "sk_the_only_right_key"
READY = "sandbox ready at "
GOODBYE = "no thank you goodbye"


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """A sandbox that knows one key; gives its URL."""
    with RunningProcess("sandbox", "--port", "0", "--key", KEY, env=clean_env()) as sandbox:
        wait_until(lambda: any(READY in line for line in sandbox.lines), "the sandbox")
        yield next(line for line in sandbox.lines if READY in line).split(READY)[1].strip()


async def only_agent(vendor: str) -> str:
    async with (
        aiohttp.ClientSession(headers={"xi-api-key": KEY}) as http,
        http.get(f"{vendor}/v1/convai/agents") as told,
    ):
        return str((await told.json())["agents"][0]["agent_id"])


def account(vendor: str, agent_id: str, **more: str) -> dict[str, str]:
    """What README tells to export."""
    return {
        "TWILIO_AUTH_TOKEN": f"{NEW_TOKEN},{OLD_TOKEN}",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "PUBLIC_BASE_URL": PUBLIC,
        "ELEVENLABS_API_KEY": KEY,
        "ELEVENLABS_AGENT_ID": agent_id,
        "ELEVENLABS_BASE_URL": f"{vendor}/v1",
        **more,
    }


async def post(server: ServerProcess, signed_url: str, token: str, **more: str) -> tuple[int, str]:
    """Post to the voice webhook as a call that somebody signed."""
    form = {"CallSid": "CA" + "0" * 32, "AccountSid": ACCOUNT, "From": "+15550100001", "To": "+15550100002", **more}
    headers = {"X-Twilio-Signature": signature(token, signed_url, form.items())}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.url}/twilio/voice", data=form, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


def test_a_call_with_the_variables_of_readme_completes(tmp_path: Path, vendor: str):
    env = account(vendor, asyncio.run(only_agent(vendor)))
    with ServerProcess(tmp_path / "var", WORKER_ID="alpha-1", **env) as server:
        assert set(server.children) == {"valkey"}, "no offline agent beside a real one"
        voice_url = f"{PUBLIC}/twilio/voice#rc=2&rp=ct,rt,5xx"
        wait_until(lambda: voice_url in "".join(server.errors), "the number's voice URL")
        assert not (server.var / "twilio_auth_token").exists()
        assert server.until("agent.read")["agent_id"] == env["ELEVENLABS_AGENT_ID"]
        code, told = server.place_call("--say", GOODBYE, **env).account()
        assert (code, told["result"], told["reason"]) == (0, "completed", "agent_hung_up"), told
        assert told["violations"] == [], "a ws:// or another host would be one"
        assert [turn["text"] for turn in told["turns"] if turn["who"] == "caller"] == [GOODBYE]
        log = "".join(server.lines)
        for secret in (OLD_TOKEN, NEW_TOKEN, KEY, "+15550100001"):
            assert secret not in log
        assert asyncio.run(as_twilio_sees_it(server)) == "wss://bridge.example/twilio/media/alpha-1"


async def as_twilio_sees_it(server: ServerProcess) -> str:
    """The Stream URL of an answered call, once everything that is not signed as the public host was refused."""
    voice = f"{PUBLIC}/twilio/voice"
    assert (await post(server, voice, "0" * 32))[0] == 403
    assert (await post(server, f"{server.url}/twilio/voice", NEW_TOKEN))[0] == 403, "signed as what was dialled"
    assert (await post(server, voice, NEW_TOKEN, AccountSid="AC" + "0" * 32))[0] == 403, "another account"
    for token in (NEW_TOKEN, OLD_TOKEN):
        status, text = await post(server, voice, token)
        assert status == 200
    document = ElementTree.fromstring(text)
    connect = document[0]
    assert connect.tag == "Connect"
    assert connect.attrib["action"].startswith((PUBLIC, "/"))
    (stream,) = connect.findall("Stream")
    return stream.attrib["url"]


def test_with_a_wrong_key_the_caller_hears_words_and_the_log_says_why(tmp_path: Path, vendor: str):
    env = account(vendor, asyncio.run(only_agent(vendor)), ELEVENLABS_API_KEY="sk_wrong")
    with ServerProcess(tmp_path / "var", **env) as server:
        assert server.until("agent.unread")["error"]
        code, told = server.place_call("--say", GOODBYE, **env).account()
        assert (code, told["result"], told["reason"]) == (0, "completed", "voicemail_left"), told
        assert told["violations"] == []
        assert server.until("agent.unreached")["code"] == "agent_refused"
        assert server.until("agent.misconfigured")["cause"] == "refused"
        assert server.until("call.ended")["reason"] == "voicemail_left"
        assert "sk_wrong" not in "".join([*server.lines, *server.errors])
        assert server.get("/healthz")[0] == 200


def test_signed_with_another_token_no_call_is_taken(tmp_path: Path, vendor: str):
    env = account(vendor, "agent_x")
    with ServerProcess(tmp_path / "var", **env) as server:
        code, told = server.place_call("--say", GOODBYE, **{**env, "TWILIO_AUTH_TOKEN": "0" * 32}).account()
        assert code == 1
        assert (told["result"], told["reason"]) == ("failed", "webhook_failed")
        assert server.until("webhook.refused")["path"] == "/twilio/voice"
        assert not server.named("agent.dialled")
