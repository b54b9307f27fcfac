"""One worker of each kind, on the server at QUEUE_BENCH_URL.

python contenders.py ours|rq TASK           a worker
python contenders.py child TASK DESCRIPTOR  the child of ours
celery -A contenders worker                 Celery's
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable
from multiprocessing.connection import Connection

from celery import Celery
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from tasks import FOLDER, TASKS

from csvjobs.queues.rq import RUN
from csvjobs.settings import Settings
from csvjobs.wiring import shared_name, storage
from csvjobs.worker import process
from csvjobs.worker.child import Children
from csvjobs.worker.run_job import serve

URL = os.environ["QUEUE_BENCH_URL"]
SETTINGS = Settings(redis_url=URL, jobs_dir=FOLDER / "jobs")
STORAGE = storage(SETTINGS)

app = Celery(broker=URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="))
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, task_ignore_result=True)
late = {name: app.task(name=name)(task) for name, task in TASKS.items()}


def putters(task: str) -> dict[str, Callable[[], object]]:
    """What sends a job to each contender."""
    redis = Redis.from_url(URL)
    ours = process.queue(redis, shared_name(STORAGE))
    stock = Queue("stock", connection=redis, serializer=JSONSerializer)
    anew = "copy_anew" if task == "copy_kept" else task

    def to_ours() -> None:
        job_id = str(uuid.uuid4())
        ours.enqueue_call(RUN, args=(job_id,), job_id=job_id, timeout=60)

    return {
        "csvjobs": to_ours,
        "RQ": lambda: stock.enqueue_call(f"tasks.{anew}", args=(str(uuid.uuid4()),), timeout=60),
        "Celery": lambda: late[task].delay(str(uuid.uuid4())),
    }


def commands(task: str) -> dict[str, list[str]]:
    """What starts the worker of each contender."""
    here = [sys.executable, __file__]
    celery = [sys.executable, "-m", "celery", "-A", "contenders", "worker", "-P", "prefork", "-c", "1"]
    return {
        "csvjobs": [*here, "ours", task],
        "RQ": [*here, "rq"],
        "Celery": [*celery, "-O", "fair", "-l", "error", "--without-gossip", "--without-mingle"],
    }


def main() -> None:
    match sys.argv[1:]:
        case ["ours", task]:
            children = Children((sys.executable, __file__, "child", task))
            process.worker(process.patient(URL), SETTINGS, children).work(logging_level="ERROR")
            children.end()
        case ["rq"]:
            # With its modules loaded, so that no job pays for them.
            stock = Queue("stock", connection=Redis.from_url(URL), serializer=JSONSerializer)
            Worker([stock], connection=stock.connection, serializer=JSONSerializer).work(
                logging_level="ERROR"
            )
        case ["child", task, descriptor]:
            with Connection(int(descriptor)) as socket:
                serve(socket, lambda job_id, _: TASKS[task](job_id))


if __name__ == "__main__":
    main()
