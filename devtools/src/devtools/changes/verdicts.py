"""What is known of a tuple of commits: the verdict and its evidence, as JSON, HTML and JUnit.

Must not judge: a verdict is written as it was found, and belongs to exactly its commits.
"""

from __future__ import annotations

import html
import xml.etree.ElementTree as ElementTree  # written, never parsed
from typing import TYPE_CHECKING, Any

from devtools.changes import place
from devtools.statefile import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.changes.place import Change

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}"
    "pre{overflow:auto;background:#f4f4f4;padding:1rem}"
)


def folder_of(change: Change, tuple_: dict[str, str]) -> Path:
    """Where the evidence of these commits lies."""
    return change.folder / "evidence" / place.key_of(tuple_)


def of(change: Change, tuple_: dict[str, str]) -> dict[str, Any]:
    """The verdict of exactly these commits; empty where there is none."""
    found = read_json(folder_of(change, tuple_) / "verdict.json")
    return found if found.get("tuple") == tuple_ else {}


def keep(change: Change, verdict: dict[str, Any], patch: str, logs: dict[str, str]) -> Path:
    """Write the evidence, the verdict itself last; returns its folder."""
    folder = folder_of(change, verdict["tuple"])
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "change.patch").write_text(patch, errors="surrogateescape")
    for name, text in logs.items():
        (folder / "logs" / f"{name}.log").write_text(text)
    (folder / "index.html").write_text(page(change.name, verdict, patch, logs))
    (folder / "junit.xml").write_text(junit(change.name, verdict))
    write_json(folder / "verdict.json", verdict)
    return folder


def page(name: str, verdict: dict[str, Any], patch: str, logs: dict[str, str]) -> str:
    """The evidence as one page that needs nothing else."""
    word = "verified" if verdict["passed"] else "refused"
    commits = "".join(
        f"<tr><th scope=row>{html.escape(item)}</th><td><code>{sha}</code></td></tr>"
        for item, sha in verdict["tuple"].items()
    )
    steps = "".join(
        f"<tr><td>{'passed' if step['passed'] else '<strong>failed</strong>'}</td>"
        f"<td>{html.escape(step['name'])}</td><td>{step['seconds']:.1f} s</td>"
        f"<td>{html.escape(step['error'] or '')}</td></tr>"
        for step in verdict["steps"]
    )
    notices = "".join(f"<p>Not judged: {html.escape(text)}</p>" for text in verdict.get("notices", []))
    texts = "".join(
        f"<h2>Log of {html.escape(item)}</h2><pre>{html.escape(text)}</pre>" for item, text in logs.items()
    )
    title = html.escape(f"Change {name}: {word}")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<main><h1>{title}</h1><p>{html.escape(verdict['at'])}, scope {verdict['scope']}</p>"
        f"<h2>Commits</h2><table>{commits}</table>"
        "<h2>Steps</h2><table><tr><th scope=col>Result</th><th scope=col>Step</th><th scope=col>Time</th>"
        f"<th scope=col>Why</th></tr>{steps}</table>{notices}{texts}"
        f"<h2>What was changed</h2><pre>{html.escape(patch)}</pre></main></html>\n"
    )


def junit(name: str, verdict: dict[str, Any]) -> str:
    """The steps as test cases, for CI."""
    steps = verdict["steps"]
    suite = ElementTree.Element(
        "testsuite",
        name=f"change {name}",
        tests=str(len(steps)),
        failures=str(sum(not step["passed"] for step in steps)),
    )
    for step in steps:
        case = ElementTree.SubElement(
            suite, "testcase", classname="change", name=step["name"], time=f"{step['seconds']:.3f}"
        )
        if not step["passed"]:
            ElementTree.SubElement(case, "failure", message=step["error"] or "failed")
    return ElementTree.tostring(suite, encoding="unicode")
