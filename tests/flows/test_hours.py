import zoneinfo
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.config_file import Problem, load
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.hours import DAYS, Calendar, HoursFile

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def calendar(week: dict[str, object], zone: str = BERLIN, **holidays: object) -> Calendar:
    days = {name.removeprefix("d").replace("_", "-"): spans for name, spans in holidays.items()}
    return Calendar.model_validate({"time_zone": zone, "week": week, "holidays": days})


def at(text: str, zone: str = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


OFFICE = calendar({day: ["09:00-12:00", "13:00-18:00"] for day in DAYS[:5]})
BAR = calendar({"friday": ["18:00-02:00"], "saturday": ["20:00-24:00"], "sunday": ["00:00-01:00", "22:00-00:00"]})


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("2026-11-23T08:59:59.999999", "closed"),
        ("2026-11-23T09:00", "open"),
        ("2026-11-23T11:59:59", "open"),
        ("2026-11-23T12:00", "closed"),
        ("2026-11-23T13:00", "open"),
        ("2026-11-23T18:00", "closed"),
        ("2026-11-22T10:00", "closed"),  # a Sunday
    ],
)
def test_a_week_of_two_spans_a_day(when: str, state: str):
    assert OFFICE.state(at(when)) == state


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("2026-11-27T17:59", "closed"),
        ("2026-11-27T23:59", "open"),
        ("2026-11-28T00:00", "open"),
        ("2026-11-28T01:59", "open"),
        ("2026-11-28T02:00", "closed"),
        ("2026-11-28T19:59", "closed"),
        ("2026-11-28T23:59", "open"),
        ("2026-11-29T00:59", "open"),
        ("2026-11-29T01:00", "closed"),
        ("2026-11-29T23:59", "open"),
        ("2026-11-30T00:00", "closed"),
        ("2026-11-27T01:00", "closed"),  # the night before belongs to Thursday
    ],
)
def test_over_midnight(when: str, state: str):
    assert BAR.state(at(when)) == state


def test_the_zone_is_the_calendars_own():
    assert OFFICE.state(datetime(2026, 11, 23, 8, 0, tzinfo=UTC)) == "open"
    assert OFFICE.state(datetime(2026, 11, 23, 7, 59, tzinfo=UTC)) == "closed"
    assert OFFICE.state(at("2026-11-23T03:00", NEW_YORK)) == "open"
    assert OFFICE.state(at("2026-07-06T07:00", "UTC")) == "open"  # summer: two hours ahead
    tokyo = calendar({"monday": ["00:00-24:00"]}, "Asia/Tokyo")
    assert tokyo.state(datetime(2026, 11, 22, 15, 0, tzinfo=UTC)) == "open"
    assert tokyo.state(datetime(2026, 11, 23, 15, 0, tzinfo=UTC)) == "closed"


HOLIDAYS = calendar(
    {day: ["22:00-04:00" if day == "thursday" else "09:00-17:00"] for day in DAYS},
    d12_25="closed",
    d2026_12_24=["09:00-12:00"],
    d2027_12_25=["10:00-11:00"],
    d02_29="closed",
    d2026_12_31=["20:00-03:00"],
)


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("2026-12-24T10:00", "open"),
        ("2026-12-24T13:00", "holiday"),  # its own spans are over
        ("2026-12-24T22:30", "holiday"),  # a Thursday, but its spans are replaced
        ("2026-12-25T03:00", "holiday"),  # and so nothing goes on after midnight
        ("2026-12-25T10:00", "holiday"),
        ("2026-12-26T10:00", "open"),
        ("2027-12-25T10:30", "open"),  # a dated one wins
        ("2027-12-25T11:00", "holiday"),
        ("2028-12-25T10:30", "holiday"),
        ("2028-02-29T10:00", "holiday"),
        ("2027-02-28T10:00", "open"),
        ("2026-12-31T21:00", "open"),
        ("2027-01-01T02:59", "open"),  # began on the day before
        ("2027-01-01T03:00", "closed"),
    ],
)
def test_holidays_stand_in_the_place_of_the_weekday(when: str, state: str):
    assert HOLIDAYS.state(at(when)) == state


def test_what_began_before_a_holiday_goes_on():
    bar = calendar({"thursday": ["18:00-02:00"]}, d2026_11_27="closed")
    assert [bar.state(at(f"2026-11-27T0{hour}:30")) for hour in (1, 2)] == ["open", "holiday"]


@pytest.mark.parametrize(("zone", "day"), [(BERLIN, "2026-03-29"), (NEW_YORK, "2026-03-08")])
def test_an_hour_that_is_skipped_is_never_there(zone: str, day: str):
    night = calendar({"sunday": ["02:30-04:00"]}, zone)
    before = at(f"{day}T01:59", zone).astimezone(UTC)
    minute = timedelta(minutes=1)
    assert [night.state(before), night.state(before + minute)] == ["closed", "open"]
    before_four = before + timedelta(minutes=60)
    assert [night.state(before_four), night.state(before_four + minute)] == ["open", "closed"]
    gone = calendar({"sunday": ["02:00-03:00"]}, zone)
    assert {gone.state(before + step * minute) for step in range(180)} == {"closed"}


@pytest.mark.parametrize(("zone", "day"), [(BERLIN, "2026-10-25"), (NEW_YORK, "2026-11-01")])
def test_an_hour_that_comes_twice_is_the_same_both_times(zone: str, day: str):
    twice = "02" if zone == BERLIN else "01"
    after = f"{int(twice) + 1:02}:00"
    until = calendar({"saturday": [f"18:00-{after}"]}, zone)
    begun = at(f"{day}T00:00", zone).astimezone(UTC)
    night_minutes = (int(twice) + 2) * 60
    states = [until.state(begun + timedelta(minutes=step)) for step in range(night_minutes + 1)]
    assert states == ["open"] * night_minutes + ["closed"]
    half = calendar({"sunday": [f"{twice}:30-{after}"]}, zone)
    for fold in (0, 1):
        assert [half.state(at(f"{day}T{twice}:{minute}", zone, fold)) for minute in (29, 30)] == ["closed", "open"]


def test_a_day_keeps_its_hours_when_the_clock_was_changed_in_its_night():
    for day in ("2026-03-29", "2026-10-25"):
        shop = calendar({"sunday": ["09:00-10:00"]})
        assert [shop.state(at(f"{day}T{time}")) for time in ("08:59", "09:00", "09:59", "10:00")] == [
            "closed", "open", "open", "closed",
        ]  # fmt: skip


# Against a clock that is read minute by minute


def clocks(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


spans = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda span: span[0] != span[1]), max_size=3
)
days = st.dates(date(2026, 1, 2), date(2028, 12, 30))


def written(span: list[tuple[int, int]]) -> list[str]:
    return [f"{clocks(begin)}-{clocks(end)}" for begin, end in span]


def minutes_open(own: list[tuple[int, int]], before: list[tuple[int, int]]) -> set[int]:
    """The minutes of a day that are open: by its own spans, and by the rest of the day before's."""
    found: set[int] = set()
    for begin, end in own:
        found.update(range(begin, end if end > begin else 1440))
    for begin, end in before:
        found.update(range(end) if end < begin else ())
    return found


@given(
    week=st.lists(spans, min_size=7, max_size=7),
    holidays=st.dictionaries(st.sampled_from(["2026-03-29", "10-25", "2027-01-01", "06-15"]), spans),
    day=days | st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 16), date(2027, 1, 2)]),
    minute=st.integers(0, 1439),
    fold=st.integers(0, 1),
    zone=st.sampled_from([BERLIN, NEW_YORK, "Asia/Shanghai", "Australia/Lord_Howe", "UTC"]),
)
def test_against_a_clock_on_the_wall(
    week: list[list[tuple[int, int]]],
    holidays: dict[str, list[tuple[int, int]]],
    day: date,
    minute: int,
    fold: int,
    zone: str,
):
    def spans_of(each: date) -> list[tuple[int, int]]:
        name = each.isoformat()
        return holidays.get(name, holidays.get(name[5:], week[each.weekday()]))

    hours = Calendar.model_validate(
        {
            "time_zone": zone,
            "week": {name: written(own) for name, own in zip(DAYS, week, strict=True)},
            "holidays": {name: written(own) for name, own in holidays.items()},
        }
    )
    instant = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(zone), fold=fold)
    wall = instant.astimezone(UTC).astimezone(ZoneInfo(zone))  # a time that is skipped becomes one that is not
    is_open = wall.hour * 60 + wall.minute in minutes_open(
        spans_of(wall.date()), spans_of(wall.date() - timedelta(days=1))
    )
    name = wall.date().isoformat()
    rest = "holiday" if name in holidays or name[5:] in holidays else "closed"
    assert hours.state(instant.astimezone(UTC)) == ("open" if is_open else rest)


# The file


def test_the_file_of_the_example():
    hours = load(Path(__file__).parents[2] / "config" / "hours.yaml", HoursFile).hours["front_desk"]
    assert hours.state(at("2026-11-23T10:00", NEW_YORK)) == "open"
    assert hours.state(at("2026-11-23T12:30", NEW_YORK)) == "closed"
    assert hours.state(at("2026-12-25T10:00", NEW_YORK)) == "holiday"


def test_time_zones_do_not_depend_on_the_system():
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()
    try:
        assert calendar({"monday": ["09:00-10:00"]}).state(datetime(2026, 11, 23, 8, 30, tzinfo=UTC)) == "open"
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()


def test_days_need_no_quotes(tmp_path: Path):
    path = tmp_path / "hours.yaml"
    path.write_text(
        "hours: {a: {time_zone: UTC, week: {monday: closed}, holidays: {2026-12-25: closed, 12-24: closed}}}"
    )
    assert set(load(path, HoursFile).hours["a"].holidays) == {"2026-12-25", "12-24"}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("    time_zone: Mars/Olympus\n    week: {}\n", 3, "'Mars/Olympus' is no time zone"),
        ("    time_zone: Europe\n    week: {}\n", 3, "'Europe' is no time zone"),
        ("    time_zone: ../etc\n    week: {}\n", 3, "'../etc' is no time zone"),
        ("    time_zone: UTC\n    week:\n      monday: ['9:00-12:00']\n", 5, "should be a span such as"),
        ("    time_zone: UTC\n    week:\n      monday: ['09:00-25:00']\n", 5, "should be a span such as"),
        ("    time_zone: UTC\n    week:\n      monday: ['24:00-12:00']\n", 5, "should be a span such as"),
        ("    time_zone: UTC\n    week:\n      monday: ['09:00-24:30']\n", 5, "should be a span such as"),
        ("    time_zone: UTC\n    week:\n      monday: ['09:00-09:00']\n", 5, "ends as it begins"),
        ("    time_zone: UTC\n    week:\n      monday: 09:00-12:00\n", 5, "should be a list"),
        ("    time_zone: UTC\n    week:\n      mon: []\n", 5, "Input should be 'monday'"),
        ("    time_zone: UTC\n    week: {}\n    holidays:\n      '02-30': closed\n", 6, "should be a day such as"),
        ("    time_zone: UTC\n    week: {}\n    holidays:\n      2027-02-29: closed\n", 6, "is not YAML: day "),
        ("    time_zone: UTC\n    week: {}\n    holidays:\n      '20261225': closed\n", 6, "should be a day such as"),
        ("    time_zone: UTC\n    week: {}\n    hollidays: {}\n", 5, "unknown; one of: time_zone, week, holidays"),
        ("    week: {}\n", 2, "Field required"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str, line: int, what: str):
    path = tmp_path / "hours.yaml"
    path.write_text(f"hours:\n  shop:\n{text}")
    with pytest.raises(ConfigError) as caught:
        load(path, HoursFile)
    (problem,) = (Problem.of(each) for each in caught.value.problems)
    assert problem.line == line
    assert what in problem
