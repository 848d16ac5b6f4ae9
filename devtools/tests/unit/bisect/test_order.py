"""Random histories over repositories are laid out in an order that was possible, with nothing parted."""

from __future__ import annotations

import random

import pytest

from devtools.bisect.order import Move, Unit, laid_out, needed, reached


def a_move(repository, number, at=0, change=(), depends_on=(), brings=()):
    commit = f"{repository}{number}"
    return Move(
        repository,
        commit,
        at,
        "A",
        commit,
        frozenset({commit, *brings}),
        frozenset(change),
        frozenset(depends_on),
    )


def shown(units: list[Unit]) -> list[str]:
    return ["+".join(move.commit for move in unit.moves) for unit in units]


def test_commits_of_several_repositories_come_by_age_and_never_out_of_their_line():
    lines = {
        "alpha": [a_move("alpha", 1, at=10), a_move("alpha", 2, at=40)],
        "beta": [a_move("beta", 1, at=20), a_move("beta", 2, at=5), a_move("beta", 3, at=30)],
    }
    assert shown(laid_out(lines)) == ["alpha1", "beta1", "beta2", "beta3", "alpha2"]


def test_a_commit_comes_after_what_it_depends_on_even_by_a_clock_that_is_wrong():
    late = a_move("alpha", 1, at=90, brings=["merged"])
    early = a_move("beta", 1, at=10, depends_on=[("alpha", "merged"), ("alpha", "long ago")])
    units = laid_out({"alpha": [late], "beta": [early]})
    assert shown(units) == ["alpha1", "beta1"]
    assert units[1].needs == {0}


def test_a_change_is_one_unit_with_all_that_lies_between_and_in_one_repository_it_is_not():
    lines = {
        "alpha": [a_move("alpha", 1, 1, ["X"]), a_move("alpha", 2, 2), a_move("alpha", 3, 3, ["X"]),
                  a_move("alpha", 4, 4, ["Y"]), a_move("alpha", 5, 5, ["Y"])],
        "beta": [a_move("beta", 1, 1), a_move("beta", 2, 2, ["X"])],
    }  # fmt: skip
    assert shown(laid_out(lines)) == ["beta1", "alpha1+alpha2+alpha3+beta2", "alpha4", "alpha5"]


def test_changes_that_cross_are_one_unit():
    lines = {
        "alpha": [a_move("alpha", 1, 1, ["X"]), a_move("alpha", 2, 2, ["Y"])],
        "beta": [a_move("beta", 1, 3, ["Y"]), a_move("beta", 2, 4, ["X"])],
    }
    assert shown(laid_out(lines)) == ["alpha1+alpha2+beta1+beta2"]


def test_a_line_of_many_thousand_commits_is_laid_out():
    lines = {"alpha": [a_move("alpha", number, number) for number in range(5_000)]}
    assert len(laid_out(lines)) == 5_000


def random_lines(chance: random.Random) -> dict[str, list[Move]]:
    """Up to four repositories with changes, dependencies on what is older, and clocks that may be wrong."""
    lines: dict[str, list[Move]] = {name: [] for name in "abcd"[: chance.randint(1, 4)]}
    made: list[tuple[str, str]] = []
    for at in range(chance.randint(0, 30)):
        name = chance.choice(list(lines))
        change = [chance.choice("XYZ")] if chance.random() < 0.3 else []
        depends_on = [chance.choice(made)] if made and chance.random() < 0.3 else []
        clock = chance.randint(0, 40) if chance.random() < 0.2 else at
        move = a_move(name, len(lines[name]), clock, change, depends_on)
        lines[name].append(move)
        made.append((name, move.commit))
    return lines


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_every_order_was_possible(first):
    for seed in range(first, first + 100):
        lines = random_lines(random.Random(seed))
        units = laid_out(lines)
        for name, line in lines.items():  # each line whole and in its order
            assert [move for unit in units for move in unit.moves if move.repository == name] == line, seed
        where = {move.commit: place for place, unit in enumerate(units) for move in unit.moves}
        spread: dict[str, set[str]] = {}
        for move in (move for line in lines.values() for move in line):
            assert all(where[commit] <= where[move.commit] for _, commit in move.depends_on), seed
            for change in move.change_ids:
                spread.setdefault(change, set()).add(move.repository)
        for change in (name for name, repositories in spread.items() if len(repositories) > 1):
            places = {
                where[move.commit] for line in lines.values() for move in line if change in move.change_ids
            }
            assert len(places) == 1, (seed, change)
        assert laid_out(lines) == units


@pytest.mark.parametrize("first", range(0, 200, 100))
def test_a_unit_with_all_that_it_needs_is_a_tuple_that_holds_together(first):
    for seed in range(first, first + 100):
        lines = random_lines(random.Random(seed))
        units = laid_out(lines)
        for place in range(len(units)):
            chosen = [*sorted(needed(units, place)), place]
            tuple_ = reached(dict.fromkeys(lines, "good"), [units[number] for number in chosen])
            held = {move.commit for number in chosen for move in units[number].moves}
            for name, commit in tuple_.items():  # of each line all from its beginning
                names = [move.commit for move in lines[name]]
                count = names.index(commit) + 1 if commit != "good" else 0
                assert set(names) & held == set(names[:count]), seed
            depends = {wanted for number in chosen for move in units[number].moves
                       for _, wanted in move.depends_on}  # fmt: skip
            assert depends <= held, seed
