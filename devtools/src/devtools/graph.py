"""One graph of tasks and services: its order, its cycles by name, and what a start must include.

It must not know phases, processes or files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def cycle(edges: Mapping[str, Iterable[str]]) -> list[str] | None:
    """The first dependency cycle as a closed path (`[a, b, a]`), or None; iterative, so depth is no limit."""
    done: set[str] = set()
    for root in edges:
        if root in done:
            continue
        path: list[str] = [root]
        on_path = {root}
        pending = [iter(edges.get(root, ()))]
        while pending:
            step = next(pending[-1], None)
            if step is None:
                pending.pop()
                finished = path.pop()
                on_path.discard(finished)
                done.add(finished)
            elif step in on_path:
                return [*path[path.index(step) :], step]
            elif step not in done:
                path.append(step)
                on_path.add(step)
                pending.append(iter(edges.get(step, ())))
    return None


def closure(edges: Mapping[str, Iterable[str]], roots: Iterable[str]) -> list[str]:
    """`roots` and everything that they depend on, dependencies first, in a stable order."""
    ordered: dict[str, None] = {}
    for root in roots:
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            node, expanded = stack.pop()
            if node in ordered:
                continue
            if expanded:
                ordered[node] = None
                continue
            stack.append((node, True))
            stack.extend((dep, False) for dep in reversed(list(edges.get(node, ()))) if dep not in ordered)
    return list(ordered)


def dependents(edges: Mapping[str, Iterable[str]], node: str) -> list[str]:
    """Everything that depends on `node`, directly or not, nearest first."""
    reverse: dict[str, list[str]] = {}
    for name, targets in edges.items():
        for target in targets:
            reverse.setdefault(target, []).append(name)
    found: dict[str, None] = {}
    queue = list(reverse.get(node, ()))
    while queue:
        name = queue.pop(0)
        if name not in found and name != node:
            found[name] = None
            queue.extend(reverse.get(name, ()))
    return list(found)
