"""Where boxes and lines of a picture go: layers from top to bottom, by the method of Sugiyama.                 pure

Boxes stand on even ranks. A line passes each rank between its ends through a slot of its own, and the first slot is as
wide as the line's label; so no line crosses a box and no label covers anything, whatever the graph. A line that leads
back up leaves its box below, turns, rises beside it and enters its target from above, as every line does.

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf
from statistics import median

from ivr_bridge.flows.picture_layers import SWEEPS, Link, Slot, layers_of

MARGIN = 28.0
BOX_GAP = 26.0
SLOT_GAP = 14.0
SMALLEST_GAP = 24.0
"""Between two ranks; more where lines have far to go sideways."""
LARGEST_GAP = 64.0
PORTS_APART = 24.0
CORNER = 24.0
"""How far from a box's corner lines begin and end."""
STRAIGHT = 70.0
"""A slot not farther from its box's middle than this gets a straight line."""
STRAIGHTENINGS = 4


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Of its width."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Route:
    """One line: SVG path data that ends at the target's top, and where its label stands."""

    path: str
    label: Rectangle


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole: `routes` are in the order of the links."""

    width: float
    height: float
    boxes: Mapping[str, Rectangle]
    routes: tuple[Route, ...]


def lay_out(sizes: Mapping[str, tuple[float, float]], links: Sequence[Link]) -> Layout:
    """Place every box and line.

    Args:
        sizes: box -> (width, height); the first box stands on top, and what it does not lead to as low as it can.
        links: both ends in `sizes`; loops and cycles are fine.

    Returns:
        The same for the same arguments. No two boxes or labels overlap.
    """
    layers = layers_of(sizes, links)
    boxes, chains, back, rows = layers.boxes, layers.chains, layers.back, layers.rows
    _spread(rows)
    _straighten([_column(link, boxes, chain) for link, chain in zip(links, chains, strict=True)], rows)
    _to_the_margin(rows)
    tops, heights, gaps = _vertical(rows)
    drawn = {
        name: Rectangle(round(slot.x - slot.width / 2, 1), round(tops[slot.rank], 1), slot.width, slot.height)
        for name, slot in boxes.items()
    }
    pen = _Pen(tops, heights, gaps, _ports(boxes, links, chains))
    routes = tuple(
        pen.route(index, drawn[link.source], drawn[link.target], chains[index], leads_back=index in back)
        for index, link in enumerate(links)
    )
    right = max(slot.x + slot.width / 2 for row in rows.values() for slot in row)
    bottom = max(tops[rank] + heights[rank] + gaps[rank] for rank in rows)
    return Layout(round(right + MARGIN), round(bottom + MARGIN - SMALLEST_GAP), drawn, routes)


def _spread(rows: Mapping[int, list[Slot]]) -> None:
    """Give every slot its x: near its neighbours above and below, in its row's order, without touching."""
    for row in rows.values():
        for left, right in pairwise(row):
            right.x = left.x + _apart(left, right)
    for sweep in range(SWEEPS * 2):
        settling = sweep >= SWEEPS
        for rank in sorted(rows, reverse=sweep % 2 == 1):
            row = rows[rank]
            towards = [
                [*slot.above, *slot.below] if settling else (slot.above if sweep % 2 == 0 else slot.below)
                for slot in row
            ]
            _settle(row, towards)


def _column(link: Link, boxes: Mapping[str, Slot], chain: Sequence[Slot]) -> list[Slot]:
    """What should stand on one straight line: the slots of a link, and each end that has no other line there."""
    source, target = boxes[link.source], boxes[link.target]
    if chain[0].beside:
        return list(chain)
    return [*[source] * (len(source.below) == 1), *chain, *[target] * (len(target.above) == 1)]


def _straighten(columns: Iterable[Sequence[Slot]], rows: Mapping[int, list[Slot]]) -> None:
    """Give as many slots of each column as the others leave room for the same x; the longest columns first."""
    by_length = sorted(columns, key=len, reverse=True)
    for _ in range(STRAIGHTENINGS):
        for column in by_length:
            start = 0
            while start < len(column):
                low, high = _room(column[start], rows)
                end = start + 1
                while end < len(column):
                    narrower = _room(column[end], rows)
                    if max(low, narrower[0]) > min(high, narrower[1]):
                        break
                    low, high = max(low, narrower[0]), min(high, narrower[1])
                    end += 1
                x = min(max(median(slot.x for slot in column[start:end]), low), high)
                for slot in column[start:end]:
                    slot.x = x
                start = end


def _room(slot: Slot, rows: Mapping[int, list[Slot]]) -> tuple[float, float]:
    """The x that a slot may have without coming too near to those beside it."""
    row = rows[slot.rank]
    left = row[slot.place - 1] if slot.place else None
    right = row[slot.place + 1] if slot.place + 1 < len(row) else None
    low = -inf if left is None else left.x + _apart(left, slot)
    return min(low, slot.x), max(slot.x, inf if right is None else right.x - _apart(slot, right))


def _to_the_margin(rows: Mapping[int, list[Slot]]) -> None:
    left_edge = min(slot.x - slot.width / 2 for row in rows.values() for slot in row)
    for row in rows.values():
        for slot in row:
            slot.x = round(slot.x - left_edge + MARGIN, 1)


def _apart(left: Slot, right: Slot) -> float:
    gap = BOX_GAP if left.is_box and right.is_box else SLOT_GAP
    return (left.width + right.width) / 2 + gap


def _settle(row: list[Slot], towards: Sequence[Sequence[Slot]]) -> None:
    """Move a row as near as it may to where its neighbours are."""
    pulls = [_pull(slot, neighbours) for slot, neighbours in zip(row, towards, strict=True)]
    for slot, x in zip(row, _apart_in_order(pulls, [_apart(*pair) for pair in pairwise(row)]), strict=True):
        slot.x = x


def _apart_in_order(
    pulls: Sequence[tuple[float, float]], apart: Sequence[float], low: float = -inf, high: float = inf
) -> list[float]:
    """Least squares to (wanted, weight) from `low` to `high`, each value at least `apart` after the one before.

    By pooling adjacent violators on what remains when the room that all before need is taken off.
    """
    rooms = [0.0, *accumulate(apart)]
    pools: list[tuple[float, float, int]] = []
    for (wanted, weight), room in zip(pulls, rooms, strict=False):
        pools.append((wanted - room, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (x_b, w_b, n_b), (x_a, w_a, n_a) = pools.pop(), pools.pop()
            pools.append(((x_a * w_a + x_b * w_b) / (w_a + w_b), w_a + w_b, n_a + n_b))
    places = (x for x, _, n in pools for _ in range(n))
    return [min(max(x, low), high - rooms[-1]) + room for x, room in zip(places, rooms, strict=False)]


def _pull(slot: Slot, neighbours: Sequence[Slot]) -> tuple[float, float]:
    """Where a slot wants to be, and how much: a long line most of all wants to be straight."""
    pulls = [(other.x, 1.0 if slot.is_box or other.is_box else 8.0) for other in neighbours]
    for box in slot.beside:
        side = 1 if slot.place > box.place else -1
        pulls.append((box.x + side * _apart(box, slot), 1.0))
    if not pulls:
        return slot.x, 0.05
    weight = sum(w for _, w in pulls)
    return sum(x * w for x, w in pulls) / weight, weight


def _vertical(rows: Mapping[int, list[Slot]]) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
    """Of each rank: its top, its height, and the gap below it."""
    tops: dict[int, float] = {}
    heights: dict[int, float] = {}
    gaps: dict[int, float] = {}
    y = MARGIN + SMALLEST_GAP * any(slot.beside for slot in rows[min(rows)])
    for rank, row in rows.items():
        tops[rank], heights[rank] = y, max(slot.height for slot in row)
        sideways = [abs(slot.x - lower.x) - lower.width / 2 for slot in row for lower in slot.below]
        turns = [abs(slot.x - box.x) for slot in row for box in slot.beside]
        gaps[rank] = min(max(SMALLEST_GAP, 0.16 * max([*sideways, *turns], default=0.0)), LARGEST_GAP)
        y += heights[rank] + gaps[rank]
    return tops, heights, gaps


@dataclass(frozen=True, slots=True)
class _Ports:
    """The x where each line leaves its box and enters the other: straight above or below its slot, if it can be."""

    leaves: Mapping[int, float]
    enters: Mapping[int, float]
    turns_below: Mapping[int, float]
    """How much of the gap a line takes to turn under its box: up to 1, a wide turn more than one inside it."""
    turns_above: Mapping[int, float]


def _ports(boxes: Mapping[str, Slot], links: Sequence[Link], chains: Sequence[Sequence[Slot]]) -> _Ports:
    leaves: dict[int, float] = {}
    enters: dict[int, float] = {}
    turns_below: dict[int, float] = {}
    turns_above: dict[int, float] = {}
    for name, box in boxes.items():
        leaving = {index: chains[index][0] for index, link in enumerate(links) if link.source == name}
        entering = {index: chains[index][-1] for index, link in enumerate(links) if link.target == name}
        leaves |= _on_edge(box, leaving)
        enters |= _on_edge(box, entering)
        turns_below |= _turns(box, leaving)
        turns_above |= _turns(box, entering)
    return _Ports(leaves, enters, turns_below, turns_above)


def _turns(box: Slot, slots: Mapping[int, Slot]) -> dict[int, float]:
    depths: dict[int, float] = {}
    for side in (-1, 1):
        turning = [index for index, slot in slots.items() if slot.beside and (slot.x - box.x) * side > 0]
        turning.sort(key=lambda index: side * slots[index].x)
        depths |= {index: (place + 1) / len(turning) for place, index in enumerate(turning)}
    return depths


def _on_edge(box: Slot, slots: Mapping[int, Slot]) -> dict[int, float]:
    """The places on one edge of a box; lines that turn beside it are outermost, a wide turn around a narrow one."""

    def position(index: int) -> tuple[int, float]:
        slot = slots[index]
        if not slot.beside:
            return 0, slot.x
        return (1, -slot.x) if slot.x > box.x else (-1, -slot.x)

    order = sorted(slots, key=position)
    low, high = box.x - box.width / 2 + CORNER, box.x + box.width / 2 - CORNER
    apart = min(PORTS_APART, (high - low) / max(len(order) - 1, 1))
    pulls = []
    for index in order:
        x = slots[index].x
        straight = abs(x - box.x) <= STRAIGHT
        pulls.append((x if straight else (min(max(x, low), high) + box.x) / 2, 1.0))
    return dict(zip(order, _apart_in_order(pulls, [apart] * (len(order) - 1), low, high), strict=True))


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws lines: upright through each rank, curved between two."""

    tops: Mapping[int, float]
    heights: Mapping[int, float]
    gaps: Mapping[int, float]
    ports: _Ports

    def route(
        self, index: int, source: Rectangle, target: Rectangle, chain: Sequence[Slot], *, leads_back: bool
    ) -> Route:
        """One line from `source` down to `target`."""
        x = self.ports.leaves[index]
        end_x, end_y = self.ports.enters[index], target.y
        path = [f"M{_n(x)} {_n(source.y + source.height)}"]
        if leads_back:
            bottom = self._bottom(chain[0].rank)
            turn = self.gaps[chain[0].rank] * self.ports.turns_below[index]
            path.append(f"V{_n(bottom)}{_curve(x, bottom + turn, chain[0].x, bottom + turn, bottom)}")
            for lower, upper in pairwise(chain):
                start, end = self.tops[lower.rank], self._bottom(upper.rank)
                middle = (start + end) / 2
                path.append(f"V{_n(start)}{_curve(lower.x, middle, upper.x, middle, end)}")
            top = self.tops[chain[-1].rank]
            turn = self.gaps.get(chain[-1].rank - 1, SMALLEST_GAP) * self.ports.turns_above[index]
            path.append(f"V{_n(top)}{_curve(chain[-1].x, top - turn, end_x, top - turn, end_y)}")
        else:
            start = self._bottom(chain[0].rank - 1)
            for slot in chain:
                end = self.tops[slot.rank]
                middle = (start + end) / 2
                path.append(f"V{_n(start)}{_curve(x, middle, slot.x, middle, end)}")
                x, start = slot.x, self._bottom(slot.rank)
            middle = (start + end_y) / 2
            path.append(f"V{_n(start)}{_curve(x, middle, end_x, middle, end_y)}")
        label = chain[0]
        y = self.tops[label.rank] + (self.heights[label.rank] - label.height) / 2
        return Route(
            "".join(path), Rectangle(round(label.x - label.width / 2, 1), round(y, 1), label.width, label.height)
        )

    def _bottom(self, rank: int) -> float:
        return self.tops[rank] + self.heights[rank]


def _curve(x1: float, y1: float, x2: float, y2: float, end_y: float) -> str:
    """Starts and ends upright."""
    return f"C{_n(x1)} {_n(y1)} {_n(x2)} {_n(y2)} {_n(x2)} {_n(end_y)}"


def _n(value: float) -> str:
    return f"{round(value, 1):g}"
