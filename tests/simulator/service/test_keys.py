from ivr_bridge.simulator.service.keys import read_keys


def test_any_key_but_none():
    keys = read_keys(None)
    assert keys.accepts("any")
    assert not keys.accepts(None)


def test_some_keys():
    for keys in (read_keys("a, b"), read_keys(["a", "b"])):
        assert [key for key in ("a", "b", "c", "a, b", "") if keys.accepts(key)] == ["a", "b"]


def test_a_dead_one():
    keys = read_keys(None)
    keys.kill("a")
    assert (keys.accepts("a"), keys.accepts("b")) == (False, True)
    keys.revive("a")
    assert keys.accepts("a")
