"""Who may ask: under a name that is this service's own, and for no change where it is another site's page."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from csvjobs.api.problems import problem
from csvjobs.errors import ForeignOrigin, RequestError, UnknownHost
from csvjobs.settings import Settings

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
PRIVATE = ("localhost", "local", "internal")
"""Last parts of names that nobody can register in the public DNS (RFC 6761, RFC 6762, and ICANN's choice)."""


class OwnSite:
    """Refuses what a browser sends at the behest of another site, and any name under which a stranger's
    site could pass for this one (decision 26). Programs send no `Origin` and are not concerned."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)
        error = refusal(request, request.app.state.services.settings)
        return await (problem(request, error) if error else self.app)(scope, receive, send)


def refusal(request: Request, settings: Settings) -> RequestError | None:
    """Why the request is not to be answered, if so."""
    host = request.headers.get("host", "")
    if not _is_ours(host, settings):
        return UnknownHost(
            f"This service is not known as {host[:200]!r}.",
            hint=f"Name the host in {Settings.variable('allowed_hosts')}, or ask by the address (IP).",
        )
    if request.method in SAFE or _is_own(request, host):
        return None
    asked_by = request.headers.get("origin", "another site")
    return ForeignOrigin(
        f"A page of {asked_by[:200]} asks {host[:200]!r} for a change.",
        hint="Only the service's own page may. A proxy before it has to pass the header Host on as it came.",
    )


def _is_ours(host: str, settings: Settings) -> bool:
    """Whether the service may be called so; without a Host (HTTP/1.0) it is no browser that asks."""
    name = _split(host)[0].rstrip(".")
    named = [settings.host, *(settings.allowed_hosts or "").split(",")]
    allowed = [each.strip().lower() for each in named]
    if not host or "*" in allowed:
        return True
    private = "." not in name or name.rpartition(".")[2] in PRIVATE
    return name != "" and (private or _is_address(name) or name in allowed)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_own(request: Request, host: str) -> bool:
    """Whether no other site's page has sent it: what the browser says of that, else its Origin.

    The scheme is left out: behind a proxy that speaks TLS it is another one here.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or _split(origin.partition("://")[2]) == _split(host)


def _split(host: str) -> tuple[str, int | None]:
    """Name and port of `name:port`, the usual ports left out; no name where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", None if parts.port in (80, 443) else parts.port
    except ValueError:
        return "", None
