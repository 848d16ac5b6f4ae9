"""`devtools bench` with small benchmarks of its own: the cluster is durable, private and gone afterwards."""

from __future__ import annotations

import json

GOOD = '''"""Measures whether the server is durable."""
import json, os, psycopg
with psycopg.connect(os.environ["BENCH_DATABASE_URL"]) as conn:
    durable = conn.execute("SELECT current_setting('fsync') = 'on'").fetchone()[0]
figures = {"figures": {"n": 1.5}, "ratios": {"r": 2}, "targets": {"r": ">= 1"}}
print(json.dumps({"bench": "good", **figures, "holds": durable}))
'''
BAD = '''"""Misses its target."""
print('{"bench": "bad", "figures": {}, "ratios": {}, "targets": {}, "holds": false}')
'''
BROKEN = '''"""Breaks; "holds" nothing."""
raise SystemExit("no luck")
'''
AUTOMATIONS = "tasks:\n  t: {name: t, command: 'true'}\n"


def test_benchmarks_are_listed_run_and_judged(folder):
    folder.write(AUTOMATIONS)
    benchmarks = folder.root / "benchmarks"
    benchmarks.mkdir()
    for name, text in {
        "good": GOOD,
        "bad": BAD,
        "broken": BROKEN,
        "part": '"""Imported by others."""\n',
    }.items():
        (benchmarks / f"{name}.py").write_text(text)
    listed = folder.run("bench").stdout
    assert "Measures whether the server is durable." in listed
    assert "part" not in listed
    good = folder.run("bench", "good", "--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["holds"] is True
    shown = folder.run("bench", "good").stdout
    assert "every target holds" in shown
    bad = folder.run("bench", "bad", "--json")
    assert (bad.returncode, json.loads(bad.stdout)["holds"]) == (1, False)
    broken = folder.run("bench", "broken")
    assert broken.returncode == 1
    assert "printed no result" in broken.stderr
    assert folder.run("bench", "none").returncode == 2
    assert not list(folder.state.glob("bench*")), "nothing is left of the clusters"
