"""A real worker process: `python queue_worker.py URL QUEUE`, with actors that leave marks in a table."""

import os
import signal
import sys
import threading
import time

import dramatiq
import psycopg
from dramatiq.middleware import Retries

from recon_worker.queue.broker import PostgresBroker
from recon_worker.telemetry import configure_logs

url, queue = sys.argv[1:3]
lease_s = float(os.environ.get("LEASE_S", "10"))
configure_logs("INFO")
broker = PostgresBroker(
    url, heartbeat_s=lease_s / 5, lease_s=lease_s, middleware=[Retries(max_retries=3, min_backoff=50)]
)


def mark(item: int, seconds: float = 0.0) -> None:
    """Once per item, in one transaction that takes a while: what exactly-once looks like to an actor."""
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO public.mark (item, pid) VALUES (%s, %s)", (item, os.getpid()))
        time.sleep(seconds)


def die() -> None:
    """A poisonous message."""
    os.kill(os.getpid(), signal.SIGKILL)


for function in (mark, die):
    dramatiq.actor(function, broker=broker, queue_name=queue)

stop = threading.Event()
for name in (signal.SIGTERM, signal.SIGINT):
    signal.signal(name, lambda *_: stop.set())
worker = dramatiq.Worker(broker, worker_threads=int(os.environ.get("THREADS", "4")), worker_timeout=250)
worker.start()
while not broker.is_ready:
    time.sleep(0.01)
print("ready", flush=True)
stop.wait()
worker.stop(timeout=5000)
broker.close()
