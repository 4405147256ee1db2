from tests.simulator.service.asker import Asker, asking

SARAH, RACHEL, ANTONI, DOMI = (
    "EXAVITQu4vr4xnSDxMaL",
    "21m00Tcm4TlvDq8ikWAM",
    "ErXwobaYiN019PkySvjV",
    "AZnzlk1XvdvUeBnXmlld",
)


async def found(asker: Asker, query: str) -> list[str]:
    return [voice["name"] for voice in (await asker.good("GET", f"/v2/voices?{query}"))["voices"]]


async def test_legacy_voices_are_shown_when_asked_for():
    async with asking() as asker:
        usual = (await asker.good("GET", "/v1/voices"))["voices"]
        everything = (await asker.good("GET", "/v1/voices?show_legacy=true"))["voices"]
        assert {voice["name"] for voice in everything} - {voice["name"] for voice in usual} == {"Rachel", "Antoni"}
        assert (await asker.good("GET", f"/v1/voices/{RACHEL}"))["is_legacy"]
        assert (await asker.good("GET", f"/v1/voices/{RACHEL}"))["labels"]["gender"] == "female"
        assert await asker.refused("GET", f"/v1/voices/{DOMI}") == (400, "voice_not_found")


async def test_searching():
    async with asking() as asker:
        assert await found(asker, "search=sar") == ["Sarah"]
        assert await found(asker, "gender=male&accent=british") == ["George"]
        assert await found(asker, f"voice_ids={ANTONI}&voice_ids={SARAH}") == ["Sarah", "Antoni"]
        assert await found(asker, "category=cloned") == []
        assert await found(asker, "sort=name&sort_direction=asc&page_size=2") == ["Alice", "Clara"]
        assert await asker.refused("GET", "/v2/voices?" + "&".join(f"voice_ids={n}" for n in range(101))) == (
            422,
            "too_long query.voice_ids",
        )


async def test_pages():
    async with asking() as asker:
        names, token = [], ""
        while token is not None:
            page = await asker.good("GET", f"/v2/voices?page_size=4&next_page_token={token}")
            names += [voice["name"] for voice in page["voices"]]
            token = page["next_page_token"]
            assert page["has_more"] == (token is not None)
        assert len(names) == len(set(names)) == page["total_count"] == 6


async def test_settings():
    async with asking() as asker:
        assert (await asker.good("GET", "/v1/voices/settings/default"))["stability"] == 0.5
        await asker.good("POST", f"/v1/voices/{SARAH}/settings/edit", {"stability": 0.9})
        settings = await asker.good("GET", f"/v1/voices/{SARAH}/settings")
        assert (settings["stability"], settings["speed"]) == (0.9, 1.0)
        assert (await asker.good("GET", f"/v1/voices/{SARAH}"))["settings"] == settings
        assert (await asker.good("GET", f"/v1/voices/{RACHEL}/settings"))["stability"] == 0.5
        assert await asker.refused("GET", f"/v1/voices/{DOMI}/settings") == (400, "voice_not_found")
