"""The catalogue matches the folder: one file, one class, one name per step."""

from pathlib import Path

from csvjobs.pipelines import steps
from csvjobs.pipelines.catalogue import BY_NAME, STEPS


def test_the_catalogue_lists_every_file_of_the_folder() -> None:
    folder = Path(steps.__file__).parent
    assert set(BY_NAME) == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert len(BY_NAME) == len(STEPS)


def test_file_class_and_wire_name_are_one_word() -> None:
    for name, step in BY_NAME.items():
        assert step.__module__ == f"csvjobs.pipelines.steps.{name}"
        assert step.__name__ == name.title().replace("_", "")
