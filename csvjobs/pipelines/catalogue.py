"""Every step, in the order in which a reader meets them. A test holds this tuple against the folder."""

from csvjobs.pipelines.step import Step
from csvjobs.pipelines.steps.one_hot import OneHot
from csvjobs.pipelines.steps.trim import Trim

STEPS: tuple[type[Step], ...] = (
    Trim,
    OneHot,
)


def wire_name(step: type[Step]) -> str:
    """The name by which pipelines call the step."""
    return str(step.model_fields["step"].default)


BY_NAME: dict[str, type[Step]] = {wire_name(step): step for step in STEPS}
