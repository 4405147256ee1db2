"""Text to speech over REST: a whole clip at once.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/convert
"""

from collections.abc import Mapping

from ivr_bridge.elevenlabs.rest.client import RestClient, segment
from ivr_bridge.errors import VendorFailed

_NO_LANGUAGE_CODE = ("eleven_multilingual_v2", "eleven_multilingual_v1", "eleven_monolingual_v1")
"""Models that refuse `language_code`; they hear the language in the text."""


async def synthesize(
    client: RestClient,
    *,
    voice_id: str,
    text: str,
    model_id: str,
    output_format: str = "pcm_16000",
    language_code: str | None = None,
    voice_settings: Mapping[str, object] | None = None,
    timeout_s: float = 30.0,
) -> bytes:
    """The whole clip, without a header: for `pcm_*` signed 16-bit little-endian, for `ulaw_8000` a byte a sample.

    Args:
        client: with a key that may use the voice.
        voice_id: the vendor's.
        text: not empty; how long it may be depends on the model (thousands of characters).
        model_id: such as `eleven_flash_v2_5`.
        output_format: one without a container: `pcm_<rate>`, `ulaw_8000`, `alaw_8000`.
        language_code: `en`, `es`, `zh`; left out for models that refuse it.
        voice_settings: only what differs from the voice's own.
        timeout_s: for the whole clip.

    Raises:
        ValueError: no text.
        VendorError: no answer, an error, or bytes that cannot be audio of this format.
    """
    if not text.strip():
        raise ValueError("nothing to say: the text is empty")
    body: dict[str, object] = {"text": text, "model_id": model_id}
    if language_code and model_id not in _NO_LANGUAGE_CODE:
        body["language_code"] = language_code
    if voice_settings:
        body["voice_settings"] = dict(voice_settings)
    path = f"/v1/text-to-speech/{segment(voice_id)}"
    audio = await client.post_bytes(path, body, query={"output_format": output_format}, timeout_s=timeout_s)
    if output_format.startswith("pcm_") and len(audio) % 2:
        raise VendorFailed(f"POST {path}: {len(audio)} bytes are no 16-bit audio", status=200)
    return audio
