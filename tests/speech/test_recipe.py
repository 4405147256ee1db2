import pytest

from ivr_bridge.speech import recipe as recipe_module
from ivr_bridge.speech.recipe import Recipe, wording_key
from ivr_bridge.speech.voice import Voice

RECIPE = Recipe("Hello.", "en", Voice("v", "m", {"speed": 1.0, "stability": 0.5}))


def test_the_same_recipe_has_the_same_key() -> None:
    again = Recipe("Hello.", "en", Voice("v", "m", {"stability": 0.5, "speed": 1.0}))
    assert again.key == RECIPE.key
    assert len(RECIPE.key) == 64
    assert set(RECIPE.key) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "other",
    [
        Recipe("Hello!", "en", RECIPE.voice),
        Recipe("Hello.", "es", RECIPE.voice),
        Recipe("Hello.", "en", Voice("w", "m", RECIPE.voice.settings)),
        Recipe("Hello.", "en", Voice("v", "n", RECIPE.voice.settings)),
        Recipe("Hello.", "en", Voice("v", "m", {"speed": 1.1, "stability": 0.5})),
        Recipe("Hello.", "en", Voice("v", "m")),
    ],
)
def test_whatever_sounds_different_has_another_key(other: Recipe) -> None:
    assert other.key != RECIPE.key


def test_a_new_audio_chain_gives_other_keys_and_the_same_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    key, wording = RECIPE.key, RECIPE.wording
    monkeypatch.setattr(recipe_module, "CHAIN_VERSION", "next")
    assert RECIPE.key != key
    assert RECIPE.wording == wording


def test_the_wording_is_text_and_language() -> None:
    assert Recipe("Hello.", "en", Voice("w", "n")).wording == RECIPE.wording == wording_key("Hello.", "en")
    assert wording_key("Hello.", "es") != RECIPE.wording
    assert RECIPE.wording != RECIPE.key
