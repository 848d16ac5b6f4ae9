"""How lines of logs are chosen for a page, and that reading them is bounded."""

from __future__ import annotations

import time

import pytest

from devtools import logview
from devtools.supervisor import insight
from devtools.supervisor.http import BadRequest
from devtools.supervisor.records import RECORD


def written(folder, name, parts):
    """A log of parts, each written at its time."""
    offset, index, text = 0, b"", b""
    for at, part in parts:
        text += part
        offset += len(part)
        index += RECORD.pack(offset, at)
    (folder / f"{name}.log").write_bytes(text)
    (folder / f"{name}.idx").write_bytes(index)


def asked(**query):
    return insight.question(query)


def test_lines_come_merged_by_time_and_only_young_ones_where_that_is_asked(tmp_path):
    now = time.time()
    written(tmp_path, "a", [(now - 7200, b"old\n"), (now - 30, b"young\n")])
    written(tmp_path, "b", [(now - 3600, b"between\n")])
    every = insight.logged(tmp_path, ["a", "b"], asked())
    assert [line["text"] for line in every["lines"]] == ["old", "between", "young"]
    young = insight.logged(tmp_path, ["a", "b"], asked(since="600"))
    assert [line["text"] for line in young["lines"]] == ["young"]


def test_a_long_log_is_read_from_its_end_only_and_a_long_line_is_cut(tmp_path):
    written(tmp_path, "a", [(1.0, b"%07d\n" * 200_000 % tuple(range(200_000)))])
    found = insight.logged(tmp_path, ["a"], asked(lines="1000", text="0"))
    assert found["lines"][-1]["text"] == "0199999"
    assert len(found["lines"]) == 1000
    assert len(found["lines"]) + found["left_out"] <= found["looked_at_bytes"] // 8
    written(tmp_path, "b", [(1.0, b"x" * 9000 + b"\n")])
    line = insight.logged(tmp_path, ["b"], asked())["lines"][0]["text"]
    assert len(line) == insight.LONGEST_LINE


def test_only_whole_lines_are_shown_but_for_the_one_that_is_being_written(tmp_path):
    written(tmp_path, "a", [(1.0, b"first\nsecond\nthird")])
    assert [line.text for line in logview.recent(tmp_path, ["a"], 11)] == ["third"]
    assert [line.text for line in logview.recent(tmp_path, ["a"], 12)] == ["second", "third"]
    assert [line.text for line in logview.recent(tmp_path, ["a"], 10_000)] == ["first", "second", "third"]
    assert logview.recent(tmp_path, ["none"], 10) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"lines": "0"}, "`lines`"),
        ({"lines": "1001"}, "`lines`"),
        ({"lines": "9" * 5000}, "`lines`"),
        ({"since": "-1"}, "`since`"),
        ({"since": "9" * 10}, "`since`"),
        ({"text": "x" * 201}, "`text`"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_the_name_of_what_is_wrong(query, named):
    with pytest.raises(BadRequest, match=named):
        insight.question(query)
