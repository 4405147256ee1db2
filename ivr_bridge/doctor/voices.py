"""The voices that callers hear: whether they are there, how long, and who they are."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from ivr_bridge.doctor.finding import Finding, NotAsked, fine, joined, wrong
from ivr_bridge.doctor.seed_voices import DEFAULT_VOICES, DEFAULT_VOICES_END, SEED_VOICES, SeedVoice
from ivr_bridge.doctor.surroundings import NO_PERMISSION, Surroundings, Written, choices
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.voices import Voice
from ivr_bridge.errors import VendorRejected

OTHER = "choose a voice of your own or of the library, and write its id"
LIKELY_GONE = (400, 402, 403, 404, 422)
"""How the vendor answers for a voice that the account cannot use."""


async def in_use(around: Surroundings) -> Finding:
    """Every voice that a call is to have can be used by this account."""
    client = await around.vendor()
    used = await _used(around)
    if not used:
        return fine("no voice is set: the vendor's own choice speaks", OTHER)
    today = _today(around)
    voices = await _voices(client, list(used))
    return joined(_judged(voice_id, uses, voices[voice_id], today) for voice_id, uses in used.items())


def _judged(voice_id: str, uses: str, voice: Voice | VendorRejected, today: date) -> Finding:
    if isinstance(voice, VendorRejected):
        plan = "take a paid plan, or " if voice.status == 402 else ""
        why = voice.vendor_code or f"HTTP {voice.status}"
        return wrong(f"{voice_id} ({uses}) cannot be used: {why}", f"{plan}{OTHER} where it is set")
    who = ", ".join(part for part in (voice.gender, voice.accent) if part)
    found = f"{voice.name or voice_id}{f' ({who})' if who else ''}, {uses}"
    if voice_id not in DEFAULT_VOICES and not voice.is_legacy:
        return fine(found)
    days = (DEFAULT_VOICES_END - today).days
    ends = f"ends in {days} days" if days > 0 else "may be gone any day"
    return fine(f"{found}: a default voice, {ends} ({DEFAULT_VOICES_END})", f"{OTHER} before that")


async def seeds(around: Surroundings) -> Finding:
    """Who the five voices of the first plans really are; it fails when one is in use that is not who it was."""
    client = await around.vendor()
    try:
        used = await _used(around)
    except NotAsked:
        used = {}
    voices = await _voices(client, [seed.voice_id for seed in SEED_VOICES])
    return joined(_seed(seed, used.get(seed.voice_id), voices[seed.voice_id]) for seed in SEED_VOICES)


def _seed(seed: SeedVoice, uses: str | None, voice: Voice | VendorRejected) -> Finding:
    label = f"`{seed.profile}` ({seed.promised_name}) is {seed.really}"
    if isinstance(voice, VendorRejected):
        found = f"{label}; not for this account"
        return wrong(f"{found}, and used by {uses}", f"{OTHER} there") if uses else fine(found)
    other = voice.name.split(" ")[0] not in ("", seed.name) or voice.gender not in ("", seed.gender)
    if other:
        found = f"{seed.voice_id}, `{seed.profile}`, is now {voice.name} ({voice.gender or 'nobody says who'})"
        return wrong(f"{found}, and used by {uses}", "listen to it; keep it or choose another") if uses else fine(found)
    if uses and seed.misnamed:
        return fine(f"{label}; used by {uses}", f"whoever wants a {seed.promised_gender} voice must choose another")
    return fine(f"{label}; used by {uses}" if uses else label)


async def _used(around: Surroundings) -> dict[str, str]:
    """Voice id -> where it is set."""
    written, agents = await around.written(), await around.agents()
    used: dict[str, str] = {}
    for each in agents:
        for voice_id, place in _agents_voices(each.agent) if each.agent is not None else ():
            used.setdefault(voice_id, f"{place} of {each.label}")
    for voice_id, place in _written_voices(written):
        used.setdefault(voice_id, place)
    return used


def _agents_voices(agent: Agent) -> Iterator[tuple[str, str]]:
    if agent.voice_id:
        yield agent.voice_id, "the voice"
    presets = agent.conversation_config.get("language_presets")
    for language, preset in presets.items() if isinstance(presets, dict) else ():
        overrides = preset.get("overrides") if isinstance(preset, dict) else None
        if voice_id := _voice_of(overrides):
            yield voice_id, f"the {language} voice"


def _written_voices(written: Written) -> Iterator[tuple[str, str]]:
    if written.bridge.prompt_voice:
        yield written.bridge.prompt_voice, "prompt_voice"
    if voice_id := _voice_of(written.bridge.overrides):
        yield voice_id, "overrides of bridge.yaml"
    for name, flow in written.flows.items():
        for choice in choices(flow):
            if voice_id := _voice_of(choice.overrides):
                yield voice_id, f"overrides of flow {name}"


def _voice_of(overrides: Any) -> str:
    tts = overrides.get("tts") if isinstance(overrides, Mapping) else None
    voice_id = tts.get("voice_id") if isinstance(tts, Mapping) else None
    return voice_id if isinstance(voice_id, str) else ""


async def _voices(client: ElevenLabsAPIClient, voice_ids: list[str]) -> dict[str, Voice | VendorRejected]:
    """Each voice as the vendor shows it, or why it cannot be used."""

    async def get(voice_id: str) -> Voice | VendorRejected:
        try:
            return await client.voices.get(voice_id, max_age_s=0)
        except VendorRejected as error:
            if error.vendor_code == NO_PERMISSION:
                raise NotAsked("the key may not read voices", "see the check `elevenlabs_scopes`") from error
            if error.status not in LIKELY_GONE:
                raise
            return error

    return dict(zip(voice_ids, await asyncio.gather(*map(get, voice_ids)), strict=True))


def _today(around: Surroundings) -> date:
    return datetime.fromtimestamp(around.now_unix_s(), UTC).date()
