from ivr_bridge.simulator.service.merge import copied, merged


def test_objects_are_joined_and_lists_replaced():
    old = {"a": {"b": 1, "c": [1, 2], "d": {"e": 1}}, "f": 1}
    change = {"a": {"c": [3], "d": {"g": 2}, "h": None}, "f": {"i": 1}}
    assert merged(old, change) == {"a": {"b": 1, "c": [3], "d": {"e": 1, "g": 2}, "h": None}, "f": {"i": 1}}
    assert old == {"a": {"b": 1, "c": [1, 2], "d": {"e": 1}}, "f": 1}


def test_nothing_is_shared():
    old = {"a": [{"b": 1}]}
    merged(old, {})["a"][0]["b"] = 2
    copied(old)["a"].append(1)
    assert old == {"a": [{"b": 1}]}
