"""How the platform is: the last hour, its parts, its queues and jobs. It must not judge what it is told."""

from payments_schema.wire.health import DetailedHealth
from payments_schema.wire.jobs import Job, JobPage
from payments_schema.wire.operations import Overview, Queues

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1


def health(api: ApiClient) -> DetailedHealth:
    """How the parts of the platform are."""
    return api.read(DetailedHealth, f"{V1}/health/detailed")


def overview(api: ApiClient) -> Overview:
    """The last hour."""
    return api.read(Overview, f"{V1}/operations/overview")


def queues(api: ApiClient) -> Queues:
    """Queues, workers and the schedule."""
    return api.read(Queues, f"{V1}/operations/queues")


def jobs(api: ApiClient, *, status: str, queue: str, cursor: str) -> JobPage:
    """One page of the queue's messages, newest first."""
    asked = {"status": status, "queue": queue, "cursor": cursor, "limit": "50"}
    return api.read(JobPage, f"{V1}/jobs", params={name: value for name, value in asked.items() if value})


def retry_job(api: ApiClient, job_id: str) -> Job:
    """Give a dead job another chance."""
    return api.send(Job, f"{V1}/jobs/{{}}/retry", job_id)


def discard_job(api: ApiClient, job_id: str) -> Job:
    """Take a dead job out of the queue for good."""
    return api.send(Job, f"{V1}/jobs/{{}}/discard", job_id)
