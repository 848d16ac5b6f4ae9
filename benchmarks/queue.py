"""The queue: our broker and reconciliation against stock dramatiq-pg, in the same run on the same server.

Must not measure anything itself (queue_figures.py does), and must not stand in the way of the standard
library's `queue`, whose name it bears: a sibling benchmark that imports that gets that.
"""

from __future__ import annotations

import sys


def _stand_aside() -> None:
    import importlib.util
    import sysconfig
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("queue", Path(sysconfig.get_path("stdlib")) / "queue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["queue"] = module
    spec.loader.exec_module(module)


TARGETS = {
    "noop_vs_stock": 4.0,
    "reconciliation_vs_stock_noop": 3.0,
    "calm_p50_ms": 10.0,
    "calm_p99_ms": 50.0,
}


def main() -> int:
    """Print one JSON object (`--json`) or a table; 0 where every target holds."""
    import json
    import os

    import queue_figures

    server = os.environ.get("BENCH_DATABASE_URL")
    if not server:
        print("BENCH_DATABASE_URL is not set: the URL of a superuser on a durable server", file=sys.stderr)
        return 2
    figures, ratios = queue_figures.measure(server)
    holds = (
        all(ratios[name] >= TARGETS[name] for name in ratios)
        and all(figures[name] <= TARGETS[name] for name in ("calm_p50_ms", "calm_p99_ms"))
        and figures["fsync"] == "on"
    )
    targets = {name: f"{'>=' if name in ratios else '<='} {value:g}" for name, value in TARGETS.items()}
    result = {"bench": "queue", "figures": figures, "ratios": ratios, "targets": targets, "holds": holds}
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=2))
    else:
        for name, value in {**figures, **ratios}.items():
            print(f"{name:<36} {value!s:>16}  {targets.get(name, '')}".rstrip())
        print("holds" if holds else "a target is missed")
    return 0 if holds else 1


if __name__ == "queue":
    _stand_aside()
elif __name__ == "__main__":
    sys.exit(main())
