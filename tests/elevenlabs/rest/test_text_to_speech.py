import pytest

from ivr_bridge.elevenlabs.rest.text_to_speech import synthesize
from ivr_bridge.errors import VendorFailed
from tests.support.vendor_answers import VendorAnswers

FLASH, MULTILINGUAL = "eleven_flash_v2_5", "eleven_multilingual_v2"


async def test_what_is_asked_for():
    vendor = VendorAnswers(b"\x00\x01")
    audio = await synthesize(
        vendor.client, voice_id="v/1", text="Hola", model_id=FLASH, language_code="es", voice_settings={"speed": 1.1}
    )
    assert audio == b"\x00\x01"
    assert vendor.asked == [("/v1/text-to-speech/v%2F1", {"output_format": "pcm_16000"})]
    assert vendor.bodies == [
        {"text": "Hola", "model_id": FLASH, "language_code": "es", "voice_settings": {"speed": 1.1}}
    ]


async def test_what_is_not_given_is_left_out():
    vendor = VendorAnswers(b"\x00\x01")
    await synthesize(vendor.client, voice_id="v", text="Hi", model_id=FLASH, voice_settings={})
    assert vendor.bodies == [{"text": "Hi", "model_id": FLASH}]


async def test_the_language_is_not_told_to_a_model_that_refuses_it():
    vendor = VendorAnswers(b"\x00\x01")
    await synthesize(vendor.client, voice_id="v", text="Hola", model_id=MULTILINGUAL, language_code="es")
    assert "language_code" not in vendor.bodies[0]


async def test_half_a_sample_is_no_pcm_but_may_be_mulaw():
    with pytest.raises(VendorFailed, match="3 bytes"):
        await synthesize(VendorAnswers(b"abc").client, voice_id="v", text="Hi", model_id=FLASH)
    audio = await synthesize(
        VendorAnswers(b"abc").client, voice_id="v", text="Hi", model_id=FLASH, output_format="ulaw_8000"
    )
    assert audio == b"abc"


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_nothing_to_say_is_not_asked_for(text: str):
    vendor = VendorAnswers()
    with pytest.raises(ValueError, match="empty"):
        await synthesize(vendor.client, voice_id="v", text=text, model_id=FLASH)
    assert vendor.asked == []
