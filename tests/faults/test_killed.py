"""Jobs whose processes are killed still end: once, complete, and within seconds."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from chaos import Service, children, eventually, gone
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job as RqJob

from csvjobs.flow.cancel import cancel
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Status
from csvjobs.jobs.redis import RedisIndex
from csvjobs.queues.rq import RUN, RqQueue, queue
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.tied import tied

LONG = 3_000_000


def test_a_job_whose_child_is_killed_is_done_at_the_second_try(service: Service) -> None:
    undisturbed = service.submit(LONG)
    worker = service.start_worker()
    service.start_reconciler()
    service.ended(undisturbed)
    job_id = service.submit(LONG)
    service.kill_child_at_work(worker, job_id)
    same, job = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 2)
    assert job.files == same.files
    assert job.rows == same.rows


def test_a_job_that_applies_what_another_has_learnt_makes_the_same_at_the_second_try(
    service: Service,
) -> None:
    worker = service.start_worker()
    service.start_reconciler()
    fill = "steps: [{step: scale, columns: [age], method: minmax}, {step: one_hot, columns: [city]}]"
    learnt = service.submit(pipeline=fill)
    service.ended(learnt)
    undisturbed = service.submit(LONG, apply=learnt)
    service.ended(undisturbed)
    job_id = service.submit(LONG, apply=learnt)
    service.kill_child_at_work(worker, job_id)
    _, same, job = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 2)
    assert job.files == same.files
    assert job.applied == same.applied


def test_a_killed_worker_takes_its_child_along_and_another_worker_finishes(service: Service) -> None:
    job_id = service.submit(LONG)
    worker = service.start_worker()
    eventually(lambda: service.attempts(job_id))
    [child] = children(worker.pid)
    worker.kill()
    worker.wait()
    eventually(lambda: gone(child))
    service.start_reconciler()
    service.start_worker()
    [job] = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 2)


def test_a_job_that_kills_its_child_each_time_is_given_up_and_blocks_nobody(service: Service) -> None:
    worker = service.start_worker()
    service.start_reconciler()
    poison, bystander = service.submit(LONG), service.submit()
    for attempt in range(1, service.settings.job_attempts + 1):
        eventually(lambda attempt=attempt: service.attempts(poison) == attempt)
        service.kill_child_at_work(worker, poison)
    dead, well = service.judge()
    assert dead.status is Status.ERROR
    assert dead.error is not None
    assert dead.error.code == "worker-lost"
    assert service.attempts(poison) == service.settings.job_attempts + 1
    assert (well.job_id, well.status) == (bystander, Status.DONE)


def test_queued_jobs_survive_the_loss_of_all_that_redis_holds(service: Service) -> None:
    jobs = [service.submit() for _ in range(10)]
    service.redis.flushall()
    service.start_reconciler()
    service.start_worker()
    ends = service.judge()
    assert {job.status for job in ends} == {Status.DONE}
    started = sorted(ends, key=lambda job: job.started_at or job.created_at)
    assert [job.job_id for job in started] == jobs
    eventually(lambda: [job.job_id for job in service.services.index.list(20)] == jobs[::-1])
    eventually(lambda: len(service.services.index.list(20, status=Status.DONE)) == 10)


def test_losing_all_that_redis_holds_does_not_disturb_a_run(service: Service) -> None:
    service.start_worker()
    service.start_reconciler()
    running, waiting = service.submit(LONG), service.submit()
    eventually(lambda: service.services.storage.leased(running))
    service.redis.flushall()
    ends = service.judge()
    assert [job.status for job in ends] == [Status.DONE, Status.DONE]
    assert service.attempts(running) == 1
    assert service.attempts(waiting) == 1


def test_a_worker_is_known_again_when_redis_has_lost_all(service: Service) -> None:
    service.start_worker()
    eventually(lambda: service.services.queue.workers() == 1)
    service.redis.flushall()
    eventually(lambda: service.services.queue.workers() == 1)


def test_a_job_committed_while_the_queue_was_away_is_found(service: Service) -> None:
    with Redis(unix_socket_path="/nonexistent/q.sock", retry=Retry(NoBackoff(), 0)) as nowhere:
        ours = service.services
        cut_off = Services(
            settings=ours.settings,
            storage=ours.storage,
            index=RedisIndex(nowhere),
            queue=RqQueue(nowhere, 1),
            pipelines=ours.pipelines,
            tables=ours.tables,
            engine=ours.engine,
        )
        service.submit(services=cut_off)
    assert service.services.queue.census().waiting == ()
    service.start_reconciler()
    service.start_worker()
    [job] = service.judge()
    assert job.status is Status.DONE


def test_a_job_taken_by_a_worker_that_died_before_it_started_is_found(service: Service) -> None:
    job_id = service.submit()
    ours = queue(service.redis, service.name)
    assert ours.dequeue_any([ours], None, service.redis, serializer=ours.serializer) is not None
    assert service.services.queue.census().in_flight == {job_id}
    service.start_reconciler()
    service.start_worker()
    [job] = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 1)


def test_a_job_delivered_twice_runs_once(service: Service) -> None:
    job_id = service.submit(LONG)
    for copy in ("copy-1", "copy-2"):
        queue(service.redis, service.name).enqueue_call(RUN, args=(job_id,), job_id=copy)
    for _ in range(2):
        service.start_worker()
    service.start_reconciler()
    [job] = service.judge()
    eventually(
        lambda: (
            RqJob.fetch("copy-2", service.redis, queue(service.redis, service.name).serializer).is_finished
        )
    )
    assert (job.status, job.attempts) == (Status.DONE, 1)
    assert service.attempts(job_id) == 1
    # What is done does not stay in Redis for ever.
    eventually(lambda: service.redis.ttl(RqJob.key_for(job_id)) > 0)


def test_a_cancelled_run_stops_and_its_worker_goes_on(service: Service) -> None:
    worker = service.start_worker()
    service.start_reconciler()
    job_id = service.submit(LONG)
    eventually(lambda: service.services.storage.leased(job_id))
    cancel(service.services, job_id)
    after = service.submit()
    stopped, done = service.judge()
    assert (stopped.status, done.status) == (Status.CANCELLED, Status.DONE)
    assert done.job_id == after
    assert not (service.root / job_id / "output.csv").exists()
    assert worker.poll() is None


def test_a_deleted_run_stops_and_leaves_nothing(service: Service) -> None:
    worker = service.start_worker()
    service.start_reconciler()
    job_id = service.submit(LONG)
    eventually(lambda: service.services.storage.leased(job_id))
    service.services.storage.delete(job_id, "deleted")
    service.jobs.remove(job_id)
    service.submit()
    [done] = service.judge()
    assert done.status is Status.DONE
    assert worker.poll() is None
    assert not (service.root / job_id).exists()


@pytest.fixture
def mortal(tmp_path: Path) -> Service:
    """A service whose Redis may be killed too; it is not running yet."""
    return Service(tmp_path, Embedded.under(tmp_path / "valkey").url)


def start_valkey(service: Service, folder: Path) -> subprocess.Popen[bytes]:
    server = Embedded.under(folder / "valkey")
    process = subprocess.Popen(tied(server.command()), stdout=subprocess.DEVNULL)
    service.processes.append(process)
    server.wait_ready(lambda: process.poll() is None)
    return process


def test_a_killed_redis_is_waited_for_and_loses_nothing(mortal: Service, tmp_path: Path) -> None:
    try:
        valkey = start_valkey(mortal, tmp_path)
        worker = mortal.start_worker()
        mortal.start_reconciler()
        running, waiting = mortal.submit(LONG), mortal.submit()
        eventually(lambda: mortal.services.storage.leased(running))
        valkey.kill()
        valkey.wait()
        while_away = mortal.submit()
        mortal.ended(running)
        start_valkey(mortal, tmp_path)
        ends = mortal.judge()
        assert [(job.job_id, job.status) for job in ends] == [
            (job_id, Status.DONE) for job_id in (running, waiting, while_away)
        ]
        assert mortal.attempts(running) == 1
        assert worker.poll() is None
    finally:
        mortal.stop()


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(mortal: Service, tmp_path: Path) -> None:
    try:
        worker = mortal.start_worker()
        mortal.start_reconciler()
        job_id = mortal.submit()
        os.kill(worker.pid, 0)
        start_valkey(mortal, tmp_path)
        [job] = mortal.judge()
        assert (job.job_id, job.status) == (job_id, Status.DONE)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
    finally:
        mortal.stop()
