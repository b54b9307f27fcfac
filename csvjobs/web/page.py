"""The page at /, Swagger UI at /docs, a page for each kind of problem: no build step, no external resources,
a strict content policy."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from csvjobs.errors import UnknownAddress, kinds

HERE = Path(__file__).parent
KINDS = kinds()

POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
# Swagger UI sets inline styles from its script, and its icons are data URLs.
DOCS_POLICY = f"{POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

templates = Jinja2Templates(HERE / "templates")


def mount(app: FastAPI) -> None:
    """Adds the page, its static files and the API's documentation to the app."""

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html", headers=_headers(POLICY))

    async def docs(request: Request) -> Response:
        return templates.TemplateResponse(request, "docs.html", headers=_headers(DOCS_POLICY))

    async def problem(request: Request, code: str) -> Response:
        if code not in KINDS:
            raise UnknownAddress(f"There is no problem {code[:80]!r}.", hint="docs/errors.md lists them all.")
        context = {"kind": KINDS[code]}
        return templates.TemplateResponse(request, "problem.html", context, headers=_headers(POLICY))

    app.add_api_route("/", page, include_in_schema=False)
    app.add_api_route("/docs", docs, include_in_schema=False)
    app.add_api_route("/problems/{code}", problem, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
