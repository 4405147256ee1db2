from urllib.parse import parse_qsl, urlsplit

import pytest

from ivr_bridge.access.signed_url import DAY_S, SignedUrls

NOW = 1_700_000_000.0
PATH = "/prompts/" + "a" * 64 + ".wav"


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_what_was_signed_is_good_for_one_to_two_days() -> None:
    urls = SignedUrls("s" * 64)
    query = query_of(urls.signed(PATH, NOW))
    until = urls.good_until(PATH, query, NOW)
    assert until is not None
    assert DAY_S < until - NOW <= 2 * DAY_S
    assert urls.good_until(PATH, query, until - 1) == until
    assert urls.good_until(PATH, query, until) is None


def test_it_is_the_same_text_all_day_so_that_it_can_be_cached() -> None:
    urls = SignedUrls("s" * 64)
    midnight = NOW // DAY_S * DAY_S
    assert urls.signed(PATH, midnight) == urls.signed(PATH, midnight + DAY_S - 1)
    assert urls.signed(PATH, midnight) != urls.signed(PATH, midnight + DAY_S)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "9999999999"}, {"expires": "-1"}, {"expires": ""}, {"expires": "٣" * 10}, {"expires": "1" * 5000},
        {"signature": "0" * 64}, {"signature": ""}, {"signature": "é" * 64}, {"signature": "0" * 6400},
    ],
)  # fmt: skip
def test_nothing_of_it_can_be_changed(change: dict[str, str]) -> None:
    urls = SignedUrls("s" * 64)
    query = query_of(urls.signed(PATH, NOW))
    assert urls.good_until(PATH, query | change, NOW) is None


def test_it_opens_one_path_and_only_with_the_secret_that_made_it() -> None:
    urls = SignedUrls("s" * 64)
    query = query_of(urls.signed(PATH, NOW))
    assert urls.good_until(PATH.replace("a", "b"), query, NOW) is None
    assert urls.good_until("/api/v1/calls", query, NOW) is None
    assert SignedUrls("t" * 64).good_until(PATH, query, NOW) is None
    assert urls.good_until(PATH, {}, NOW) is None
