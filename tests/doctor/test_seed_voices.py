from datetime import date

from ivr_bridge.doctor.seed_voices import DEFAULT_VOICES, DEFAULT_VOICES_END, SEED_VOICES


def test_two_of_the_male_profiles_are_women():
    assert [seed.profile for seed in SEED_VOICES if seed.misnamed] == ["Professional Male", "Authoritative Male"]


def test_five_profiles_with_an_id_each_and_all_of_them_end():
    ids = [seed.voice_id for seed in SEED_VOICES]
    assert len(set(ids)) == 5
    assert set(ids) < DEFAULT_VOICES
    assert date(2026, 12, 31) == DEFAULT_VOICES_END
