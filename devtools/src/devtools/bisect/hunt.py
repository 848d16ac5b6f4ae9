"""The search as a whole: both ends proven, the first bad commits found, and what they break together with.

Must not run anything by itself, nor move a checkout: `judge` does what is done.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from devtools.bisect import history, kept, order
from devtools.bisect.search import Outcome, search
from devtools.changes import impact, place
from devtools.errors import WrongUse
from devtools.instances import life
from devtools.repositories import checkouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from devtools.bisect.kept import Question
    from devtools.bisect.order import Move, Unit

Tuple = dict[str, str]


class Judge(Protocol):
    """Tries a tuple of commits and keeps the verdict on it."""

    def __call__(
        self, question: Question, tuple_: Tuple, say: Callable[[str], None], /
    ) -> dict[str, Any]: ...


class Hunt:
    """One search. All that it learns is kept with the question, so that another over the same goes on.

    tries: how many tuples had to be tried; remembered: how many were known; skipped: those without an answer.
    """

    def __init__(self, question: Question, judge: Judge, say: Callable[[str], None]) -> None:
        self.question, self.judge, self.say = question, judge, say
        self.tries = 0
        self.remembered = 0
        self.skipped: list[dict[str, Any]] = []
        self.step = ""

    def find(self, good: Tuple, bad: Tuple, step: str = "", *, alone: bool = True) -> dict[str, Any]:
        """What broke `step` on the way from `good` to `bad`; where none is named, the first that `bad` fails.

        alone: ask too whether it breaks by itself, or together with which commit before it. Raises WrongUse
        where the ends are not what they are said to be.
        """
        parts = place.everything(self.question.home)
        units = order.laid_out({item.id: history.line(item, good[item.id], bad[item.id]) for item in parts})
        if not units:
            raise WrongUse("good and bad are the same commits", hint="commit first, or name an older --good")
        count = sum(len(unit.moves) for unit in units)
        self.say(f"{count} commits of {len(parts)} repositories between good and bad, in {len(units)} steps")
        self._prove_bad(bad, step)
        self._prove_good(good)
        low, high = search(
            len(units),
            lambda number, left: self._ask(
                order.reached(good, units[:number]),
                f"step {number} of {len(units)}, tries left: about {left}",
            ),
        )
        first_bad = order.reached(good, units[:high])
        broken = kept.step_of(self.question.remembered(first_bad), self.step) or {}
        found: dict[str, Any] = {
            "found": high - low == 1,
            "step": self.step,
            "error": broken.get("error"),
            "first_bad": self._rows(units[low:high]),
            "good": order.reached(good, units[:low]),
            "bad": first_bad,
            "evidence": str(self.question.evidence(first_bad)),
            "tries": self.tries,
            "alone": None,
            "together_with": [],
        }
        if found["found"] and alone:
            found["alone"], others = self._partners(good, units, low)
            found["together_with"] = self._rows(others)
        return {**found, "tries_in_all": self.tries, "remembered": self.remembered, "skipped": self.skipped}

    def _prove_bad(self, bad: Tuple, step: str) -> None:
        verdict = self._verdict(bad, "the bad end")
        failed = [str(item["name"]) for item in verdict["steps"] if not item["passed"]]
        if not failed:
            raise WrongUse(
                "the bad commits are not bad: every step passes", hint=f"see {self.question.evidence(bad)}"
            )
        if step and kept.outcome(verdict, step) is not Outcome.BAD:
            raise WrongUse(
                f"the bad commits do not fail `{step}`", hint=f"what they fail: {', '.join(failed)}"
            )
        asked = kept.step_of(verdict, step)
        self.step = str(asked["name"]) if asked else failed[0]
        others = [name for name in failed if name != self.step]
        also = f"; also failed: {', '.join(others)}" if others else ""
        self.say(f"looks for what broke `{self.step}`{also}")

    def _prove_good(self, good: Tuple) -> None:
        verdict = self._verdict(good, "the good end")
        said = kept.outcome(verdict, self.step)
        if said is not Outcome.GOOD:
            what = "fails there as well" if said is Outcome.BAD else f"{said} there: {_why(verdict)}"
            raise WrongUse(
                f"the good commits are not good: `{self.step}` {what}",
                hint=f"name older ones with --good; see {self.question.evidence(good)}",
            )

    def _partners(
        self, good: Tuple, units: Sequence[Unit], place_: int
    ) -> tuple[bool | None, Sequence[Unit]]:
        """Whether the unit breaks without what it does not build on, and if not, what of that it takes.

        None, and all that it may be, where that cannot be judged.
        """
        base = order.needed(units, place_)
        others = [number for number in range(place_) if number not in base]

        def ask(count: int, left: int) -> Outcome:
            chosen = sorted({*base, *others[:count], place_})
            about = f"with {count} of {len(others)} other steps before it, tries left: about {left}"
            return self._ask(order.reached(good, [units[number] for number in chosen]), about)

        if not others:
            return True, ()
        self.say("does it break by itself, without what came before it elsewhere?")
        first = ask(0, 1)
        if first is not Outcome.GOOD:
            return (True if first is Outcome.BAD else None), ()
        low, high = search(len(others), ask)
        found = [units[number] for number in others[low:high]]
        return (False if len(found) == 1 else None), found

    def _ask(self, tuple_: Tuple, label: str) -> Outcome:
        verdict = self._verdict(tuple_, label)
        said = kept.outcome(verdict, self.step)
        if said is Outcome.SKIP:
            self.skipped.append({"key": verdict["key"], "tuple": tuple_, "why": _why(verdict)})
        self.say(f"{said}: {_why(verdict)}" if said is Outcome.SKIP else said)
        return said

    def _verdict(self, tuple_: Tuple, label: str) -> dict[str, Any]:
        known = self.question.remembered(tuple_)
        commits = " ".join(f"{name}@{sha[:8]}" for name, sha in tuple_.items())
        self.say(f"{label}{', remembered' if known else ''}: {commits}")
        if known:
            self.remembered += 1
            return known
        self.tries += 1
        return self.judge(self.question, tuple_, self.say)

    def _rows(self, units: Iterable[Unit]) -> list[dict[str, Any]]:
        return [self._row(move) for unit in units for move in unit.moves]

    def _row(self, move: Move) -> dict[str, Any]:
        """What is told of one commit; of one in a single checkout, also the parts that it touches."""
        home = self.question.home
        checkout = next(item for item in place.everything(home) if item.id == move.repository)
        names: list[str] = []
        if checkout.id == checkouts.ROOT:
            names = checkout.git("diff", "--name-only", "-z", f"{move.commit}^", move.commit).split("\0")
        return {
            "repository": move.repository,
            "commit": move.commit,
            "author": move.author,
            "date": datetime.fromtimestamp(move.at, UTC).isoformat(),
            "subject": move.subject,
            "change_ids": sorted(move.change_ids),
            "merges": len(move.brings) - 1,
            "parts": sorted(impact.changed(life.overlay_of(home).repositories, names)),
        }


def _why(verdict: dict[str, Any]) -> str:
    """The step that hid the wanted one."""
    failed = [step for step in verdict["steps"] if not step["passed"]]
    return f"{failed[0]['name']} failed" if failed else "it has no such step"
