import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.flows.picture_layers import Link
from ivr_bridge.flows.picture_layout import Layout, Rectangle, lay_out

LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 30.0, 150.0])), max_size=20)
SIZES = st.lists(st.sampled_from([(232.0, 50.0), (232.0, 91.0), (120.0, 160.0)]), min_size=10, max_size=10)


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def points(path: str) -> list[tuple[float, float]]:
    """The line as a row of points, 16 for each curve."""
    found: list[tuple[float, float]] = []
    for letter, numbers in re.findall(r"([MVC])([^MVC]+)", path):
        values = [float(number) for number in numbers.split()]
        if letter == "M":
            found.append((values[0], values[1]))
        elif letter == "V":
            x, y = found[-1]
            found += [(x, y + (values[0] - y) * step / 16) for step in range(1, 17)]
        else:
            corners = [found[-1], *zip(values[::2], values[1::2], strict=True)]
            found += [bezier(corners, step / 16) for step in range(1, 17)]
    return found


def bezier(corners: list[tuple[float, float]], t: float) -> tuple[float, float]:
    weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
    return sum(w * x for w, (x, _) in zip(weights, corners, strict=True)), sum(
        w * y for w, (_, y) in zip(weights, corners, strict=True)
    )


def inside(point: tuple[float, float], box: Rectangle) -> bool:
    x, y = point
    return box.x + 0.2 < x < box.x + box.width - 0.2 and box.y + 0.2 < y < box.y + box.height - 0.2


@settings(deadline=None)
@given(SIZES, LINKS)
def test_nothing_covers_anything(sizes: list[tuple[float, float]], pairs: list[tuple[int, int, float]]):
    boxes = {str(number): size for number, size in enumerate(sizes)}
    links = [Link(str(a), str(b), width) for a, b, width in pairs]
    layout = lay_out(boxes, links)
    labels = [route.label for link, route in zip(links, layout.routes, strict=True) if link.label_width]
    for one, other in combinations([*layout.boxes.values(), *labels], 2):
        assert not overlap(one, other)
    for each in [*layout.boxes.values(), *labels]:
        assert each.x >= 0
        assert each.y >= 0
        assert each.x + each.width <= layout.width
        assert each.y + each.height <= layout.height
    for link, route in zip(links, layout.routes, strict=True):
        line = points(route.path)
        source, target = layout.boxes[link.source], layout.boxes[link.target]
        assert line[0][1] == pytest.approx(source.y + source.height, abs=0.2)
        assert source.x < line[0][0] < source.x + source.width
        assert line[-1][1] == pytest.approx(target.y, abs=0.2)
        assert target.x < line[-1][0] < target.x + target.width
        assert line[-2][1] < line[-1][1], "a line enters from above"
        for point in line:
            assert 0 <= point[0] <= layout.width
            assert 0 <= point[1] <= layout.height
            assert not any(inside(point, box) for box in layout.boxes.values())


@settings(deadline=None)
@given(SIZES, LINKS)
def test_the_same_again(sizes: list[tuple[float, float]], pairs: list[tuple[int, int, float]]):
    def once() -> Layout:
        boxes = {str(number): size for number, size in enumerate(sizes)}
        return lay_out(boxes, [Link(str(a), str(b), width) for a, b, width in pairs])

    assert once() == once()


def test_a_chain_is_one_straight_line():
    layout = lay_out(dict.fromkeys("abcd", (100.0, 40.0)), [Link("a", "b", 0), Link("b", "c", 30), Link("c", "d", 0)])
    assert {box.middle for box in layout.boxes.values()} == {layout.boxes["a"].middle}
    for route in layout.routes:
        assert {x for x, _ in points(route.path)} == {layout.boxes["a"].middle}


def test_a_long_line_is_straight_beside_the_boxes_that_it_passes():
    pairs = ["ab", "bc", "cd", "de", "ae"]
    layout = lay_out(dict.fromkeys("abcde", (100.0, 40.0)), [Link(*pair, label_width=30) for pair in pairs])
    middle = [x for x, y in points(layout.routes[4].path) if layout.boxes["b"].y < y < layout.boxes["d"].y]
    assert middle
    assert max(middle) - min(middle) < 1


def test_lines_that_end_at_one_box_do_not_end_at_one_point():
    layout = lay_out(dict.fromkeys("abcd", (100.0, 40.0)), [Link(each, "d", 0) for each in "aabbc"])
    ends = sorted(points(route.path)[-1][0] for route in layout.routes)
    assert all(right - left >= 10 for left, right in pairwise(ends))


def test_one_box():
    assert lay_out({"a": (100.0, 40.0)}, []) == Layout(156, 96, {"a": Rectangle(28, 28, 100, 40)}, ())
