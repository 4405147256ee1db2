from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ivr_bridge.access.signed_url import SignedUrls
from ivr_bridge.audio.hold_music import hold_music
from ivr_bridge.bridge.prompt_links import PromptLinks, hold_music_key, prompt_links
from ivr_bridge.speech.prompt import Prompt
from tests.support.virtual_time import run_virtual

NOW = 1_700_000_000.0


class Cache:
    async def get(self, key: str) -> bytes | None:
        return b"clip" if key == "ab" * 32 else None


def links(signed: SignedUrls) -> PromptLinks:
    cache: Any = Cache()
    return PromptLinks(signed, cache, lambda: "https://bridge.example", lambda: NOW)


def test_the_url_of_a_prompt_leads_to_its_clip_and_is_good() -> None:
    signed = SignedUrls("s" * 64)
    made = links(signed)
    url = made.url_of(Prompt("busy", "en", "Busy.", b"clip", "ab" * 32))
    assert url is not None
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("bridge.example", f"/prompts/{'ab' * 32}.wav")
    assert signed.good_until(parts.path, dict(parse_qsl(parts.query)), NOW)
    assert run_virtual(made.clip("ab" * 32)) == b"clip"


def test_what_is_in_no_cache_has_none() -> None:
    made = links(SignedUrls("s" * 64))
    assert made.url_of(None) is None
    assert made.url_of(Prompt("busy", "en", "Busy.", b"clip")) is None
    assert run_virtual(made.clip("cd" * 32)) is None


def test_the_music_is_always_there() -> None:
    made = links(SignedUrls("s" * 64))
    assert hold_music_key() in made.url_of_hold_music()
    assert run_virtual(made.clip(hold_music_key())) == hold_music()


def test_the_secret_is_this_machines_and_stays(tmp_path: Path) -> None:
    cache: Any = Cache()
    first, second = (prompt_links(tmp_path, cache, lambda: "https://b.example") for _ in range(2))
    assert first.url_of_hold_music() == second.url_of_hold_music()
    secret = tmp_path / "url_secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().strip() not in first.url_of_hold_music()
