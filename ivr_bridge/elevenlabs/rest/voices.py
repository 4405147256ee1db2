"""Voices: which there are, who they are, how they are set.

Source: https://elevenlabs.io/docs/api-reference/voices/search
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, cast

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask, ask_cached
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.request import Query, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.elevenlabs.rest.voice_settings import VoiceSettings, checked_settings

_PATH = "/v1/voices"
_PAGE_SIZE = 100


class Voice(Answer):
    """One voice."""

    voice_id: str
    name: str = ""
    category: str = ""
    """`premade`, `cloned`, `generated`, `professional` ..."""
    labels: dict[str, Any] = {}
    """What people say of it: `gender`, `accent`, `age`, `use_case` ..."""
    settings: VoiceSettings | None = None
    verified_languages: tuple[dict[str, Any], ...] | None = None
    """Each with `language` and `model_id`."""
    is_legacy: bool = False
    """It will go away."""

    @property
    def gender(self) -> str:
        """`female`, `male`, `neutral`; empty when nobody says."""
        return str(self.labels.get("gender") or "")

    @property
    def accent(self) -> str:
        """Such as `american`; empty when nobody says."""
        return str(self.labels.get("accent") or "")


class VoicesPage(Answer):
    """One page of a search."""

    voices: tuple[Voice, ...]
    has_more: bool | None = None
    next_page_token: str | None = None


class AllVoices(Answer):
    """All voices of the account at once."""

    voices: tuple[Voice, ...]


class VoiceFilters(TypedDict, total=False):
    """What to search for, by the vendor's names; what is not there does not matter."""

    search: str
    """In name, description, labels and category."""
    sort: Literal["created_at_unix", "name"]
    sort_direction: Literal["asc", "desc"]
    voice_type: Literal["personal", "community", "default", "workspace", "non-default", "non-community", "saved"]
    category: Literal["premade", "cloned", "generated", "professional"]
    fine_tuning_state: str
    collection_id: str
    gender: str
    age: str
    language: Sequence[str]
    accent: str
    use_cases: Sequence[str]
    min_notice_period_days: int
    include_custom_rates: bool
    include_live_moderated: bool
    high_quality: bool
    include_total_count: bool
    voice_ids: Sequence[str]
    """At most 100."""


class Voices:
    """The voices that the account may use."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def search(self, *, page_size: int = _PAGE_SIZE, **filters: Unpack[VoiceFilters]) -> AsyncIterator[Voice]:
        """Every voice that fits, page by page (1 to 100 in one answer; the first may hold more)."""
        request = Request("GET", "/v2/voices", {"page_size": page_size, **cast("Query", filters)})
        return pages(self._transport, request, VoicesPage, lambda page: page.voices)

    async def list(self, *, show_legacy: bool | None = None) -> AsyncIterator[Voice]:
        """Every voice of the account in one answer; with `show_legacy` those too that will go away."""
        request = Request("GET", _PATH, {"show_legacy": show_legacy})
        for voice in (await ask(self._transport, request, AllVoices)).voices:
            yield voice

    async def get(self, voice_id: str, *, max_age_s: float = 0.0) -> Voice:
        """One voice.

        Args:
            voice_id: which one.
            max_age_s: an earlier answer will do that is no older, and any while the vendor fails; 0: only a new one.

        Raises:
            VendorError: no answer or an error; `VendorRejected` when there is none, or the account may not use it.
        """
        request = Request("GET", f"{_PATH}/{segment(voice_id)}")
        return await ask_cached(self._transport, request, Voice, max_age_s=max_age_s)

    async def settings(self, voice_id: str) -> VoiceSettings:
        """How one voice is set."""
        return await ask(self._transport, Request("GET", f"{_PATH}/{segment(voice_id)}/settings"), VoiceSettings)

    async def default_settings(self) -> VoiceSettings:
        """How a voice is set that nobody has set."""
        return await ask(self._transport, Request("GET", f"{_PATH}/settings/default"), VoiceSettings)

    async def edit_settings(self, voice_id: str, settings: Mapping[str, object]) -> None:
        """Set a voice, for everybody in the account who uses it.

        Args:
            voice_id: which one.
            settings: `stability`, `similarity_boost`, `style` (0 to 1), `speed` (0.7 to 1.2), `use_speaker_boost`.

        Raises:
            ValueError: a setting out of its range.
            VendorError: no answer or an error.
        """
        path = f"{_PATH}/{segment(voice_id)}"
        request = Request("POST", f"{path}/settings/edit", json=checked_settings(settings))
        try:
            await self._transport.empty(request)
        finally:
            await self._transport.forget(path)
