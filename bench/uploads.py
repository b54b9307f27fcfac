"""(d): CPU of receiving a large file, against nginx."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import curl
from measure import cpu_seconds, settle
from nginx import INSTALL, Nginx, installed, nginx
from report import Row
from service import Service, service

# More than elsewhere: the kernel's share, writing to the page cache, varies.
ROUNDS = 5
SECTION = "(d) upload"


@dataclass(frozen=True)
class Receiver:
    """A server's process, and what sends it the file and then removes it there."""

    what: str
    pid: int
    send: Callable[[Path], None]


def uploads(source: Path) -> list[Row]:
    """CPU seconds per GB of the API's process and of nginx's, in turn; no worker runs beside them."""
    with ExitStack() as stack:
        serving = stack.enter_context(service(source.parent, worker=False))
        receivers = [
            _posted("raw body", serving, curl.post_raw),
            _posted("multipart", serving, curl.post_form),
        ]
        if installed():
            receivers.append(_put(stack.enter_context(nginx(source.parent))))
        rounds = [[_cost(receiver, source) for receiver in receivers] for _ in range(ROUNDS)]
    costs = [median(each) for each in zip(*rounds, strict=True)]
    rows = [_row(receiver, cost) for receiver, cost in zip(receivers, costs, strict=True)]
    if not installed():
        return [*rows, Row(SECTION, "against nginx: not measured", INSTALL)]
    ratios = [
        Row(SECTION, f"{r.what} ÷ nginx", f"{c / costs[-1]:.2f}")
        for r, c in zip(receivers, costs[:-1], strict=False)
    ]
    return [*ratios, *rows]


def _posted(what: str, serving: Service, post: Callable[[str, Path], Any]) -> Receiver:
    def send(source: Path) -> None:
        serving.delete(post(serving.upload_url(), source)["job_id"])

    return Receiver(what, serving.api, send)


def _put(server: Nginx) -> Receiver:
    def send(source: Path) -> None:
        curl.put(f"{server.url}/upload.csv", source)
        (server.files / "upload.csv").unlink()

    return Receiver("nginx PUT, which stores and does no more", server.pid, send)


def _cost(receiver: Receiver, source: Path) -> float:
    settle()
    before = cpu_seconds(receiver.pid)
    receiver.send(source)
    return (cpu_seconds(receiver.pid) - before) / (source.stat().st_size / 1e9)


def _row(receiver: Receiver, per_gb: float) -> Row:
    return Row(SECTION, receiver.what, f"{per_gb:.2f} CPU s/GB")
