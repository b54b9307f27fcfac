"""Fixtures: a real service, and a Chromium whose console errors and requests are recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from chaos import ROOT
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served import Served, lasting

# How long a job takes is the machine's affair.
PATIENT = 60_000
expect.set_options(timeout=PATIENT)

QUIET = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with lasting(tmp_path_factory.mktemp("e2e"), pipelines_dir=ROOT / "pipelines") as served:
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--no-first-run", *QUIET]
        )
        yield browser
        browser.close()


@pytest.fixture(params=["light"])
def page(browser: Browser, service: Served, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, open; afterwards it has not complained, and has talked to the service alone."""
    context = browser.new_context(base_url=service.url, color_scheme=request.param, accept_downloads=True)
    context.set_default_timeout(PATIENT)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []

    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asking: asked.append(asking.url))
    page.goto("/")
    yield page
    context.close()
    # A refusal that the page shows is in the console too, and so is a network that a test took away.
    expected = ("responded with a status of 4", "net::ERR_INTERNET_DISCONNECTED")
    assert not [text for text in complaints if not any(said in text for said in expected)]
    assert not [url for url in asked if not url.startswith((service.url, "blob:", "data:"))]
