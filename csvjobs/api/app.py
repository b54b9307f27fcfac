"""The FastAPI application: its routes, middleware and state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

import csvjobs
from csvjobs import wiring
from csvjobs.api import problems
from csvjobs.api.middleware import CutOff, EarlyAnswer, Head, RequestId
from csvjobs.api.origin import OwnSite
from csvjobs.api.routes import catalogue, files, health, jobs, rejected, submit, tables
from csvjobs.api.watch import Watch
from csvjobs.flow.services import Services
from csvjobs.settings import load, well_set_up
from csvjobs.web.page import mount

ABOUT = """Upload a CSV file of any size, follow its job, which runs in the background, download the result.
Every error is `application/problem+json` (RFC 9457)."""


def served() -> FastAPI:
    """Creates the app with the services that the environment's settings describe. Ends the process with a
    one-line message when these are wrong."""
    with well_set_up():
        return create_app(wiring.services(load()))


def create_app(services: Services) -> FastAPI:
    """Creates the app with these services."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = services
        app.state.looks = asyncio.Semaphore(submit.LOOKS_AT_ONCE)
        async with Watch(services).listening() as watch:
            app.state.watch = watch
            yield

    app = FastAPI(
        title="csvjobs",
        version=csvjobs.__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(each) for each in (RequestId, CutOff, EarlyAnswer, OwnSite, Head)],
    )
    problems.install(app)
    plain = app.openapi
    app.openapi = lambda: problems.describe(plain())  # type: ignore[method-assign]
    mount(app)
    app.state.routes = [route for route in app.routes if isinstance(route, APIRoute)]
    # The first matching route wins: /jobs/{id}/errors has to come before /jobs/{id}/{name}.
    for module in (submit, jobs, rejected, files, catalogue, tables, health):
        app.include_router(module.router)
        app.state.routes += module.router.routes
    return app
