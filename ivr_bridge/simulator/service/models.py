"""The speech models that the sandbox has, with the vendor's limits. All speak with one mouth."""

from typing import Any

_LANGUAGES = {"en": "English", "es": "Spanish", "zh": "Chinese"}


def _model(
    model_id: str, name: str, largest: int, languages: tuple[str, ...], *, cost: float, group: str
) -> dict[str, Any]:
    """One row of GET /v1/models; `largest` text in characters."""
    return {
        "model_id": model_id,
        "name": f"{name} (sandbox)",
        "can_do_text_to_speech": True,
        "can_be_finetuned": False,
        "can_do_voice_conversion": False,
        "can_use_style": group == "standard",
        "can_use_speaker_boost": group == "standard",
        "serves_pro_voices": False,
        "token_cost_factor": cost,
        "description": "Spoken by espeak-ng.",
        "requires_alpha_access": False,
        "max_characters_request_free_user": min(largest, 10_000),
        "max_characters_request_subscribed_user": largest,
        "maximum_text_length_per_request": largest,
        "languages": [{"language_id": language, "name": _LANGUAGES[language]} for language in languages],
        "model_rates": {"character_cost_multiplier": cost},
        "concurrency_group": group,
    }


_ALL = tuple(_LANGUAGES)
MODELS: dict[str, dict[str, Any]] = {
    row["model_id"]: row
    for row in (
        _model("eleven_flash_v2_5", "Eleven Flash v2.5", 40_000, _ALL, cost=0.5, group="turbo"),
        _model("eleven_turbo_v2_5", "Eleven Turbo v2.5", 40_000, _ALL, cost=0.5, group="turbo"),
        _model("eleven_multilingual_v2", "Eleven Multilingual v2", 10_000, _ALL, cost=1.0, group="standard"),
        _model("eleven_flash_v2", "Eleven Flash v2", 30_000, ("en",), cost=0.5, group="turbo"),
        _model("eleven_turbo_v2", "Eleven Turbo v2", 30_000, ("en",), cost=0.5, group="turbo"),
        _model("eleven_v3", "Eleven v3", 5_000, _ALL, cost=1.0, group="standard_eleven_v3"),
    )
}
"""Every model by its id."""
DEFAULT_MODEL = "eleven_multilingual_v2"
"""What speaks when nothing is asked for."""
