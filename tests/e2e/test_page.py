"""The web page in a real Chromium."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chaos import ROOT
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect
from served import Served

from csvjobs.pipelines.catalogue import BY_NAME
from csvjobs.pipelines.spec import parse

VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe.min.js").read_text("utf-8")
EXAMPLES = ROOT / "examples"


def send(page: Page, path: Path | dict[str, Any], pipeline: str = "tidy") -> None:
    page.locator("#file").set_input_files(path)  # type: ignore[arg-type]
    page.get_by_label("Pipeline", exact=True).select_option(pipeline)
    page.get_by_role("button", name="Process", exact=True).click()


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


def test_what_can_be_sent_is_told_until_a_file_is_chosen(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Process a file")
    for kind in ("CSV", "Excel", "JSON lines", "Parquet"):
        expect(page.locator("#drop")).to_contain_text(kind)
    page.locator("#file").set_input_files(file(b"a,b\n1,2\n"))
    expect(page.locator("#drop")).to_have_text(re.compile(r"^\s*people\.csv\s*8 bytes\s*$"))
    page.locator("#file").set_input_files([])
    expect(page.locator("#drop")).to_contain_text("Drop a file here")
    expect(page.locator("#drop")).to_contain_text("Parquet")


def test_a_file_may_be_dropped(page: Page) -> None:
    handle = page.evaluate_handle(
        """() => { const given = new DataTransfer();
        given.items.add(new File(["a,b\\n1,2\\n"], "dropped.csv", {type: "text/csv"})); return given; }"""
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": handle})
    expect(page.get_by_text("dropped.csv")).to_be_visible()
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    assert table(page) == [["a", "b"], ["1", "2"]]


def test_a_pipeline_is_chosen_by_name(page: Page) -> None:
    send(page, EXAMPLES / "contacts.csv", "crm-clean")
    expect(status(page)).to_have_text("done")
    assert figures(page)["Rows in"] == "12"
    assert figures(page)["Dropped by drop_missing (step 2)"] == "2"
    assert "Grace Hopper" in [row[1] for row in table(page)]
    # What it learnt, the mean of the amounts among it, is applied to another file.
    page.get_by_role("button", name="Process another file with what was learnt here").click()
    expect(page.locator("#file")).to_be_focused()
    expect(page.locator("#about")).to_contain_text("The pipeline crm-clean, with the values that it learnt")
    choose(
        page,
        b"id,name,email,city,plan,spend\n1,Ada,a@example.org,Rome,pro,\n2,Bob,b@example.org,Rome,pro,5\n",
    )
    expect(page.locator("#preview-list")).to_contain_text("row 1, spend: (empty) → 120.5")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.locator("#job-about")).to_contain_text("Pipeline crm-clean, as learnt before")
    expect(status(page)).to_have_text("done")
    assert [row[-1] for row in table(page)] == ["spend", "120.5", "5"]


def test_a_pipeline_of_ones_own_is_used_and_its_faults_are_told(page: Page) -> None:
    own_pipeline(page, "steps: [{step: selct, columns: [b]}]")
    choose(page, b"a,b\n1,2\n")
    expect(page.get_by_role("alert")).to_contain_text("Did you mean 'select'?")
    # The file is well, and shown.
    assert looked_at(page) == [["1", "2"]]
    own_pipeline(page, "steps: [{step: select, columns: [b]}]")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    assert table(page) == [["b"], ["2"]]


def test_a_folder_is_not_taken_for_a_file(page: Page) -> None:
    # A script cannot make the entry of a folder, so the event only looks like one.
    page.evaluate(
        """() => {
        const item = {kind: "file", getAsFile: () => null, webkitGetAsEntry: () => ({isDirectory: true})};
        const given = {files: [new File([], "dir")], items: [item]};
        const event = Object.assign(new Event("drop", {cancelable: true}), {dataTransfer: given});
        document.getElementById("drop").dispatchEvent(event); }"""
    )
    expect(page.locator("#refused")).to_contain_text("That is a folder.")
    expect(page.locator("#drop")).to_contain_text("Drop a file here")


@pytest.mark.parametrize(
    ("what", "stays"), [("new File([], 'a.csv')", True), ("'text', 'text/plain'", False)]
)
def test_a_file_that_misses_the_box_does_not_replace_the_page(page: Page, what: str, stays: bool) -> None:
    prevented = page.evaluate(
        f"""() => {{ const given = new DataTransfer(); given.items.add({what});
        const event = new DragEvent("drop", {{dataTransfer: given, bubbles: true, cancelable: true}});
        document.body.dispatchEvent(event); return event.defaultPrevented; }}"""
    )
    assert prevented is stays


def test_a_damaged_address_opens_no_job_and_breaks_nothing(page: Page) -> None:
    page.goto("about:blank")
    page.goto("/#%E0%A4")
    expect(page.locator("#gone")).to_be_visible()


def own_pipeline(page: Page, text: str) -> None:
    page.get_by_label("Pipeline", exact=True).select_option(label="your own, written here")
    own = page.get_by_label("Your own pipeline, as YAML or JSON")
    own.fill(text)
    own.blur()


def process(page: Page, content: bytes, name: str = "people.csv") -> None:
    """Sends it through the pipeline that is chosen."""
    choose(page, content, name)
    page.get_by_role("button", name="Process", exact=True).click()


@pytest.mark.parametrize("delimiter", [";", "\t", "^", "-", "]", "|", "\\"])
def test_the_output_is_shown_in_the_dialect_it_is_written_in(page: Page, delimiter: str) -> None:
    write = {"profile": "excel", "delimiter": delimiter}
    own_pipeline(page, json.dumps({"write": write}))
    content = f'a,"b{delimiter}"\n"x{delimiter}""y","1\n2"\n,z\n'
    process(page, content.encode())
    expect(status(page)).to_have_text("done")
    assert table(page) == [["a", f"b{delimiter}".strip()], [f'x{delimiter}"y', "1\n2"], ["", "z"]]


def test_an_output_without_a_header_row_is_shown_with_numbered_columns(page: Page) -> None:
    own_pipeline(page, "write: {header: false}")
    page.locator("#outputs summary").click()
    page.get_by_role("button", name="format: xlsx").click()
    expect(page.locator("#pipeline-fault")).to_contain_text("Change it by hand, under write.")
    own_pipeline(page, "write: {header: false}")
    process(page, b"a,b\n1,2\n")
    expect(status(page)).to_have_text("done")
    assert table(page) == [["column_1", "column_2"], ["1", "2"]]


def test_an_output_that_is_no_plain_csv_is_not_shown_but_downloaded(page: Page) -> None:
    own_pipeline(page, "write: {compression: zstd}")
    page.locator("#outputs summary").click()
    page.get_by_role("button", name="compression: gzip").click()
    expect(page.locator("#text")).to_have_value("write: {compression: gzip}")
    process(page, b"a,b\n1,2\n")
    expect(status(page)).to_have_text("done")
    expect(page.get_by_text("Only CSV output can be shown here")).to_be_visible()
    expect(page.locator("#preview")).to_be_hidden()
    assert gzip.decompress(downloaded(page, "Download output.csv.gz")) == b"a,b\n1,2\n"


def test_the_output_of_a_pipeline_that_has_a_name_is_chosen(page: Page) -> None:
    page.get_by_label("Pipeline", exact=True).select_option("excel-export")
    page.locator("#outputs summary").click()
    page.locator("#outputs").get_by_role("button", name="format: jsonl").click()
    expect(page.locator("#text")).to_have_value(
        re.compile("^name: excel-export\n(.*\n)+write: {format: jsonl}\n$")
    )
    process(page, b"a,b\n1,2\n")
    expect(status(page)).to_have_text("done")
    assert downloaded(page, "Download output.jsonl") == b'{"a":"1","b":"2"}\n'
    page.get_by_text("Process again with other options").click()
    page.locator("#again-outputs summary").click()
    page.locator("#again-outputs").get_by_role("button", name="compression: gzip").click()
    expect(page.locator("#again-text")).to_have_value(re.compile("\nwrite: {compression: gzip}\n$"))
    page.get_by_role("button", name="Process again").click()
    assert gzip.decompress(downloaded(page, "Download output.csv.gz")) == b"a,b\n1,2\n"


def test_pipelines_are_offered_as_soon_as_the_service_tells_them(page: Page) -> None:
    page.clock.install()
    page.route("**/pipelines", lambda route: route.abort("internetdisconnected"), times=1)
    page.reload()
    choose(page, b"a,b\n1,2\n")
    looked_at(page)
    look(page).get_by_label("Delimiter").select_option(",")
    assert page.locator("#pipeline option").all_inner_texts() == ["tidy", "your own, written here"]
    page.clock.run_for(10_000)
    expect(page.locator("#pipeline option", has_text="crm-clean")).to_have_count(1)
    expect(page.locator("#again-pipeline option", has_text="crm-clean")).to_have_count(1)
    expect(look(page).get_by_label("Delimiter")).to_have_value(",")


def test_a_workbook_is_looked_at_and_its_sheet_can_be_chosen(page: Page) -> None:
    page.locator("#file").set_input_files(EXAMPLES / "orders.xlsx")
    sheet = look(page).get_by_label("Sheet")
    expect(sheet).to_be_visible()
    expect(look(page).locator("td").first).to_have_text("00042")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    assert table(page)[:2] == [
        ["article", "customer", "ordered", "amount", "paid"],
        ["00042", "Zoë Müller", "2026-04-03", "120.5", "true"],
    ]
    expect(page.locator("#job-found")).to_contain_text("Orders")


def test_an_output_in_utf16_is_shown_as_what_it_says(page: Page) -> None:
    own_pipeline(page, "steps: [{step: trim}]")
    page.locator("#outputs summary").click()
    page.get_by_role("button", name="profile: excel").click()
    expect(page.locator("#text")).to_have_value("steps: [{step: trim}]\nwrite: {profile: excel}\n")
    own_pipeline(page, "write: {profile: excel-unicode}")
    process(page, "name\nZoë\n".encode())
    expect(status(page)).to_have_text("done")
    assert table(page) == [["name"], ["Zoë"]]


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
    with page.context.expect_page() as explained:
        page.locator("#job-error").get_by_role("link", name="not-csv").click()
    expect(explained.value.get_by_role("heading", level=1)).to_have_text(
        "The file is not text in rows and columns."
    )
    expect(page.get_by_role("link", name="Download")).to_have_count(0)


def test_an_empty_file_is_refused_and_another_can_be_sent(page: Page) -> None:
    page.locator("#file").set_input_files(file(b""))  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_contain_text("The file is empty.")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.get_by_role("button", name="Process", exact=True)).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(1)
    send(page, file(b"a\n1\n"))
    expect(status(page)).to_have_text("done")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_fault_is_told_once_and_until_it_is_corrected(page: Page) -> None:
    own_pipeline(page, "steps: [{step: selct}]")
    process(page, b"a\n1\n")
    expect(page.get_by_role("button", name="Process", exact=True)).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Did you mean 'select'?")
    own_pipeline(page, "steps: [{step: trim}]")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_another_than_the_service_answers_is_told(page: Page) -> None:
    send(page, file(b"a\n1\n"))
    expect(status(page)).to_have_text("done")
    page.route("**/rerun", lambda route: route.fulfill(status=404, body="<h1>Not here</h1>"))
    page.get_by_text("Process again with other options").click()
    page.get_by_role("button", name="Process again").click()
    expect(page.get_by_role("alert")).to_contain_text("The service answered with status 404.")


def test_a_job_is_shown_although_its_events_are_refused(page: Page, service: Served) -> None:
    job = service.done(b"a\n1\n")
    page.route("**/events", lambda route: route.fulfill(status=204), times=1)
    page.goto(f"/#{job['job_id']}")
    page.reload()
    expect(status(page)).to_have_text("done")


def test_a_list_that_has_not_changed_is_left_as_it_is(page: Page) -> None:
    """A press that begins before a refresh and ends after it would miss a link that is made anew."""
    send(page, file(b"a\n1\n"))
    expect(status(page)).to_have_text("done")
    expect(page.locator("#recent .badge").first).to_have_text("done")
    with page.expect_response("**/jobs?limit=*"):
        page.evaluate(
            """() => { window.link = document.querySelector("#recent a");
            document.dispatchEvent(new Event("visibilitychange")); }"""
        )
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.link.isConnected")


def look(page: Page) -> Locator:
    return page.get_by_role("region", name="How it will be read")


def looked_at(page: Page) -> list[list[str]]:
    rows = look(page).locator("tbody tr")
    expect(rows.first).to_be_visible()
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def names(page: Page) -> list[str]:
    heads: list[str] = look(page).locator("th").evaluate_all("all => all.map(th => th.firstChild.data)")
    return heads


def choose(page: Page, content: bytes, name: str = "people.csv") -> None:
    page.locator("#file").set_input_files(file(content, name))  # type: ignore[arg-type]


def test_a_chosen_file_is_looked_at_before_it_is_sent(page: Page) -> None:
    choose(page, "Preise\nArtikel;Preis\nÄpfel;1,50\nBirnen;\n".encode("cp1252"))
    assert looked_at(page) == [["Äpfel", "1,50"], ["Birnen", ""]]
    assert names(page) == ["Artikel", "Preis"]
    expect(look(page)).to_contain_text("2 columns in 2 rows.")
    expect(look(page)).to_contain_text("The first line was left out")
    delimiter = look(page).get_by_label("Delimiter")
    expect(delimiter.locator("option:checked")).to_have_text("semicolon")
    expect(delimiter).to_have_accessible_description(re.compile(r"^found, \d+ % sure"))
    expect(look(page).get_by_label("Lines to skip")).to_have_attribute("placeholder", "1")
    expect(page.locator("#job")).to_be_hidden()


def test_what_is_set_is_looked_at_again_and_sent_along(page: Page) -> None:
    choose(page, b"a,b;c,d\n1,2;3,4\n5,6;7,8\n")
    assert looked_at(page) == [["1,2", "3,4"], ["5,6", "7,8"]]
    look(page).get_by_label("Delimiter").select_option(",")
    look(page).get_by_label("First row", exact=True).select_option("false")
    expect(look(page).locator("tbody tr")).to_have_count(3)
    rows = [["a", "b;c", "d"], ["1", "2;3", "4"], ["5", "6;7", "8"]]
    assert looked_at(page) == rows
    expect(look(page).get_by_label("Delimiter")).to_have_accessible_description("set by you")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    assert table(page) == [["column_1", "column_2", "column_3"], *rows]
    expect(look(page)).to_be_hidden()
    choose(page, b"x,y\n1,2\n")
    assert looked_at(page) == [["1", "2"]]


def test_of_a_large_file_the_beginning_is_looked_at_and_the_cut_is_no_fault(page: Page) -> None:
    content = b"number;street\n" + '1;"ä\nö 😀"\n'.encode() * 40_000
    # Within a character, in a quoted cell, on its second line.
    assert content[:256_000].endswith('1;"ä\nö 😀'.encode()[:-2])
    choose(page, content)
    assert looked_at(page) == [["1", "ä\nö 😀"]] * 20
    expect(look(page)).to_contain_text("Only the beginning was looked at (256.0 KB of 600.0 KB)")
    expect(page.locator("#look-warnings")).to_be_empty()
    expect(look(page).get_by_label("Encoding").locator("option:checked")).to_have_text("utf-8")


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("sums.csv", content)
    return packed.getvalue()


def test_what_is_packed_is_looked_at_where_its_beginning_tells_enough(page: Page, tmp_path: Path) -> None:
    rows = b"".join(b"%d,%s\n" % (n, hashlib.sha256(b"%d" % n).hexdigest().encode()) for n in range(20_000))
    choose(page, gzip.compress(b"n,sum\n" + rows), "sums.csv.gz")
    assert [row[0] for row in looked_at(page)] == [str(n) for n in range(20)]
    expect(look(page)).to_contain_text("unpacked from gzip")
    choose(page, zipped(b"n,sum\n" + rows), "sums.zip")
    expect(look(page)).to_contain_text("unpacked from zip")
    large = tmp_path / "large.zip"
    large.write_bytes(zipped(b"n,sum\n" + rows * 16))
    page.locator("#file").set_input_files(large)
    expect(look(page)).to_contain_text("The job will look at all of it.")
    expect(look(page).locator("table")).to_be_hidden()


def test_of_a_wide_file_the_first_columns_are_shown(page: Page) -> None:
    choose(page, b"\n".join([b",".join(b"c%d" % n for n in range(1200)), b",".join([b"1"] * 1200), b""]))
    expect(look(page)).to_contain_text("1,200 columns (the first 100 are shown) in 1 row.")
    expect(look(page).locator("td")).to_have_count(100)


def test_bad_rows_and_what_is_no_table_are_told_before_it_is_sent(page: Page) -> None:
    choose(page, b"a,b\n1,2\n3\n4,5\n")
    expect(look(page)).to_contain_text("Bad rows: 1 × missing-cell.")
    choose(page, b"\x89PNG\r\n\x1a\n" + bytes(500), "picture.csv")
    expect(look(page)).to_contain_text("looks like a PNG image")
    expect(look(page).locator("table")).to_be_hidden()


def test_a_job_tells_how_its_file_was_read_and_is_run_again_otherwise(page: Page) -> None:
    send(page, file(b"a,b;c,d\n1,2;3,4\n", "twice.csv"), "crm-clean")
    expect(status(page)).to_have_text(re.compile("done|error"))
    first = page.url
    expect(page.locator("#job-found")).to_contain_text("comma")
    page.get_by_text("Process again with other options").click()
    form = page.locator("#again")
    form.get_by_label("Pipeline of the new job", exact=True).select_option("tidy")
    form.get_by_label("Delimiter").select_option(";")
    form.get_by_role("button", name="Process again").click()
    page.wait_for_url(lambda url: url != first)
    expect(status(page)).to_have_text("done")
    expect(page.locator("#job-found")).to_contain_text("semicolon")
    assert table(page) == [["a,b", "c,d"], ["1,2", "3,4"]]
    expect(form.get_by_role("button", name="Process again")).to_be_hidden()
    page.get_by_text("Process again with other options").click()
    expect(form.get_by_label("Delimiter")).to_have_value(";")
    expect(form.get_by_label("Delimiter")).to_have_accessible_description("set before")
    form.get_by_label("Delimiter").select_option(label="detect")
    form.get_by_role("button", name="Process again").click()
    expect(form.get_by_role("button", name="Process again")).to_be_hidden()
    expect(status(page)).to_have_text("done")
    expect(page.locator("#job-found")).to_contain_text("comma")


def test_why_a_job_cannot_be_run_again_or_a_file_be_had_is_told(page: Page) -> None:
    send(page, file(b"a,b\n1,2\n3\n"))
    expect(status(page)).to_have_text("done")
    page.get_by_text("Process again with other options").click()
    page.locator("#again").get_by_label("Delimiter").select_option(",")
    page.evaluate("fetch(`/jobs/${location.hash.slice(1)}`, { method: 'DELETE' })")
    page.get_by_role("button", name="Process again").click()
    expect(page.locator("#again").get_by_role("alert")).to_contain_text("was deleted")
    page.get_by_role("link", name="rejected.csv (").click()
    expect(page.locator("#files-fault")).to_contain_text("was deleted")


def test_rejected_rows_are_counted_and_can_be_had(page: Page) -> None:
    send(page, file(b"a,b\n1,2\n3\n4,5\n"))
    expect(status(page)).to_have_text("done")
    assert (figures(page)["Rows out"], figures(page)["Rejected"]) == ("2", "1")
    assert downloaded(page, "rejected.csv (").splitlines()[1].startswith(b"3,,3,3,8,missing-cell,b,")


def test_rows_that_break_a_rule_are_shown_before_and_after(page: Page) -> None:
    choose(page, b"id,age\n1,36\n2,850\n3,4\n")
    own_pipeline(page, "steps: [{step: validate, rules: [{column: age, at_most: 120}]}]")
    told = page.locator("#preview-list > li")
    expect(told).to_contain_text("validate 1 row rejected")
    expect(told.locator("li")).to_have_text("row 2, age: 850 out-of-range The value is not at most 120.")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    assert (figures(page)["Rows out"], figures(page)["Rejected"]) == ("2", "1")
    expect(page.locator("#job-rejected li")).to_contain_text("out-of-range")
    expect(page.locator("#job-rejected li")).to_contain_text("Column age. Line: 3.")


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
    name = f'{html} "%22".csv'
    send(page, file(f"{html},b\n<b>1</b>,2\n".encode(), name))
    expect(status(page)).to_have_text("done")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert table(page) == [[html, "b"], ["<b>1</b>", "2"]]
    expect(page.locator("main img, main b")).to_have_count(0)


def answered(page: Page, url: str, **given: Any) -> None:
    """Has requests answered with what is given, and not by the service."""
    page.route(url, lambda route: route.fulfill(**given))


def working(service: Served) -> subprocess.Popen[bytes]:
    started = [each for each in service.service.processes if "csvjobs.worker.process" in each.args]
    [worker] = [each for each in started if each.poll() is None]
    return worker


def test_a_running_job_shows_its_progress_and_is_cancelled(page: Page, service: Served) -> None:
    worker = working(service)
    worker.terminate()
    worker.wait()
    try:
        send(page, file(b"a\n1\n"))
        expect(status(page)).to_have_text("queued")
        expect(page.locator("#job-stage")).to_contain_text("Next in line")
        page.get_by_role("button", name="Cancel").press("Enter")
        expect(status(page)).to_have_text("cancelled")
        expect(page.locator("#job-name")).to_be_focused()
    finally:
        service.service.start_worker()


def test_the_progress_goes_back_only_where_the_job_has_begun_anew(page: Page, service: Served) -> None:
    job = service.done(b"a\n1\n")
    del job["finished_at"], job["steps"]
    runs = [("10:00:00", 0.6), ("10:00:00", 0.5), ("10:00:05", 0.2)]
    seen = [
        {
            **job,
            "status": "processing",
            "started_at": f"2026-04-03T{at}Z",
            "progress": {"stage": "transform", "fraction": part},
        }
        for at, part in runs
    ]
    for count, percent in ((1, 60), (2, 60), (3, 20)):
        told = "".join(f"event: job\ndata: {json.dumps(each)}\n\n" for each in seen[:count])
        answered(page, "**/events", body=told, content_type="text/event-stream")
        answered(page, f"**/jobs/{job['job_id']}", json=seen[count - 1])
        page.goto(f"/?{count}#{job['job_id']}")
        expect(page.locator("#job-stage")).to_have_text(f"Writing the output, {percent} %")


def held(page: Page, pattern: str) -> list[tuple[Route, APIResponse]]:
    """Keeps back the answer to the next such request; the list has it as soon as it is there."""
    kept: list[tuple[Route, APIResponse]] = []
    page.route(pattern, lambda route: kept.append((route, route.fetch())), times=1)
    return kept


def test_a_job_is_deleted(page: Page) -> None:
    send(page, file(b"a\n1\n", "gone.csv"))
    expect(status(page)).to_have_text("done")
    for answer in ("Keep it", "Delete"):
        expect(status(page)).to_have_text("done")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog")).to_contain_text("Delete gone.csv and everything made from it?")
        if answer == "Delete":
            before = held(page, "**/jobs?limit=*")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.get_by_role("dialog").get_by_role("button", name=answer).click()
    expect(page.locator("#job")).to_be_hidden()
    expect(page.locator("#recent").get_by_text("gone.csv")).to_have_count(0)
    expect(page.get_by_role("heading", name="Recent jobs")).to_be_focused()
    # A list that was asked for before, and comes late, does not bring it back.
    [(late, answer)] = before
    with page.expect_event("requestfinished", lambda request: request == late.request):
        late.fulfill(response=answer)
    expect(page.locator("#recent").get_by_text("gone.csv")).to_have_count(0)


def test_a_file_that_is_written_to_while_it_is_sent_is_told(page: Page, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(b"a\n1\n")
    send(page, log)
    expect(status(page)).to_have_text("done")
    expect(page.locator("#refused")).to_be_hidden()

    def written(route: Route) -> None:
        log.write_bytes(b"a\n1\n2\n")
        route.fulfill(status=202, json={"job_id": "a-job"})

    page.route("**/upload_csv", written)
    send(page, log)
    expect(page.locator("#refused")).to_contain_text("The file was changed while it was sent")


def test_a_pipeline_of_ones_own_is_kept_for_the_next_try(page: Page) -> None:
    text = "steps: [{step: trim, columns: [nmae]}]"
    own_pipeline(page, text)
    process(page, b"name,age\n Ada,36\n")
    expect(status(page)).to_have_text("error")
    expect(page.get_by_role("alert")).to_contain_text("Did you mean 'name'?")
    expect(page.locator("#text")).to_have_value(text)
    page.get_by_text("Process again with other options").click()
    form = page.locator("#again")
    form.get_by_role("button", name="Edit a copy").click()
    again = form.get_by_label("Pipeline of the new job, as YAML or JSON")
    expect(again).to_have_value("steps:\n- step: trim\n  columns:\n  - nmae\n")
    again.fill(again.input_value().replace("nmae", "name"))
    form.get_by_role("button", name="Process again").click()
    expect(status(page)).to_have_text("done")
    assert table(page) == [["name", "age"], ["Ada", "36"]]


def test_a_pipeline_is_begun_with_a_copy_and_goes_on_with_examples_of_steps(page: Page) -> None:
    page.get_by_label("Pipeline", exact=True).select_option("crm-clean")
    page.get_by_role("button", name="Edit a copy").click()
    text = page.get_by_label("Your own pipeline, as YAML or JSON")
    expect(text).to_be_focused()
    expect(text).to_have_value(re.compile("^name: crm-clean\n"))
    text.fill("steps:\n  - step: trim\nwrite: {header: false}\n")
    page.get_by_text("Add a step").click()
    page.get_by_role("button", name="drop", exact=True).click()
    columns = json.dumps(BY_NAME["drop"].example.options["columns"], separators=(",", ":"))
    step = f"  - step: drop\n    columns: {columns}\n"
    expect(text).to_have_value(f"steps:\n  - step: trim\n{step}write: {{header: false}}\n")
    told = page.locator("#steps li", has_text="Options of pad")
    told.get_by_text("Options of pad").click()
    expect(told).to_contain_text("side")
    expect(told).to_contain_text("One of left, right. By default left.")
    nothing_objected(page)
    page.locator("#own").get_by_label("Open a file").set_input_files(file(b"x" * 300_000))  # type: ignore[arg-type]
    expect(page.locator("#pipeline-fault")).to_contain_text("too long for a pipeline")
    stored = file(b"steps: [{step: trim}]\n", "from a file.yaml")
    page.locator("#own").get_by_label("Open a file").set_input_files(stored)  # type: ignore[arg-type]
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(text).to_have_value('name: "from a file"\nsteps: [{step: trim}]\n')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "steps:\nSTEP"),
        ("name: mine", "name: mine\nsteps:\nSTEP"),
        ("write: {header: false}", "write: {header: false}\nsteps:\nSTEP"),
        ("steps: []\nread: {skip: 1}", "steps:\nSTEPread: {skip: 1}\n"),
        ("steps: [{step: trim}]", None),
        ('{"steps": []}', None),
    ],
)
def test_a_step_is_added_where_it_can_be(page: Page, before: str, after: str | None) -> None:
    own_pipeline(page, before)
    page.get_by_text("Add a step").click()
    page.get_by_role("button", name="trim", exact=True).click()
    text = page.get_by_label("Your own pipeline, as YAML or JSON")
    if after is None:
        expect(page.locator("#pipeline-fault")).to_contain_text("A step can be added to a list")
        expect(text).to_have_value(before)
        return
    options = BY_NAME["trim"].example.options
    step = "- step: trim\n" + "".join(f"  {name}: {json.dumps(value)}\n" for name, value in options.items())
    expect(text).to_have_value(after.replace("STEP", step))
    assert parse(text.input_value()).steps


def test_sending_can_be_stopped_and_begun_anew(page: Page) -> None:
    page.route("**/upload_csv", lambda route: None)
    process(page, b"a\n1\n")
    expect(page.locator("#upload-text")).to_contain_text("people.csv")
    expect(page.get_by_label("Pipeline", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Stop upload").click()
    expect(page.get_by_role("button", name="Process", exact=True)).to_be_focused()
    expect(page.locator("#refused")).to_be_hidden()
    page.unroute("**/upload_csv")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")


def test_of_several_files_one_is_taken_and_that_is_said(page: Page) -> None:
    handle = page.evaluate_handle(
        """() => { const given = new DataTransfer();
        for (const name of ["jan.csv", "feb.csv"]) given.items.add(new File(["a\\n1\\n"], name));
        return given; }"""
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": handle})
    expect(page.get_by_role("alert")).to_contain_text("One file at a time: only jan.csv was taken.")
    assert page.evaluate("document.querySelector('#file').files.length") == 1


def test_enter_in_an_option_does_not_send_the_file(page: Page) -> None:
    choose(page, b"Title\na,b\n1,2\n")
    looked_at(page)
    look(page).get_by_label("Lines to skip").fill("2")
    look(page).get_by_label("Lines to skip").press("Enter")
    expect(look(page).locator("th").first).to_contain_text("1")
    expect(page.locator("#job")).to_be_hidden()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n", "No rows."),
        (b"a,b\n" + b"1,2\n" * 30, "The first 20 of 30 rows."),
        (b"a\n" + b"x" * 100_000 + b"\n2\n", "2 rows; the first one is too long to be shown here."),
        (b",".join(b"c%d" % n for n in range(120)) + b"\n" + b"," * 119 + b"\n", "100 of 120 columns."),
    ],
    ids=["no row", "many rows", "a long cell", "many columns"],
)
def test_how_much_of_the_output_is_shown_is_said(page: Page, content: bytes, said: str) -> None:
    send(page, file(content))
    expect(status(page)).to_have_text("done")
    expect(page.locator("#preview-seen")).to_contain_text(said)


def test_who_does_not_see_the_page_hears_how_a_job_goes_and_ends(page: Page) -> None:
    send(page, file(b"a\n1\n", "heard.csv"))
    expect(status(page)).to_have_text("done")
    expect(page.get_by_role("heading", name="heard.csv")).to_be_focused()
    expect(page.locator("#said")).to_contain_text("Done in")
    expect(page).to_have_title("✓ heard.csv")
    send(page, file(b"\x89PNG\r\n\x1a\n" + bytes(500), "picture.csv"))
    expect(status(page)).to_have_text("error")
    expect(page.locator("#said")).to_have_text("The job ended: error.")
    expect(page.get_by_role("alert")).to_contain_text("PNG")
    expect(page).to_have_title("✗ picture.csv")


def test_a_service_that_is_away_is_told_wherever_it_is_asked(page: Page) -> None:
    send(page, file(b"a\n1\n"))
    expect(status(page)).to_have_text("done")
    page.context.set_offline(True)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#act-fault")).to_contain_text("The service cannot be reached.")
    page.get_by_text("Process again with other options").click()
    page.get_by_role("button", name="Process again").click()
    expect(page.locator("#again-refused")).to_contain_text("The service cannot be reached.")
    choose(page, b"a\n1\n")
    expect(page.locator("#look-fault")).to_contain_text("The service cannot be reached.")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.locator("#refused")).to_contain_text("The service cannot be reached.")
    page.locator("#recent a").last.click()
    expect(page.locator("#gone")).to_contain_text("The service cannot be reached.")
    page.context.set_offline(False)
    assert looked_at(page) == [["1"]]
    expect(page.locator("#look-fault")).to_be_hidden()
    expect(page.locator("#job")).to_be_visible()
    expect(page.locator("#gone")).to_be_hidden()


def test_a_page_in_the_background_holds_no_connection_and_follows_all_the_same(
    page: Page, service: Served
) -> None:
    worker = working(service)
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        send(page, file(b"a\n1\n"))
        expect(status(page)).to_have_text("queued")
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/events")):
            page.evaluate(
                """() => { Object.defineProperty(document, "hidden", { get: () => true });
                document.dispatchEvent(new Event("visibilitychange")); }"""
            )
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    expect(status(page)).to_have_text("done")
    expect(page).to_have_title("✓ people.csv")


def test_a_link_to_a_job_that_is_gone_says_so(page: Page) -> None:
    page.goto("/#01890000-0000-7000-8000-000000000000")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("There is no job")
    send(page, file(b"a\n1\n"))
    expect(status(page)).to_have_text("done")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_the_pipeline_will_do_is_shown_before_the_file_is_sent(page: Page) -> None:
    page.locator("#file").set_input_files(EXAMPLES / "contacts.csv")
    expect(page.locator("#look")).to_be_visible()
    page.get_by_label("Pipeline", exact=True).select_option("crm-clean")
    steps = page.locator("#preview-list > li")
    expect(steps).to_have_count(5)
    expect(steps.nth(0)).to_contain_text("trim 2 cells changed")
    expect(steps.nth(1)).to_contain_text("drop_missing 2 rows dropped")
    expect(steps.nth(3)).to_contain_text("row 5, spend: n/a → 120.5")
    expect(page.locator("#preview-rows tbody tr")).to_have_count(7)
    page.get_by_label("Pipeline", exact=True).select_option("tidy")
    expect(page.locator("#preview-steps")).to_be_hidden()
    own_pipeline(page, "steps: [{step: trim}, {step: scale, columns: [name], method: minmax}]")
    expect(page.locator("#preview-fault")).to_contain_text("Step 2 (scale): ")
    own_pipeline(page, "steps: [{step: trim, columns: [nmae]}, {step: drop, columns: [cty]}]")
    for said in ("Step 1 (trim) names the column 'nmae'", "Did you mean 'city'?"):
        expect(page.locator("#preview-fault")).to_contain_text(said)
    page.evaluate(AXE)
    assert not page.evaluate("axe.run()")["violations"]


def widened(route: Route) -> None:
    """As if the output had more columns than a profile describes."""
    answer = route.fetch()
    profile = answer.json()
    profile["output"]["width"] = 3000
    route.fulfill(response=answer, json=profile)


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_what_the_columns_hold_is_drawn(page: Page) -> None:
    own_pipeline(page, "steps: [{step: trim}]\nreport: {profile: true}")
    lines = (EXAMPLES / "contacts.csv").read_bytes().splitlines()
    # Of whole numbers as keys, JavaScript would put the smallest first.
    rated = [
        line + (b",rating" if not place else b",7" if place > 1 else b",1")
        for place, line in enumerate(lines)
    ]
    long_ids = b"\n1234567890123456".join(rated)
    page.locator("#file").set_input_files(file(long_ids))  # type: ignore[arg-type]
    page.route("**/profile.json", widened)
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    expect(page.locator("#job-steps li")).to_have_text(["trim 2 cells changed"])
    expect(page.locator("#profile-input p")).to_have_text("12 rows, 7 columns.")
    expect(page.locator("#profile-output p")).to_have_text("12 rows, 3,000 columns, the first 7 are shown.")
    for side in ("input", "output"):
        rows = page.locator(f"#profile-{side} tbody tr")
        expect(rows).to_have_count(7)
        expect(rows.nth(6).locator("td").nth(4)).to_have_text("7 (92 %), 1 (8 %)")
        expect(rows.nth(0).locator("td").nth(2)).to_have_text("12345678901234561 to 123456789012345611")
        expect(rows.nth(2)).to_contain_text("email")
        expect(rows.nth(4).locator("td").nth(4)).to_contain_text("pro (42 %)")
        assert rows.nth(4).locator("rect").count() == 2 + 3
    page.evaluate(AXE)
    assert not page.evaluate("axe.run()")["violations"]


def test_the_list_of_changed_cells_is_downloaded(page: Page) -> None:
    page.locator("#file").set_input_files(file(b"a,b\n1, x\n"))  # type: ignore[arg-type]
    own_pipeline(page, "steps: [{step: trim}]\nreport: {changes: true}")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done", timeout=60_000)
    assert downloaded(page, "changes.csv") == b"line,column,before,after,step\n2,b, x,x,trim (step 1)\n"


def test_merged_rows_are_called_so(page: Page) -> None:
    page.locator("#file").set_input_files(file(b"a\nx\nx\ny\n"))  # type: ignore[arg-type]
    own_pipeline(page, "steps: [{step: aggregate, by: [a], values: {n: count}}]")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(status(page)).to_have_text("done")
    assert figures(page)["Merged by aggregate (step 1)"] == "1"
    expect(page.locator("#job-steps li")).to_have_text("aggregate 1 row merged, new: n")


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
    assert {"file", "pipeline", "edit", "Process"} <= reached


def test_options_and_rows_are_reached_by_keyboard(page: Page) -> None:
    choose(page, b"a;b\n1;2\n")
    looked_at(page)
    page.locator("#outputs summary").focus()
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    assert reached == [
        f"look-{name}" for name in ("encoding", "delimiter", "quote", "header", "skip", "bad_rows", "rows")
    ]


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_nobody_is_shut_out_of_looking_and_running_again(page: Page) -> None:
    choose(page, "Preise\nArtikel;Preis\nÄpfel;1,50\nBirnen\n".encode("cp1252"))
    looked_at(page)
    nothing_objected(page)
    choose(page, b"\x89PNG\r\n\x1a\n" + bytes(500))
    expect(look(page)).to_contain_text("PNG")
    nothing_objected(page)
    send(page, file(b"a;b\n1;2\n"))
    expect(status(page)).to_have_text("done")
    table(page)
    page.get_by_text("Process again with other options").click()
    nothing_objected(page)


def nothing_objected(page: Page) -> None:
    """axe-core finds nothing to object to."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    assert not found, [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]


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
    if content is not None:
        send(page, file(content))
        expect(status(page)).to_have_text(state)
    if state == "done":
        table(page)
    nothing_objected(page)


def test_the_page_allows_only_what_is_its_own(service: Served) -> None:
    policy = service.client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_docs_are_there_and_ask_nobody_else(page: Page) -> None:
    page.goto("/docs")
    upload = page.locator("#operations-jobs-upload_csv")
    upload.get_by_role("button").first.click()
    upload.get_by_role("button", name="Try it out").click()
    upload.locator("input[type=file]").set_input_files(file(b"a,b\n1,2\n"))  # type: ignore[arg-type]
    with page.expect_response("**/upload_csv") as answer:
        upload.get_by_role("button", name="Execute").click()
    assert answer.value.status == 202, answer.value.text()


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


def test_a_service_without_its_queue_says_so_and_takes_files_all_the_same(
    browser: Browser, tmp_path: Path
) -> None:
    away = Served(tmp_path, "redis://127.0.0.1:1/0")
    page = browser.new_page(base_url=away.url)
    try:
        page.goto("/")
        expect(page.get_by_text("Files are still accepted")).to_be_visible()
        send(page, file(b"a,b\n1,2\n"))
        expect(status(page)).to_have_text("queued")
        expect(page.locator("#job-stage")).to_contain_text("Waiting for the queue, which cannot be reached")
    finally:
        page.close()
        away.stop()


def test_a_waiting_job_tells_its_place(browser: Browser, tmp_path: Path, redis_url: str) -> None:
    idle = Served(tmp_path, redis_url)
    page = browser.new_page(base_url=idle.url)
    try:
        first, second = (idle.post(b"a,b\n1,2\n")["job_id"] for _ in range(2))
        page.goto(f"/#{second}")
        expect(page.locator("#job-stage")).to_contain_text("One job waits before this one")
        idle.client.post(f"/jobs/{first}/cancel")
        expect(page.locator("#job-stage")).to_have_text("Next in line, but no worker is running")
        expect(page.locator("#said")).to_have_text("Next in line, but no worker is running")
        expect(page.locator("#job-idle")).to_contain_text("start one with csvjobs worker")
        nothing_objected(page)
        for _ in range(20):
            idle.post(b"a\n1\n")
        # As if one answer held 15 jobs at most: the page goes on with the next one.
        page.route(
            "**/jobs?limit=*",
            lambda route: route.continue_(url=re.sub("limit=20|limit=40", "limit=15", route.request.url)),
        )
        page.reload()
        entries = page.locator("#recent li")
        expect(entries).to_have_count(20)
        page.get_by_role("button", name="Show more").press("Enter")
        expect(entries).to_have_count(22)
        expect(entries.nth(20).get_by_role("link")).to_be_focused()
        expect(page.get_by_role("button", name="Show more")).to_be_hidden()
        expect(page.locator("#recent [aria-current]")).to_have_count(1)
    finally:
        page.close()
        idle.stop()
