from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.records.home import home_of, make_home


def test_made_once_and_another_in_each_place(tmp_path: Path) -> None:
    var = tmp_path / "var"
    assert home_of(var) is None
    home = make_home(var)
    assert make_home(var) == home_of(var) == home
    assert make_home(tmp_path / "other") != home
    assert [path.name for path in var.iterdir()] == ["home_id"]
    assert (var / "home_id").stat().st_mode & 0o777 == 0o600


def test_all_who_start_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as starting:
        homes = set(starting.map(lambda _: make_home(tmp_path), range(40)))
    assert homes == {home_of(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == ["home_id"]


@pytest.mark.parametrize("content", [b"", b" \n", b"x" * 65, b"\xff\xfe"])
def test_what_is_no_id_is_told_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "home_id").write_bytes(content)
    for ask in (home_of, make_home):
        with pytest.raises(ConfigError, match="home_id"):
            ask(tmp_path)
    assert (tmp_path / "home_id").read_bytes() == content


def test_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises((OSError, ConfigError)):
        make_home(tmp_path / "var")
