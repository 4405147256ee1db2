"""The running server as Twilio meets it: reached at its address, and of one mind with us about signatures."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

import orjson

from ivr_bridge.doctor.finding import Finding, NotAsked, fine, wrong
from ivr_bridge.doctor.probe import Answered, NoAnswer
from ivr_bridge.doctor.surroundings import Surroundings

PATH = "/twilio/status"
"""A notice about a call that nobody knows: the server logs it and does nothing."""
STATUS = "doctor"
SIGNATURE_HEADER = "X-Twilio-Signature"


async def server(around: Surroundings) -> Finding:
    """A server of ours answers at the public address; without one, on this machine."""
    url = around.base_url
    try:
        answer = await around.probes.get(f"{url}/healthz")
    except NoAnswer as error:
        if not around.is_public and around.url is None:
            remedy = "start it: ivr-bridge serve; and set PUBLIC_BASE_URL=https://... before a number points here"
            raise NotAsked(f"PUBLIC_BASE_URL is not set, and nothing serves at {url}", remedy) from error
        return wrong(str(error), error.remedy)
    if not _is_ours(answer):
        found = f"{url}/healthz answered {answer.status} {_words(answer)}"
        return wrong(found, "let the proxy or the tunnel pass every path on to this server, unchanged")
    if around.settings.public_base_url is None and around.url is None:
        return fine(f"{url} answers, for this machine only: PUBLIC_BASE_URL is not set")
    return fine(f"{url} answers")


async def signature(around: Surroundings) -> Finding:
    """The server refuses an unsigned webhook, and takes one that is signed with our token for its public address."""
    url, tokens = around.base_url, await around.in_thread(lambda: auth_tokens(around))
    if not tokens:
        remedy = "start the server once (it makes a token for this machine), or set TWILIO_AUTH_TOKEN"
        raise NotAsked("there is no auth token yet", remedy)
    try:
        unsigned = await around.probes.post_form(url + PATH, _notice(around))
        if unsigned.status // 100 == 2:
            found = f"{url}{PATH} takes notices that nobody signed"
            return wrong(found, "it is no server of ours, or a proxy answers in its place: let it pass everything on")
        if unsigned.status != 403:
            raise NotAsked(f"{url}{PATH} answered {unsigned.status} {_words(unsigned)}", "see the check `server`")
        for position, token in enumerate(tokens, start=1):
            answer = await _signed(around, token, url)
            if answer.status != 204:
                return await _refused(around, answer, token, f"token {position} of {len(tokens)}")
    except NoAnswer as error:
        raise NotAsked(str(error), "see the check `server`") from error
    token_words = "each of the tokens" if len(tokens) > 1 else "our token"
    return fine(f"signed with {token_words} for {url}: taken; unsigned: refused")


def auth_tokens(around: Surroundings) -> tuple[str, ...]:
    """Those that the server checks signatures with: of the environment, or the one it made for this machine."""
    if around.settings.twilio_auth_tokens:
        return around.settings.twilio_auth_tokens
    try:
        token = (around.settings.var_dir / "twilio_auth_token").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ()
    return (token,) if token else ()


async def _refused(around: Surroundings, answer: Answered, token: str, which: str) -> Finding:
    words = _words(answer)
    if answer.status == 403 and words == "other_account":
        return wrong("the server takes another account's calls", "start it with the same TWILIO_ACCOUNT_SID as here")
    if answer.status != 403:
        remedy = "let the proxy or the tunnel pass every path on to this server, unchanged"
        return wrong(f"a signed notice was answered {answer.status} {words}", remedy)
    for base_url in _other_base_urls(around):
        if (await _signed(around, token, base_url)).status == 204:
            found = f"the server believes that its public address is {base_url}"
            return wrong(found, f"start it with PUBLIC_BASE_URL={around.base_url}; Twilio's webhooks are refused now")
    remedy = "start the server with the same TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL as here, then try again"
    return wrong(f"signed with {which} for {around.base_url}: refused", remedy)


def _other_base_urls(around: Surroundings) -> list[str]:
    """What a server may take for its address when it was not told the right one."""
    parts = urlsplit(around.base_url)
    port = around.settings.port
    guesses = (
        f"http://{parts.netloc}",
        f"https://{parts.netloc}",
        f"http://127.0.0.1:{port}",
        f"http://localhost:{port}",
        f"http://0.0.0.0:{port}",
        f"https://{parts.hostname}",
    )
    return [guess for guess in dict.fromkeys(guesses) if guess != around.base_url]


async def _signed(around: Surroundings, token: str, base_url: str) -> Answered:
    """Post a notice to the server, signed as if it had gone to `base_url`."""
    notice = _notice(around)
    text = base_url + PATH + "".join(name + notice[name] for name in sorted(notice))
    mac = hmac.new(token.encode(), text.encode(), hashlib.sha1)
    headers = {SIGNATURE_HEADER: base64.b64encode(mac.digest()).decode()}
    return await around.probes.post_form(around.base_url + PATH, notice, headers)


def _notice(around: Surroundings) -> dict[str, str]:
    return {
        "AccountSid": around.settings.twilio_account_sid or "AC" + "0" * 32,
        "CallSid": "CA" + secrets.token_hex(16),
        "CallStatus": STATUS,
    }


def _is_ours(answer: Answered) -> bool:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return False
    return answer.status == 200 and isinstance(said, Mapping) and said.get("status") == "ok"


def _words(answer: Answered) -> str:
    """The beginning of an answer, in one line."""
    return " ".join(answer.body[:80].decode("utf-8", "replace").split())
