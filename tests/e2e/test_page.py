"""The page as people use it, in a real Chromium."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from chaos import ROOT
from playwright.sync_api import Locator, Page, expect
from served import Served

VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe.min.js").read_text("utf-8")
EXAMPLES = ROOT / "examples"


def send(page: Page, path: Path | dict[str, Any], pipeline: str = "tidy") -> None:
    page.locator("#file").set_input_files(path)  # type: ignore[arg-type]
    page.get_by_label("Pipeline", exact=True).select_option(pipeline)
    page.get_by_role("button", name="Process").click()


def file(content: bytes, name: str = "people.csv") -> dict[str, Any]:
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def status(page: Page) -> Locator:
    return page.locator("#job-status")


def figures(page: Page) -> dict[str, str]:
    names, counts = (page.locator(f"#job-rows {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(names, counts, strict=True))


def downloaded(page: Page, link: str) -> bytes:
    with page.expect_download() as coming:
        page.get_by_role("link", name=link).click()
    return Path(coming.value.path()).read_bytes()


def table(page: Page) -> list[list[str]]:
    rows = page.locator("#preview tr")
    expect(rows.first).to_be_visible()
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_a_file_is_chosen_processed_looked_at_and_downloaded(page: Page) -> None:
    path = EXAMPLES / "country-codes.tsv"
    send(page, path)
    expect(status(page)).to_have_text("done")
    with path.open(encoding="utf-8", newline="") as source:
        expected = list(csv.reader(source, delimiter="\t"))
    assert figures(page)["Rows in"] == figures(page)["Rows out"] == str(len(expected) - 1)
    assert table(page) == expected[:21]
    got = downloaded(page, "Download output.csv").decode().splitlines()
    assert list(csv.reader(got)) == expected


def test_a_file_may_be_dropped(page: Page) -> None:
    handle = page.evaluate_handle(
        """() => { const given = new DataTransfer();
        given.items.add(new File(["a,b\\n1,2\\n"], "dropped.csv", {type: "text/csv"})); return given; }"""
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": handle})
    expect(page.get_by_text("dropped.csv")).to_be_visible()
    page.get_by_role("button", name="Process").click()
    expect(status(page)).to_have_text("done")
    assert table(page) == [["a", "b"], ["1", "2"]]


def test_a_pipeline_is_chosen_by_name(page: Page) -> None:
    send(page, EXAMPLES / "contacts.csv", "crm-clean")
    expect(status(page)).to_have_text("done")
    assert figures(page)["Rows in"] == "12"
    assert figures(page)["drop_missing (step 2)"] == "2"
    assert "Grace Hopper" in [row[1] for row in table(page)]


def test_a_pipeline_of_ones_own_is_used_and_its_faults_are_told(page: Page) -> None:
    page.get_by_text("Write your own pipeline").click()
    own = page.get_by_label("Pipeline, as YAML or JSON")
    own.fill("steps: [{step: selct, columns: [b]}]")
    send(page, file(b"a,b\n1,2\n"))
    expect(page.get_by_role("alert")).to_contain_text("Did you mean 'select'?")
    own.fill("steps: [{step: select, columns: [b]}]")
    page.get_by_role("button", name="Process").click()
    expect(status(page)).to_have_text("done")
    assert table(page) == [["b"], ["2"]]


def test_a_job_is_still_there_after_a_reload_and_in_the_list(page: Page) -> None:
    send(page, file(b"a\n1\n", "kept.csv"))
    expect(status(page)).to_have_text("done")
    page.reload()
    expect(page.get_by_role("heading", name="kept.csv")).to_be_visible()
    expect(status(page)).to_have_text("done")
    page.goto("/")
    page.locator("#recent").get_by_role("link", name="kept.csv").first.click()
    expect(page.get_by_role("heading", name="kept.csv")).to_be_visible()


def test_a_bad_file_is_told_with_a_hint_and_without_a_download(page: Page) -> None:
    send(page, file(b"\x89PNG\r\n\x1a\n" + bytes(500), "picture.csv"))
    expect(status(page)).to_have_text("error")
    expect(page.locator("#job-error")).to_contain_text("looks like a PNG image")
    expect(page.locator("#job-error")).to_contain_text("Unpack or export it as CSV")
    expect(page.get_by_role("link", name="Download")).to_have_count(0)


def test_an_empty_file_is_refused_and_another_can_be_sent(page: Page) -> None:
    send(page, file(b""))
    expect(page.get_by_role("alert")).to_contain_text("The file is empty.")
    send(page, file(b"a\n1\n"))
    expect(status(page)).to_have_text("done")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_rejected_rows_are_counted_and_can_be_had(page: Page) -> None:
    send(page, file(b"a,b\n1,2\n3\n4,5\n"))
    expect(status(page)).to_have_text("done")
    assert (figures(page)["Rows out"], figures(page)["Rejected"]) == ("2", "1")
    assert downloaded(page, "rejected.csv (").splitlines()[1].startswith(b"3,,3,3,8,missing-cell,b,")


def test_rejected_rows_are_told_by_kind(page: Page) -> None:
    send(page, file(b"a,b\n1,2\n3\n4,5,6\n7\n"))
    expect(status(page)).to_have_text("done")
    kinds = page.locator("#job-rejected li")
    expect(kinds).to_have_count(2)
    expect(kinds.first).to_contain_text("2 × missing-cell")
    expect(kinds.first).to_contain_text("Column b. Lines: 3, 5.")
    expect(kinds.nth(1)).to_contain_text("1 × extra-cell")
    with page.expect_download() as coming:
        page.locator("#job-rejected").get_by_role("link", name="rejected.csv").click()
    assert len(Path(coming.value.path()).read_text("utf-8").splitlines()) == 4
    send(page, file(b"a\n1\n"))
    expect(page.get_by_role("heading", name="Rejected rows")).to_be_hidden()


def test_rejected_rows_are_told_where_none_is_left(page: Page) -> None:
    html = "<img src=x onerror=alert(1)>"
    send(page, file(f"a,{html}\n1\n2\n".encode()))
    expect(status(page)).to_have_text("error")
    expect(page.locator("#job-rejected li")).to_contain_text(f"Column {html}.")
    expect(page.locator("main img")).to_have_count(0)


def test_what_strangers_wrote_is_shown_as_text(page: Page) -> None:
    html = "<img src=x onerror=alert(1)>"
    send(page, file(f"{html},b\n<b>1</b>,2\n".encode(), f"{html}.csv"))
    expect(status(page)).to_have_text("done")
    expect(page.get_by_role("heading", name=f"{html}.csv")).to_be_visible()
    assert table(page) == [[html, "b"], ["<b>1</b>", "2"]]
    expect(page.locator("main img, main b")).to_have_count(0)


def test_a_running_job_shows_its_progress_and_is_cancelled(page: Page, service: Served) -> None:
    [worker] = [each for each in service.service.processes if "csvjobs.worker.process" in each.args]
    worker.terminate()
    worker.wait()
    try:
        send(page, file(b"a\n1\n"))
        expect(status(page)).to_have_text("queued")
        expect(page.get_by_text("Next in line")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(status(page)).to_have_text("cancelled")
    finally:
        service.service.start_worker()


def test_a_job_is_deleted(page: Page) -> None:
    send(page, file(b"a\n1\n", "gone.csv"))
    expect(status(page)).to_have_text("done")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#job")).to_be_hidden()
    expect(page.locator("#recent").get_by_text("gone.csv")).to_have_count(0)


def test_a_link_to_a_job_that_is_gone_says_so(page: Page) -> None:
    page.goto("/#01890000-0000-7000-8000-000000000000")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("There is no job")


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    reached: set[str] = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        # Past the last element the browser's own controls come, which the page sees as its body.
        if page.evaluate("document.activeElement === document.body"):
            continue
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        assert page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle !== 'none' || "
            "document.activeElement.matches('#file')"
        ), reached
    assert {"file", "pipeline", "Process", "Write your own pipeline"} <= reached


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, ""),
        ((EXAMPLES / "iris.csv").read_bytes(), "done"),
        (b"a,b\n1,2\n3\n", "done"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "error"),
    ],
    ids=["start", "done", "rejected", "error"],
)
def test_nobody_is_shut_out(page: Page, content: bytes | None, state: str) -> None:
    """axe-core finds nothing to object to."""
    if content is not None:
        send(page, file(content))
        expect(status(page)).to_have_text(state)
    if state == "done":
        table(page)
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    assert not found, [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]


def test_the_page_allows_only_what_is_its_own(service: Served) -> None:
    policy = service.client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_docs_are_there_and_ask_nobody_else(page: Page) -> None:
    page.goto("/docs")
    expect(page.get_by_text("/upload_csv")).to_be_visible()


@pytest.mark.parametrize(
    ("folder", "listing"),
    [(VENDOR, "README"), (ROOT / "csvjobs/web/static/vendor", "SHA256SUMS")],
)
def test_what_others_made_is_unchanged(folder: Path, listing: str) -> None:
    listed = dict(
        reversed(line)
        for line in re.findall(r"^([0-9a-f]{64})  (\S+)$", (folder / listing).read_text(), re.M)
    )
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("README", "SHA256SUMS")
    }
    assert found == listed
