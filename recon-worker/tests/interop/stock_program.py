"""Runs inside the environment of stock dramatiq-pg: `produce|consume|rate URL QUEUE COUNT`.

Must import nothing of ours.
"""

import json
import sys
import time

import dramatiq
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines, Retries, ShutdownNotifications, TimeLimit
from dramatiq_pg import PostgresBroker

command, url, queue, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
# Dramatiq's defaults but Prometheus, which needs its own forked server.
middleware = [AgeLimit(), TimeLimit(), ShutdownNotifications(), Callbacks(), Pipelines(), Retries()]
broker = PostgresBroker(url=url, results=False, middleware=middleware)
dramatiq.set_broker(broker)
seen = []


@dramatiq.actor(queue_name=queue)
def see(item):
    seen.append((item, time.perf_counter()))


if command == "produce":
    for item in range(count):
        see.send_with_options(args=(item,), delay=300 if item % 2 else None)
else:
    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    print("ready", flush=True)
    deadline = time.monotonic() + 60
    while len(seen) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    if command == "consume":
        print(json.dumps(sorted(item for item, _ in seen)))
    else:
        times = sorted(at for _, at in seen)
        low, high = int(len(times) * 0.1), int(len(times) * 0.9) - 1
        print(json.dumps({"count": len(times), "rate": (high - low) / (times[high] - times[low])}))
