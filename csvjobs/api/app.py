"""The FastAPI application: its routes, middleware and state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

import csvjobs
from csvjobs import settings, wiring
from csvjobs.api import problems
from csvjobs.api.middleware import EarlyAnswer, Head, RequestId
from csvjobs.api.origin import OwnSite
from csvjobs.api.routes import catalogue, files, health, jobs, rejected, submit, tables
from csvjobs.api.watch import Watch
from csvjobs.flow.services import Services
from csvjobs.web.page import mount

ABOUT = """Send a CSV file of any size, have it processed outside the request, watch it, download the result.
Every error is `application/problem+json` (RFC 9457)."""


def create_app(services: Services | None = None) -> FastAPI:
    """Creates the app; without services it builds them from the environment at startup."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = services or wiring.services(settings.load())
        async with Watch(app.state.services).listening() as watch:
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
        middleware=[Middleware(each) for each in (RequestId, EarlyAnswer, OwnSite, Head)],
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


app = create_app()
