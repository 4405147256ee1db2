"""Twilio's side: credentials, the token that signatures are made with, and where the number's calls go."""

from collections.abc import Sequence

from ivr_bridge.doctor.finding import Finding, NotAsked, fine, joined, wrong
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import VendorRejected
from ivr_bridge.twilio.account import IncomingNumber, fetch_account, incoming_numbers
from ivr_bridge.twilio.rest import TwilioLogin, TwilioRest

VOICE_PATH, FALLBACK_PATH, STATUS_PATH = "/twilio/voice", "/twilio/fallback", "/twilio/status"
OVERRIDES = "#rc=2&rp=ct,rt,5xx"
"""Twilio tries again, also after a time limit or a 5xx; without them only where no connection is had."""
SHOWN = 5


async def credentials(around: Surroundings) -> Finding:
    """Twilio takes what REST requests are made with, and the account may be used."""
    rest = around.twilio()
    try:
        account = await fetch_account(rest)
    except VendorRejected as error:
        if error.status == 401:
            remedy = "copy the account SID and a valid token, or an API key and its secret, from the Twilio console"
            return wrong(f"Twilio does not accept them: {error}", remedy)
        return wrong(str(error), "TWILIO_ACCOUNT_SID must be the account that the token or the API key belongs to")
    label = f"{account.friendly_name or account.sid}, {account.type}"
    if account.status != "active":
        return wrong(f"the account is {account.status} ({label})", "open it in the Twilio console: payment or a review")
    trial = "upgrade it: a trial plays a notice before each call and calls only verified numbers"
    return fine(f"accepted ({label})", trial if account.type == "Trial" else "")


async def auth_token(around: Surroundings) -> Finding:
    """The first token is one of Twilio's own: with another, every webhook is refused as unsigned."""
    around.twilio()
    settings = around.settings
    tokens, account_sid = settings.twilio_auth_tokens, settings.twilio_account_sid
    if not tokens or account_sid is None:
        raise NotAsked("TWILIO_AUTH_TOKEN is not set", "set it: an API key signs no webhooks")
    findings: list[Finding] = []
    for position, token in enumerate(tokens, start=1):
        login = TwilioLogin(account_sid, account_sid, token)
        rest = TwilioRest(login, base_url=settings.twilio_api_base_url, timeout_s=around.timeout_s)
        which = f"token {position} of {len(tokens)}"
        try:
            await fetch_account(rest)
        except VendorRejected as error:
            if error.status != 401:
                raise
            findings.append(Finding(None, f"{which} is not valid"))
        else:
            findings.append(fine(f"{which} is valid"))
        finally:
            await rest.close()
    found = "; ".join(finding.found for finding in findings)
    if not any(finding.ok for finding in findings):
        remedy = "copy the primary auth token of the account that owns the number; until then every call is refused"
        return wrong(found, remedy)
    return fine(found, "" if all(finding.ok for finding in findings) else "take the one that is not valid out")


async def number(around: Surroundings) -> Finding:
    """Calls of at least one number come here, by POST and with a fallback; and those of each that a flow names."""
    rest = around.twilio()
    if not around.is_public:
        raise NotAsked("PUBLIC_BASE_URL is not set: no number can point here", "set PUBLIC_BASE_URL=https://your.host")
    try:
        numbers = [each async for each in incoming_numbers(rest)]
    except VendorRejected as error:
        if error.status != 401:
            raise
        raise NotAsked("Twilio cannot be asked", "see the check `twilio_credentials`") from error
    ours = [each for each in numbers if _comes_here(each, around.base_url)]
    findings = [_judged(each, around.base_url) for each in ours]
    if not ours:
        findings.append(_nobody(numbers, around.base_url))
    findings += [
        wrong(f"a flow is for {each.phone_number}, whose calls go to {_goal(each)}", _remedy(around.base_url))
        for each in await _named_by_flows(around, numbers)
        if each not in ours
    ]
    return joined(findings)


def _comes_here(each: IncomingNumber, base_url: str) -> bool:
    return _goal(each).partition("#")[0].partition("?")[0] == base_url + VOICE_PATH


def _goal(each: IncomingNumber) -> str:
    """Where its calls go."""
    if each.trunk_sid:
        return f"the SIP trunk {each.trunk_sid}"
    if each.voice_application_sid:
        return f"the TwiML application {each.voice_application_sid}"
    return each.voice_url or "nowhere"


def _remedy(base_url: str) -> str:
    return f"in the number's settings, `a call comes in`: webhook, {base_url}{VOICE_PATH}{OVERRIDES}, HTTP POST"


def _nobody(numbers: Sequence[IncomingNumber], base_url: str) -> Finding:
    if not numbers:
        return wrong("the account has no number", f"buy one; then {_remedy(base_url)}")
    goals = ", ".join(f"{each.phone_number} to {_goal(each)}" for each in numbers[:SHOWN])
    more = f", and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return wrong(f"no number's calls come here: {goals}{more}", _remedy(base_url))


def _judged(each: IncomingNumber, base_url: str) -> Finding:
    """A number whose calls come here."""
    where = f"{each.phone_number} points here"
    if (each.voice_method or "POST").upper() != "POST":
        return wrong(f"{where} by {each.voice_method}", "set its method to HTTP POST: others are answered 405")
    advice: list[str] = []
    url, _, overrides = (each.voice_url or "").partition("#")
    if "rc=" not in overrides:
        advice.append(f"write its URL as {url}{OVERRIDES}: Twilio then tries again after a time limit or a 5xx")
    if not each.voice_fallback_url:
        advice.append(f"set `primary handler fails` to {base_url}{FALLBACK_PATH}, or to a TwiML Bin")
    if not each.status_callback:
        advice.append(f"set `call status changes` to {base_url}{STATUS_PATH}")
    return fine(where, "; ".join(advice))


async def _named_by_flows(around: Surroundings, numbers: Sequence[IncomingNumber]) -> list[IncomingNumber]:
    try:
        flows = (await around.written()).flows
    except NotAsked:
        return []
    named = {pattern for flow in flows.values() for pattern in flow.numbers}
    return [each for each in numbers if each.phone_number in named]
