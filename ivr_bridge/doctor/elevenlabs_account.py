"""ElevenLabs' side: the key and what it may do, what is left of the quota, how many calls there may be at once."""

from datetime import UTC, datetime

from ivr_bridge.doctor.finding import Finding, NotAsked, fine, wrong
from ivr_bridge.doctor.surroundings import NO_PERMISSION, NamedAgent, Surroundings
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.user import Subscription
from ivr_bridge.errors import VendorBusy, VendorError, VendorRejected
from ivr_bridge.settings import ELEVENLABS_URL

NOBODY = "ivr-bridge-doctor"
"""The id of nothing: what is asked of it changes nothing and costs nothing, and shows whether the key might ask."""
INVALID_KEY = "invalid_api_key"
SCOPES = {
    "convai_read": Request("GET", "/v1/convai/agents", {"page_size": 1}),
    "convai_write": Request("PATCH", f"/v1/convai/agents/{NOBODY}", json={}, repeat=Repeat.NEVER),
    "text_to_speech": Request("POST", f"/v1/text-to-speech/{NOBODY}", json={"text": "."}, repeat=Repeat.NEVER),
    "voices_read": Request("GET", "/v2/voices", {"page_size": 1}),
    "user_read": Request("GET", "/v1/user/subscription"),
}
"""Permission of a key -> a harmless request that needs it."""
NICE = ("user_read",)
"""Without these calls go well; only less can be told of the account."""

NEARLY = 0.9
"""Of the quota."""
STATUSES = {
    "past_due": "pay the open invoice before the account is closed",
    "incomplete": "end the subscription's payment: until then nothing is spoken",
    "free_disabled": "the free plan is blocked (the vendor says: unusual activity); take a paid one",
}
DEAD_STATUSES = ("incomplete", "free_disabled")
SPOKEN_AT_ONCE = {"free": 4, "starter": 6, "creator": 10, "pro": 20, "scale": 30, "business": 30}
"""Requests for flash speech at the same time, by plan, as the vendor listed them in August 2025."""


async def key(around: Surroundings) -> Finding:
    """Each key is one that the vendor knows."""
    keys = around.settings.elevenlabs_api_keys
    if not keys:
        await around.vendor()  # says what is missing
    refused: list[int] = []
    said: list[str] = []
    for position, each in enumerate(keys, start=1):
        which = f"key {position} of {len(keys)}"
        async with ElevenLabsAPIClient(around.settings.elevenlabs_base_url, (each,), log=around.log) as client:
            try:
                await client.user.get()
            except VendorRejected as error:
                if error.vendor_code == NO_PERMISSION:
                    said.append(f"{which} is good (and may not read the account)")
                    continue
                if error.vendor_code != INVALID_KEY and error.status != 401:
                    raise
                refused.append(position)
                said.append(f"{which} is refused: {error.vendor_code or error.status}")
            else:
                said.append(f"{which} is good")
    found = f"{around.settings.elevenlabs_base_url}: {', '.join(said)}"
    if len(refused) == len(keys):
        residency = "" if around.settings.elevenlabs_base_url == ELEVENLABS_URL else ", or correct ELEVENLABS_BASE_URL"
        return wrong(found, f"make a new key under Developers, API Keys, and set ELEVENLABS_API_KEY{residency}")
    return fine(found, f"take key {', '.join(map(str, refused))} out of ELEVENLABS_API_KEY" if refused else "")


async def scopes(around: Surroundings) -> Finding:
    """The key may do everything that is asked with it."""
    client = await around.vendor()
    missing = [name for name, request in SCOPES.items() if not await _may(client, request)]
    if not missing:
        return fine(f"has {', '.join(SCOPES)}")
    remedy = f"tick {', '.join(missing)} at this key (Developers, API Keys), or make one without restrictions"
    found = f"the key lacks {', '.join(missing)}"
    return fine(found, remedy) if set(missing) <= set(NICE) else wrong(found, remedy)


async def _may(client: ElevenLabsAPIClient, request: Request) -> bool:
    """Whether the vendor lets this key ask. Any answer but one about permissions says yes; no answer is raised."""
    try:
        await client.transport.empty(request)
    except VendorRejected as error:
        return error.vendor_code != NO_PERMISSION and error.status != 403
    except VendorBusy:
        return True
    return True


async def quota(around: Surroundings) -> Finding:
    """The subscription is alive, and characters are left until its next reset."""
    client = await around.vendor()
    try:
        subscription = await client.user.subscription()
    except VendorError as error:
        if error.vendor_code == NO_PERMISSION:
            raise NotAsked("the key may not read the account", "tick user_read at this key") from error
        raise
    limit = subscription.character_limit + _extension(subscription)
    used = subscription.character_count
    found = f"{subscription.tier}, {subscription.status or 'no status'}: {used} of {limit} characters are used"
    reset = subscription.next_character_count_reset_unix
    until = f" until {datetime.fromtimestamp(reset, UTC):%Y-%m-%d}" if reset else ""
    if subscription.status in DEAD_STATUSES:
        return wrong(found, STATUSES[subscription.status])
    if used >= limit:
        return wrong(found, f"take a larger plan, or allow usage-based billing: nothing is spoken{until}")
    if used >= NEARLY * limit:
        return fine(found, f"what is left must last{until}; allow usage-based billing before it is used up")
    return fine(found, STATUSES.get(subscription.status, ""))


def _extension(subscription: Subscription) -> int:
    """Characters that may be used, and paid, beyond the plan's."""
    extra = subscription.model_extra or {}
    most = extra.get("max_credit_limit_extension")
    if most == "unlimited":
        return 10**9
    fallback = extra.get("max_character_limit_extension")
    return next((each for each in (most, fallback) if isinstance(each, int)), 0)


async def concurrency(around: Surroundings) -> Finding:
    """No agent is limited to fewer calls than the server takes."""
    client = await around.vendor()
    agents = [each for each in await around.agents() if each.agent is not None]
    max_calls = around.settings.max_calls
    closed, few = [], []
    for each in agents:
        for limit, words in (
            (_limit(each, "agent_concurrency_limit"), "at once"),
            (_limit(each, "daily_limit"), "a day"),
        ):
            if limit == 0:
                closed.append(f"{each.label} may have no conversation {words}")
            elif limit is not None and 0 < limit < max_calls:
                few.append(f"{each.label} may have {limit} {words}, and MAX_CALLS is {max_calls}")
    if closed:
        return wrong("; ".join(closed), "raise the agent's limit in its settings; -1 is none")
    plan = await _plan(client)
    if few:
        return fine("; ".join([*few, plan]), "callers above that get the ladder: raise the limit, or lower MAX_CALLS")
    return fine(f"no agent is limited to fewer than MAX_CALLS ({max_calls}); {plan}")


async def _plan(client: ElevenLabsAPIClient) -> str:
    try:
        tier = (await client.user.subscription()).tier
    except VendorError:
        return "the plan is not known"
    at_once = SPOKEN_AT_ONCE.get(tier)
    return f"plan {tier}" + (f": {at_once} prompts may be spoken at once (list of 2025)" if at_once else "")


def _limit(each: NamedAgent, name: str) -> int | None:
    settings = (each.agent.platform_settings if each.agent is not None else None) or {}
    limits = settings.get("call_limits")
    found = limits.get(name) if isinstance(limits, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None
