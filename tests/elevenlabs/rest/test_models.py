"""Models."""

import pytest

from ivr_bridge.elevenlabs.rest.models import Models
from ivr_bridge.errors import VendorFailed
from tests.support.vendor_answers import VendorAnswers

FLASH = {
    "model_id": "eleven_flash_v2_5",
    "name": "Flash",
    "can_do_text_to_speech": True,
    "languages": [{"language_id": "en", "name": "English"}, {"language_id": "es", "name": "Spanish"}],
    "maximum_text_length_per_request": 40000,
    "concurrency_group": "turbo",
}


async def test_what_a_model_can_do():
    vendor = VendorAnswers([FLASH, {"model_id": "new", "languages": None}])
    flash, new = [model async for model in Models(vendor.transport).list(max_age_s=9)]
    assert flash.speaks("es")
    assert not flash.speaks("zh")
    assert not new.speaks("es")
    assert flash.maximum_text_length_per_request == 40000
    assert vendor.asked == [("GET /v1/models", {})]
    assert vendor.max_ages_s == [9]


async def test_what_is_no_list_of_models():
    with pytest.raises(VendorFailed, match="GET /v1/models"):
        await anext(Models(VendorAnswers({"detail": "x"}).transport).list())
    with pytest.raises(VendorFailed, match="model_id"):
        await anext(Models(VendorAnswers([{"name": "?"}]).transport).list())
