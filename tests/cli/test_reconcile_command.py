"""csvjobs reconcile, with a real Redis that has lost its data."""

from __future__ import annotations

from pathlib import Path

from chaos import Service
from terminal import Terminal

from csvjobs.flow.process import process
from csvjobs.flow.submit import Incoming
from csvjobs.jobs.job import Terms
from csvjobs.priority import Priority


def environment(service: Service) -> dict[str, str]:
    redis = str(service.settings.redis_url)
    return {"CSVJOBS_JOBS_DIR": str(service.root), "REDIS_URL": redis}


def test_what_redis_has_lost_is_put_back_and_told(terminal: Terminal, service: Service) -> None:
    jobs = [service.submit() for _ in range(3)]
    process(service.services, jobs[1])
    service.redis.flushall()
    first = terminal.types("reconcile", **environment(service))
    assert (first.status, first.err) == (0, "")
    *lines, last = first.out.splitlines()
    assert lines == [
        *[f"{job_id} put back into the queue" for job_id in (jobs[0], jobs[2])],
        *[f"{job_id} put back into the list" for job_id in jobs[::-1]],
    ]
    assert last == "2 jobs have not ended; jobs changed: 3."
    assert service.services.queue.census().waiting == (jobs[0], jobs[2])
    assert [job.job_id for job in service.services.index.list(10)] == jobs[::-1]
    again = terminal.types("reconcile", **environment(service))
    assert again.out == "2 jobs have not ended; jobs changed: 0.\n"


def test_several_at_once_put_back_each_job_once(terminal: Terminal, service: Service) -> None:
    jobs = [service.submit() for _ in range(5)]
    service.redis.flushall()
    running = [terminal.starts("reconcile", **environment(service)) for _ in range(3)]
    assert {terminal.ended(one).status for one in running} == {0}
    assert service.services.queue.census().waiting == tuple(jobs)


def test_a_job_keeps_its_priority_whatever_is_set_here(
    terminal: Terminal, tmp_path: Path, redis_url: str
) -> None:
    service = Service(tmp_path, redis_url, priority_workers=1)
    with Incoming(service.services) as incoming:
        incoming.write(b"a,b\n1,2\n")
        job_id = incoming.submit("x.csv", terms=Terms(priority=Priority.HIGH)).job_id
    queue = service.services.queue
    assert queue.census().high == (job_id,)
    assert terminal.types("reconcile", **environment(service)).status == 0
    assert queue.census().high == (job_id,)
    service.redis.flushall()
    assert f"{job_id} put back into the queue" in terminal.types("reconcile", **environment(service)).out
    assert queue.census().high == (job_id,)
    service.stop()


def test_a_redis_that_is_not_there_is_told(terminal: Terminal, service: Service) -> None:
    typed = terminal.types("reconcile", **{**environment(service), "REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (typed.status, typed.out) == (3, "")
    assert typed.err.startswith("error queue-unavailable: The queue cannot be reached: ")
    assert len(typed.err.splitlines()) == 1
