"""Events: taken in, applied to invoices and sent out, against a no-op route, stock dramatiq-pg, bare httpx.

Must not measure anything itself (events_figures.py does), only judge.
"""

from __future__ import annotations

import json
import os
import sys

TARGETS = {
    "incoming_vs_noop": 0.6,
    "applied_vs_stock_noop": 2.0,
    "one_invoice_vs_stock_noop": 0.7,
    "outgoing_vs_bare_httpx": 0.5,
    "with_a_dead_endpoint_vs_without": 0.95,
    "calm_p50_ms": 15.0,
}


def main() -> int:
    """Print one JSON object (`--json`) or a table; 0 where every target holds."""
    import events_figures

    if "--serve" in sys.argv[1:]:
        events_figures.serve()
        return 0
    server = os.environ.get("BENCH_DATABASE_URL")
    if not server:
        print("BENCH_DATABASE_URL is not set: the URL of a superuser on a durable server", file=sys.stderr)
        return 2
    figures, ratios = events_figures.measure(server)
    holds = (
        all(ratios[name] >= TARGETS[name] for name in ratios)
        and figures["calm_p50_ms"] <= TARGETS["calm_p50_ms"]
        and figures["fsync"] == figures["synchronous_commit"] == "on"
    )
    targets = {name: f"{'>=' if name in ratios else '<='} {value:g}" for name, value in TARGETS.items()}
    result = {"bench": "events", "figures": figures, "ratios": ratios, "targets": targets, "holds": holds}
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=2))
    else:
        for name, value in {**figures, **ratios}.items():
            print(f"{name:<36} {value!s:>32}  {targets.get(name, '')}".rstrip())
        print("holds" if holds else "a target is missed")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
