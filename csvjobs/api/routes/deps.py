"""What routes are given: the services and the watch of the running app."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from csvjobs.api.watch import Watch
from csvjobs.flow.services import Services


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


Given = Annotated[Services, Depends(_services)]
Watching = Annotated[Watch, Depends(_watch)]
