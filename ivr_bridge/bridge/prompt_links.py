"""Where Twilio finds the audio of a prompt, for the moments in which there is no stream to play it in."""

import hashlib
import secrets
import time
from collections.abc import Callable
from functools import cache as once
from pathlib import Path

from ivr_bridge.access.machine_secret import make_once
from ivr_bridge.access.signed_url import SignedUrls
from ivr_bridge.audio.hold_music import hold_music
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.speech.prompt_cache import PromptCache

FOLDER = "/prompts"


@once
def hold_music_key() -> str:
    """As a clip's, and different as soon as the music is."""
    return hashlib.sha256(hold_music()).hexdigest()


class PromptLinks:
    """One for the process.

    Args:
        signed: makes URLs that the server's own door opens.
        cache: where the audio is.
        base_url: as Twilio reaches us, now.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        signed: SignedUrls,
        cache: PromptCache,
        base_url: Callable[[], str],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.signed = signed
        self._cache = cache
        self._base_url = base_url
        self._wall = wall

    def url_of(self, prompt: Prompt | None) -> str | None:
        """The URL of a prompt's audio; None when it was never rendered, or is in no cache."""
        return self._url(prompt.key) if prompt is not None and prompt.key else None

    def url_of_hold_music(self) -> str:
        """For a caller who waits in Twilio's own rooms."""
        return self._url(hold_music_key())

    async def clip(self, key: str) -> bytes | None:
        """What lies under a key: mu-law at 8 kHz; None when nothing does."""
        return hold_music() if key == hold_music_key() else await self._cache.get(key)

    def _url(self, key: str) -> str:
        return self._base_url() + self.signed.signed(f"{FOLDER}/{key}.wav", self._wall())


def prompt_links(var_dir: Path, cache: PromptCache, base_url: Callable[[], str]) -> PromptLinks:
    """Those of this machine. Machines that serve one number behind one name share the secret, `var/url_secret`.

    Raises:
        ConfigError: the secret cannot be read or made.
    """
    secret, _ = make_once(var_dir / "url_secret", lambda: secrets.token_hex(32))
    return PromptLinks(SignedUrls(secret), cache, base_url)
