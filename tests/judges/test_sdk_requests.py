"""The same calls with our REST client and with the vendor's own library make the same requests.

Where they differ, the reason is in the test's name.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from tests.support.openapi import rest_spec
from tests.support.rest_call import Call, made
from tests.support.rest_calls import CALLS
from tests.support.rest_recorder import Recorder, recorder


class Both:
    """Our client and theirs, at one recorder."""

    def __init__(self, vendor: Recorder, ours: ElevenLabsAPIClient, theirs: AsyncElevenLabs) -> None:
        self.vendor = vendor
        self.ours = ours
        self.theirs = theirs


@pytest.fixture
async def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Both]:
    rest_spec()
    monkeypatch.chdir(tmp_path)
    async with recorder() as vendor, httpx.AsyncClient() as http, ElevenLabsAPIClient(vendor.url, "sk_test") as ours:
        yield Both(vendor, ours, AsyncElevenLabs(api_key="sk_test", base_url=vendor.url, httpx_client=http))


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_the_same_request(both: Both, call: Call):
    await made(call.ours(both.ours))
    await made(call.theirs(both.theirs))
    ours, theirs = both.vendor.seen
    assert ours == theirs
    assert ours.headers["xi-api-key"] == theirs.headers["xi-api-key"] == "sk_test"
    assert (
        ours.headers.get("content-type", "").partition(";")[0]
        == theirs.headers.get("content-type", "").partition(";")[0]
    )


async def test_an_id_with_a_slash_stays_one_segment_where_theirs_leads_to_another_path(both: Both):
    await made(both.ours.voices.get("v/settings"))
    await made(both.theirs.voices.get("v/settings"))
    assert [seen.path for seen in both.vendor.seen] == ["/v1/voices/v%2Fsettings", "/v1/voices/v/settings"]


async def test_a_language_is_kept_from_a_model_that_refuses_it_where_theirs_sends_it(both: Both):
    model = "eleven_multilingual_v2"
    await made(both.ours.text_to_speech.convert(voice_id="v", text="Hola", model_id=model, language_code="es"))
    await made(both.theirs.text_to_speech.convert("v", text="Hola", model_id=model, language_code="es"))
    assert ["language_code" in seen.body for seen in both.vendor.seen] == [False, True]


async def test_model_and_format_are_always_told_where_theirs_leaves_them_to_the_vendor(both: Both):
    await made(both.ours.text_to_speech.convert(voice_id="v", text="Hola"))
    await made(both.theirs.text_to_speech.convert("v", text="Hola"))
    ours, theirs = both.vendor.seen
    assert (ours.body["model_id"], ours.query) == ("eleven_flash_v2_5", (("output_format", "pcm_16000"),))
    assert (theirs.body, theirs.query) == ({"text": "Hola"}, ())


async def test_pages_are_as_large_as_may_be_where_theirs_are_the_vendors_default(both: Both):
    await made(both.ours.tools.list())
    await made(both.theirs.conversational_ai.tools.list())
    assert [seen.query for seen in both.vendor.seen] == [(("page_size", "100"),), ()]
