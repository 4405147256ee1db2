import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.flows.picture_layers import Layers, Link, layers_of

SIZE = (100.0, 40.0)


def layers(*pairs: str, boxes: str = "") -> Layers:
    """Links such as "ab" from a to b."""
    names = dict.fromkeys(boxes + "".join(pairs))
    return layers_of(dict.fromkeys(names, SIZE), [Link(*pair, label_width=30) for pair in pairs])


def rank(of: Layers, name: str) -> int:
    return of.boxes[name].rank


def test_a_box_stands_below_all_that_lead_to_it():
    of = layers("ab", "bc", "ac", "cd", "ad")
    assert [rank(of, name) for name in "abcd"] == [0, 2, 4, 6]
    assert of.back == set()
    assert [slot.rank for slot in of.chains[4]] == [1, 2, 3, 4, 5]
    assert [slot.width for slot in of.chains[4]][:2] == [30, 2]


def test_what_the_first_does_not_lead_to_stands_as_low_as_it_can():
    of = layers("ab", "bc", "cd", "xy", "yd", "zc")
    assert [rank(of, name) for name in "abcdxyz"] == [0, 2, 4, 6, 2, 4, 2]


def test_a_line_that_leads_back_rises_beside_its_box():
    of = layers("ab", "bc", "ca", "bb")
    assert of.back == {2, 3}
    assert [rank(of, name) for name in "abc"] == [0, 2, 4]
    up, loop = of.chains[2], of.chains[3]
    assert [slot.rank for slot in up] == [4, 3, 2, 1, 0]
    assert up[0].beside == [of.boxes["c"]]
    assert up[-1].beside == [of.boxes["a"]]
    assert [slot.rank for slot in loop] == [2]
    assert loop[0].beside == [of.boxes["b"], of.boxes["b"]]


@pytest.mark.parametrize("pairs", [("ab", "ac", "bd", "ce", "de"), ("ax", "ay", "az", "yd", "xd", "zd")])
def test_lines_that_need_not_cross_do_not(pairs: tuple[str, ...]):
    assert crossings(layers(*pairs)) == 0


def crossings(of: Layers) -> int:
    return sum(
        a.place > b.place
        for row in of.rows.values()
        for index, left in enumerate(row)
        for right in row[index + 1 :]
        for a in left.below
        for b in right.below
    )


def test_targets_stand_in_an_order_without_crossings_whatever_the_order_of_the_links():
    # Walked as they are written, c and d would stand the wrong way round.
    assert crossings(layers("ab", "ae", "bd", "bc", "ec", "bf", "ef")) <= 1


def test_a_single_box():
    of = layers(boxes="a")
    assert list(of.rows) == [0]
    assert of.rows[0] == [of.boxes["a"]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_every_slot_stands_once_and_in_its_rank(pairs: list[tuple[int, int]]):
    links = [Link(str(a), str(b), 10) for a, b in pairs]
    of = layers_of({str(name): SIZE for name in range(10)}, links)
    placed = [slot for row in of.rows.values() for slot in row]
    everything = [*of.boxes.values(), *(slot for chain in of.chains for slot in chain)]
    assert sorted(map(id, placed)) == sorted(map(id, everything))
    for number, row in of.rows.items():
        assert [slot.rank for slot in row] == [number] * len(row)
        assert [slot.place for slot in row] == list(range(len(row)))
    for index, link in enumerate(links):
        source, target = of.boxes[link.source], of.boxes[link.target]
        assert (target.rank <= source.rank) == (index in of.back)
