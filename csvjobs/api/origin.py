"""Checks of Host and Origin: against DNS rebinding, and against changes requested by other sites' pages."""

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
"""Top-level names that nobody can register in the public DNS (RFC 6761, RFC 6762, and ICANN for internal)."""


class OwnSite:
    """Refuses requests that a browser sends on behalf of another site, and host names under which another
    site could pass for this one (decision 26). Programs send no `Origin` and are not affected."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)
        error = refusal(request, request.app.state.services.settings)
        return await (problem(request, error) if error else self.app)(scope, receive, send)


def refusal(request: Request, settings: Settings) -> RequestError | None:
    """The error to refuse the request with; None when it is allowed."""
    host = request.headers.get("host", "")
    if not _is_ours(host, settings):
        return UnknownHost(
            f"This service does not answer to the host name {host[:200]!r}.",
            hint=f"Add the host to {Settings.variable('allowed_hosts')}, or use the IP address.",
        )
    if request.method in SAFE or _is_own(request, host):
        return None
    asked_by = request.headers.get("origin", "another site")
    return ForeignOrigin(
        f"A page from {asked_by[:200]} tried to change something on {host[:200]!r}.",
        hint="Only the service's own page may. A proxy in front must pass the Host header on unchanged.",
    )


def _is_ours(host: str, settings: Settings) -> bool:
    """Whether the host name is one of this service's; no Host (HTTP/1.0) is fine, as no browser omits it."""
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
    """Whether the request does not come from another site's page: by Sec-Fetch-Site, else by Origin.

    The scheme is not compared: behind a proxy that terminates TLS it differs.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or _split(origin.partition("://")[2]) == _split(host)


def _split(host: str) -> tuple[str, int | None]:
    """Name and port of `name:port`; port None for 80 and 443, an empty name when it cannot be parsed."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", None if parts.port in (80, 443) else parts.port
    except ValueError:
        return "", None
