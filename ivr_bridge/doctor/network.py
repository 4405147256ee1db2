"""How far away everybody is, and whether this machine's clock goes right."""

import statistics
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ivr_bridge.doctor.finding import Finding, NotAsked, fine, wrong
from ivr_bridge.doctor.probe import Answered, NoAnswer
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.twilio.rest import login_of

REQUESTS = 5
FAR_MS = 300.0
SKEW_S = 30.0
"""From here on signatures of webhooks count as too old, or as made in the future."""

EXACT_S = 1.5
"""`Date` has whole seconds, and the answer takes its time."""


async def clock(around: Surroundings) -> Finding:
    """This machine's clock against the `Date` of the vendors' answers."""
    urls = [url for _, url in _vendors(around)]
    if not urls:
        raise NotAsked("there is no vendor to compare with", "set ELEVENLABS_API_KEY or Twilio's credentials")
    skews: list[tuple[str, float]] = []
    for url in urls:
        begun_unix_s = around.now_unix_s()
        try:
            answer = await around.probes.get(url)
        except NoAnswer:
            continue  # told by the check of its latency
        date = _date(answer)
        if date is not None:
            now_unix_s = (begun_unix_s + around.now_unix_s()) / 2
            skews.append((urlsplit(url).hostname or url, now_unix_s - date.timestamp() - 0.5))
    if not skews:
        raise NotAsked("no vendor told the time", "see the checks of latency")
    found = ", ".join(f"{host}: {_said(skew_s)}" for host, skew_s in skews)
    if all(abs(skew_s) > SKEW_S for _, skew_s in skews):
        return wrong(found, "set the clock by the network: timedatectl set-ntp true, or start chrony")
    return fine(found)


def _said(skew_s: float) -> str:
    if abs(skew_s) <= EXACT_S:
        return "the same time"
    return f"we are {abs(skew_s):.0f} s {'ahead' if skew_s > 0 else 'behind'}"


def _date(answer: Answered) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None


def latency_of(name: str) -> Callable[[Surroundings], Awaitable[Finding]]:
    """The check of one: `server`, `elevenlabs` or `twilio`."""

    async def latency(around: Surroundings) -> Finding:
        """The median of a few requests over a connection that is open already."""
        url = f"{around.base_url}/healthz" if name == "server" else dict(_vendors(around)).get(name)
        if url is None:
            key = "ELEVENLABS_API_KEY" if name == "elevenlabs" else "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
            raise NotAsked(f"{name} is not used", f"set {key}")
        try:
            await around.probes.get(url)
            answers = [await around.probes.get(url) for _ in range(REQUESTS)]
        except NoAnswer as error:
            if name == "server":
                raise NotAsked(str(error), "see the check `server`") from error
            return wrong(str(error), error.remedy)
        host = urlsplit(url).hostname
        if bad := [answer.status for answer in answers if answer.status >= 500]:
            return wrong(f"{host} answers {bad[0]}", "look at its status page; try again in a few minutes")
        taken = [answer.ms for answer in answers]
        median_ms = statistics.median(taken)
        found = f"{host}: {median_ms:.0f} ms (median of {REQUESTS}, {min(taken):.0f} to {max(taken):.0f})"
        return fine(found, "run the bridge nearer to it: callers wait for it" if median_ms > FAR_MS else "")

    return latency


def _vendors(around: Surroundings) -> list[tuple[str, str]]:
    """Whom the settings make use of; any answer of theirs will do, so nothing of the account is asked."""
    vendors: list[tuple[str, str]] = []
    if around.settings.elevenlabs_api_keys:
        vendors.append(("elevenlabs", around.settings.elevenlabs_base_url + "/"))
    if login_of(around.settings) is not None:
        vendors.append(("twilio", around.settings.twilio_api_base_url + "/"))
    return vendors
