"""The pipelines that ship with the project do what they promise to the example files."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from workbench import Bench, Output

from csvjobs.pipelines.named import NamedPipelines

ROOT = Path(__file__).parents[2]
NAMED = NamedPipelines(ROOT / "pipelines")
FILES = sorted(path.stem for path in (ROOT / "pipelines").glob("*.yaml"))


def made(bench: Bench, pipeline: str, text: str) -> Output:
    return bench.text(NAMED.get(pipeline).document()["steps"], text)


def example(name: str) -> str:
    return (ROOT / "examples" / name).read_text("utf-8")


@pytest.mark.parametrize("name", FILES)
def test_every_named_pipeline_is_valid_and_tells_what_it_does(name: str) -> None:
    assert f"name: {name}\n" in (ROOT / "pipelines" / f"{name}.yaml").read_text("utf-8")
    assert NAMED.get(name).description


def test_crm_clean(bench: Bench) -> None:
    # 3 and 8 have no address; 4, 6 and the second 9 come again. The spends left are 120.50, 0, 300, 59.90
    # and 210: their median is 120.5.
    assert made(bench, "crm-clean", example("contacts.csv")).text == (
        "id,name,email,city,plan,spend\n"
        "1,Ada Lovelace,ada@example.org,London,pro,120.50\n"
        "2,Grace Hopper,grace@example.org,New York,free,0\n"
        "5,Katherine Johnson,katherine@example.org,unknown,team,120.5\n"
        '7,"Zoë ""Zo"" Müller",zoe@example.org,Köln,pro,120.5\n'
        "9,Radia Perlman,radia@example.org,Seattle,team,300\n"
        "10,李小龍,li@example.org,香港,pro,59.90\n"
        '11,"Margaret\nHamilton",margaret@example.org,unknown,team,210\n'
    )


def test_dedupe(bench: Bench) -> None:
    before = example("contacts.csv")
    expected = before.replace(" Grace Hopper ", "Grace Hopper").replace(
        "ada@example.org ,", "ada@example.org,"
    )
    again = "9,Radia Perlman,radia@example.org,Seattle,team,300\n"
    assert made(bench, "dedupe", before).text == expected.replace(again + again, again)


def test_pii_mask(bench: Bench) -> None:
    out = made(bench, "pii-mask", example("contacts.csv"))
    *_, last = out.rows
    assert last == ["11", "***", "***@example.org", "-", "team", "210"]
    assert {row[1] for row in out.rows} == {"***"}
    assert [row[2] for row in out.rows[1:3]] == ["***@example.org", "n/a"]
    assert not any(name in out.text for name in ("Ada", "Grace", "ada@", "grace@", "li@"))


def test_ml_prep(bench: Bench) -> None:
    iris = load_iris()
    rows = made(bench, "ml-prep", example("iris.csv")).rows
    numbers = np.array([[float(cell) for cell in row[:4]] for row in rows])
    np.testing.assert_allclose(numbers, StandardScaler().fit_transform(iris.data), rtol=1e-9, atol=1e-9)
    assert [int(row[4]) for row in rows] == iris.target.tolist()


def test_ubuntu_lts(bench: Bench) -> None:
    header, *records = example("ubuntu-releases.csv").splitlines()
    width = header.count(",")
    padded = [record + "," * (width - record.count(",")) for record in records]
    out = made(bench, "ubuntu-lts", "\n".join([header, *padded, ""]))
    assert out.header == ["version", "codename", "release", "free_support_ends", "paid_support_ends"]
    assert out.rows[0] == ["6.06 LTS", "Dapper Drake", "2006-06-01", "2009-07-14", "never offered"]
    assert ["14.04 LTS", "Trusty Tahr", "2014-04-17", "2019-04-25", "2024-04-25"] in out.rows
    assert len(out.rows) == sum(" LTS," in record for record in records)


def test_schema_check(bench: Bench) -> None:
    before = example("iris.csv").splitlines()
    # Rows 102 and 143 are the same flower: so it stands in the data set.
    assert before[102] == before[143]
    out = made(bench, "schema-check", example("iris.csv"))
    assert out.text.splitlines() == [*before[:143], *before[144:]]
    assert len(out.warnings) == 1


def test_the_readme_of_the_examples_names_every_file() -> None:
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")
    for path in (ROOT / "examples").iterdir():
        assert path.name == "README.md" or f"| `{path.name}` |" in listed, path.name
