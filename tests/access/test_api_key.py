import json
from pathlib import Path

import pytest

from ivr_bridge.access.api_key import ApiKeys
from ivr_bridge.errors import ConfigError


def made(var_dir: Path) -> tuple[ApiKeys, str]:
    keys = ApiKeys(var_dir)
    key = keys.load_or_make()
    assert key is not None
    return keys, key


def test_the_first_start_makes_a_key_and_tells_it_once(tmp_path: Path):
    keys, key = made(tmp_path / "var")
    assert key.startswith("ivr_")
    assert len(key) == 4 + 43
    assert keys.verify(key)
    assert keys.key_path.read_text() == key + "\n"
    again = ApiKeys(tmp_path / "var")
    assert again.load_or_make() is None
    assert again.verify(key)


def test_files_are_the_users_own_and_the_key_is_kept_hashed(tmp_path: Path):
    keys, key = made(tmp_path)
    for path in (keys.key_path, keys.hashes_path):
        assert path.stat().st_mode & 0o777 == 0o600
    assert key not in keys.hashes_path.read_text()
    assert [entry["name"] for entry in json.loads(keys.hashes_path.read_text())["keys"]] == ["first"]


@pytest.mark.parametrize("wrong", ["", " ", "ivr_", "ivr_x", "\udcff", "ü" * 1000])
def test_another_key_is_refused(tmp_path: Path, wrong: str):
    keys, key = made(tmp_path)
    assert not keys.verify(wrong)
    assert not keys.verify(key + wrong + "x")
    assert not keys.verify(key[:-1])
    assert not keys.verify(key.upper())


def test_nobody_gets_in_before_the_keys_are_read(tmp_path: Path):
    _, key = made(tmp_path)
    assert not ApiKeys(tmp_path).verify(key)
    assert not ApiKeys(tmp_path).verify("")


def test_a_second_server_of_the_checkout_shares_the_key(tmp_path: Path):
    first, key = made(tmp_path)
    first.hashes_path.unlink()  # as it is before the first server has written it
    second = ApiKeys(tmp_path)
    assert second.load_or_make() is None
    assert second.verify(key)


def test_the_clear_key_may_be_moved_away_and_no_other_is_made(tmp_path: Path):
    first, key = made(tmp_path)
    first.key_path.unlink()
    again = ApiKeys(tmp_path)
    assert again.load_or_make() is None
    assert again.verify(key)
    assert not first.key_path.exists()


def test_several_keys(tmp_path: Path):
    one, key = made(tmp_path / "one")
    two, other = made(tmp_path / "two")
    both = [json.loads(keys.hashes_path.read_text())["keys"][0] for keys in (one, two)]
    one.hashes_path.write_text(json.dumps({"keys": both}))
    one.load_or_make()
    assert one.verify(key)
    assert one.verify(other)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [{"name": "x", "sha256": "abc"}]}', "\x00"])
def test_a_broken_file_lets_nobody_in(tmp_path: Path, text: str):
    keys, key = made(tmp_path)
    keys.hashes_path.write_text(text)
    broken = ApiKeys(tmp_path)
    with pytest.raises(ConfigError, match=r"api_keys\.json: is not a list of keys; remove it"):
        broken.load_or_make()
    assert not broken.verify(key)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path):
    (tmp_path / "api_keys.json").mkdir()
    with pytest.raises(ConfigError, match=r"api_keys\.json: cannot be read"):
        ApiKeys(tmp_path).load_or_make()
