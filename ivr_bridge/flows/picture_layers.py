"""Which box and line of a picture stands on which rank, and in which order: the first half of its layout.     pure

Boxes stand on even ranks. A line has a slot of its own on each rank between its ends, and the first one is as wide as
its label. A line that leads back up has them from its box's rank to its target's.

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise

LABEL_HEIGHT = 20.0
SWEEPS = 24


@dataclass(frozen=True, slots=True)
class Link:
    """A line from box to box; `label_width` 0 for none. Several lines from one box to another are kept apart."""

    source: str
    target: str
    label_width: float


@dataclass(eq=False, slots=True)
class Slot:
    """Room on one rank: of a box, or for one line to pass."""

    rank: int
    width: float
    height: float
    is_box: bool = False
    above: list["Slot"] = field(default_factory=list)
    below: list["Slot"] = field(default_factory=list)
    beside: list["Slot"] = field(default_factory=list)
    """Where a line that leads back turns: its box, on the same rank."""
    x: float = 0.0
    """Of the middle."""
    place: int = 0
    """In its rank, from the left."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Every slot: of boxes by name, of lines in the order of the links, and all by rank, each row from the left."""

    boxes: Mapping[str, Slot]
    chains: Sequence[Sequence[Slot]]
    back: Set[int]
    """Which links lead back up."""
    rows: Mapping[int, list[Slot]]


def layers_of(sizes: Mapping[str, tuple[float, float]], links: Sequence[Link]) -> Layers:
    """Rank and order all; the first box stands on top, and what it does not lead to as low as it can."""
    back = _back_links(list(sizes), links)
    ranks = _ranks(list(sizes), links, back)
    boxes = {name: Slot(ranks[name], *size, is_box=True) for name, size in sizes.items()}
    chains = [_chain(link, boxes, leads_back=index in back) for index, link in enumerate(links)]
    rows = _rows([*boxes.values(), *(slot for chain in chains for slot in chain)])
    _order(rows)
    return Layers(boxes, chains, back, rows)


def _back_links(names: Sequence[str], links: Sequence[Link]) -> set[int]:
    """The links that close a cycle, when one walks from the first box on."""
    out: dict[str, list[int]] = defaultdict(list)
    for index, link in enumerate(links):
        out[link.source].append(index)
    back: set[int] = set()
    state: dict[str, str] = {}
    for root in names:
        if root in state:
            continue
        state[root] = "open"
        walk = [(root, iter(out[root]))]
        while walk:
            name, rest = walk[-1]
            for index in rest:
                target = links[index].target
                if state.get(target) == "open":
                    back.add(index)
                elif target not in state:
                    state[target] = "open"
                    walk.append((target, iter(out[target])))
                    break
            else:
                state[name] = "done"
                walk.pop()
    return back


def _ranks(names: Sequence[str], links: Sequence[Link], back: set[int]) -> dict[str, int]:
    """Even ranks, each box below all that lead to it; what the first box does not lead to stands as low as it can."""
    forward = [link for index, link in enumerate(links) if index not in back]
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        before = dict(ranks)
        for link in forward:
            ranks[link.target] = max(ranks[link.target], ranks[link.source] + 2)
        if ranks == before:
            break
    reached = {names[0]}
    for _ in names:
        reached |= {link.target for link in forward if link.source in reached}
    for name in sorted(names, key=lambda name: -ranks[name]):
        below = [ranks[link.target] for link in forward if link.source == name]
        if name not in reached and below:
            ranks[name] = max(0, min(below) - 2)
    return ranks


def _chain(link: Link, boxes: Mapping[str, Slot], *, leads_back: bool) -> list[Slot]:
    """The slots of one line in the order in which it passes them; the first has room for the label."""
    source, target = boxes[link.source], boxes[link.target]
    label = Slot(0, max(link.label_width, 2.0), LABEL_HEIGHT if link.label_width else 0.0)
    if not leads_back:
        chain = [label, *(Slot(0, 2.0, 0.0) for _ in range(source.rank + 2, target.rank))]
        for rank, slot in enumerate(chain, source.rank + 1):
            slot.rank = rank
        _join([source, *chain, target])
        return chain
    chain = [label, *(Slot(0, 2.0, 0.0) for _ in range(target.rank, source.rank))]
    for climbed, slot in enumerate(chain):
        slot.rank = source.rank - climbed
    _join(chain[::-1])
    chain[0].beside.append(source)
    chain[-1].beside.append(target)
    return chain


def _join(column: Sequence[Slot]) -> None:
    for upper, lower in pairwise(column):
        upper.below.append(lower)
        lower.above.append(upper)


def _rows(slots: Iterable[Slot]) -> dict[int, list[Slot]]:
    """Rank -> its slots, in the order in which a walk from the first box comes to them."""
    rows: dict[int, list[Slot]] = defaultdict(list)
    seen: set[int] = set()
    for first in slots:
        walk = [first]
        while walk:
            slot = walk.pop()
            if id(slot) in seen:
                continue
            seen.add(id(slot))
            rows[slot.rank].append(slot)
            walk.extend(reversed([*slot.below, *slot.beside, *slot.above]))
    return dict(sorted(rows.items()))


def _order(rows: Mapping[int, list[Slot]]) -> None:
    """Order each row so that few lines cross: barycentres down and up, then swaps of neighbours; the best is kept."""
    _number(rows)
    best, fewest = {rank: list(row) for rank, row in rows.items()}, _all_crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for rank in sorted(rows, reverse=not down):
            row = rows[rank]
            wanted = {id(slot): _barycentre(slot, slot.above if down else slot.below) for slot in row}
            if sweep % 4 > 1:
                row.reverse()  # the sort is stable: what wants the same place changes sides now and then
            row.sort(key=lambda slot: wanted[id(slot)])
            _number({rank: row})
        for row in rows.values():
            _swap_neighbours(row)
        if (crossings := _all_crossings(rows)) < fewest:
            best, fewest = {rank: list(row) for rank, row in rows.items()}, crossings
        if fewest == 0:
            break
    for rank, row in best.items():
        rows[rank][:] = row
    _number(rows)


def _number(rows: Mapping[int, list[Slot]]) -> None:
    for row in rows.values():
        for place, slot in enumerate(row):
            slot.place = place


def _barycentre(slot: Slot, neighbours: Sequence[Slot]) -> float:
    near = [*neighbours, *slot.beside]
    return sum(other.place for other in near) / len(near) if near else float(slot.place)


def _swap_neighbours(row: list[Slot]) -> None:
    for left in range(len(row) - 1):
        one, other = row[left], row[left + 1]
        if _crossings_of(one, other) > _crossings_of(other, one):
            row[left], row[left + 1] = other, one
            one.place, other.place = left + 1, left


def _crossings_of(left: Slot, right: Slot) -> int:
    """How often the lines of two slots cross when they stand in this order."""
    return sum(
        a.place > b.place
        for mine, theirs in ((left.above, right.above), (left.below, right.below))
        for a in mine
        for b in theirs
    )


def _all_crossings(rows: Mapping[int, list[Slot]]) -> int:
    """Each line that turns beside a box counts what stands between the two, too."""
    crossed = sum(
        a.place > b.place
        for row in rows.values()
        for index, left in enumerate(row)
        for right in row[index + 1 :]
        for a in left.below
        for b in right.below
    )
    turns = sum(abs(slot.place - box.place) - 1 for row in rows.values() for slot in row for box in slot.beside)
    return crossed + max(turns, 0)
