"""The commits of all repositories between two tuples, in one order that was possible in time.

Pure: must not see git, a clock or a file.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Move:
    """One commit further on a repository's own line; `brings` are all that it adds, itself too.

    at: when it was committed, in seconds since the epoch. change_ids and depends_on (pairs of repository and
    commit) are those of all that it brings.
    """

    repository: str
    commit: str
    at: int
    author: str
    subject: str
    brings: frozenset[str]
    change_ids: frozenset[str] = frozenset()
    depends_on: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Unit:
    """Moves that are made together, each line's in its order; `needs` are places of units before this one."""

    moves: tuple[Move, ...]
    needs: frozenset[int]


def laid_out(lines: Mapping[str, Sequence[Move]]) -> list[Unit]:
    """Every line's moves as one sequence of units, in which each comes after all that it needs.

    A unit is one move, or what cannot be parted: the moves of one Change-Id in several repositories, and
    whatever lies between them. Where nothing else decides, the older commit comes first.
    """
    moves = [move for line in lines.values() for move in line]
    needs = _needs(moves)
    groups = [sorted(group) for group in _inseparable(needs)]
    home = {place: number for number, group in enumerate(groups) for place in group}
    wants = [
        {home[other] for place in group for other in needs[place]} - {number}
        for number, group in enumerate(groups)
    ]
    ages = [(max(moves[place].at for place in group), group[0]) for group in groups]
    order = list(_by_age(wants, ages))
    rank = {number: place for place, number in enumerate(order)}
    return [
        Unit(tuple(moves[place] for place in groups[number]), frozenset(rank[one] for one in wants[number]))
        for number in order
    ]


def reached(good: Mapping[str, str], units: Iterable[Unit]) -> dict[str, str]:
    """The tuple that these units, in their order, lead to from `good`."""
    return {**good, **{move.repository: move.commit for unit in units for move in unit.moves}}


def needed(units: Sequence[Unit], place: int) -> set[int]:
    """The places of all units that the one at `place` needs, directly or not."""
    found: set[int] = set()
    waiting = [place]
    while waiting:
        fresh = units[waiting.pop()].needs - found
        found |= fresh
        waiting += fresh
    return found


def _needs(moves: Sequence[Move]) -> list[set[int]]:
    """By place: the move before on its line, what its trailers name, and in a circle those of its change."""
    needs: list[set[int]] = [set() for _ in moves]
    brought = {(move.repository, commit): place for place, move in enumerate(moves) for commit in move.brings}
    changes: defaultdict[str, list[int]] = defaultdict(list)
    for place, move in enumerate(moves):
        if place and moves[place - 1].repository == move.repository:
            needs[place].add(place - 1)
        needs[place] |= {brought[wanted] for wanted in move.depends_on if wanted in brought} - {place}
        for change in move.change_ids:
            changes[change].append(place)
    for members in changes.values():
        if len({moves[place].repository for place in members}) > 1:  # in one alone, each commit can be told
            for one, other in pairwise([*members, members[0]]):
                needs[one].add(other)
    return needs


def _inseparable(needs: Sequence[set[int]]) -> list[list[int]]:
    """The strongly connected components: what needs each other in a circle (Kosaraju's two walks)."""
    needed_by: list[set[int]] = [set() for _ in needs]
    for place, others in enumerate(needs):
        for other in others:
            needed_by[other].add(place)
    seen: set[int] = set()
    ended = [place for start in range(len(needs)) for place in _walk(start, needs, seen)]
    seen = set()
    walks = [list(_walk(start, needed_by, seen)) for start in reversed(ended)]
    return [walk for walk in walks if walk]


def _walk(start: int, edges: Sequence[set[int]], seen: set[int]) -> Iterator[int]:
    """What can be reached and was not seen yet, each after all behind it; no recursion: lines are long."""
    path = [] if start in seen else [(start, iter(edges[start]))]
    seen.add(start)
    while path:
        place, rest = path[-1]
        fresh = next((other for other in rest if other not in seen), None)
        if fresh is None:
            path.pop()
            yield place
        else:
            seen.add(fresh)
            path.append((fresh, iter(edges[fresh])))


def _by_age(wants: Sequence[set[int]], ages: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Of those whose wants are met, the oldest first."""
    missing = [len(others) for others in wants]
    wanted_by: defaultdict[int, list[int]] = defaultdict(list)
    for number, others in enumerate(wants):
        for other in others:
            wanted_by[other].append(number)
    ready = [(ages[number], number) for number, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    while ready:
        _, number = heapq.heappop(ready)
        yield number
        for other in wanted_by[number]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, (ages[other], other))
