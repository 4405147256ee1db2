from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.records.records import Records


def test_the_records_are_such_a_keeper() -> None:
    named = {name for name in vars(RowKeeper) if not name.startswith("_")}
    assert named == {"put", "change", "promise"}
    assert all(callable(getattr(Records, name)) for name in named)
