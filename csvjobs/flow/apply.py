"""Apply: reuse the fitted parameters of one job in another, which keeps its own copy of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from csvjobs.errors import FileNotFound, NothingFitted
from csvjobs.flow.deliver import FITTED, deliver
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of
from csvjobs.jobs.job import Request
from csvjobs.pipelines.fitted import Fitted, read
from csvjobs.pipelines.spec import Pipeline, with_read
from csvjobs.storage.base import APPLIED


@dataclass(frozen=True)
class Processing:
    """How a client wants a file processed. pipeline: a name, or YAML or JSON text; options: read options by
    name, which override the pipeline's; apply: the id of a job, or the text of a fitted.json, whose fitted
    parameters are applied instead of learning, and whose pipeline is used if none is given."""

    pipeline: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    apply: str | None = None

    def resolve(self, services: Services) -> tuple[Pipeline, Fitted | None]:
        """The pipeline to run, with the read options, and the fitted parameters to apply. Raises the errors
        of `learnt` and `choose`."""
        fitted = learnt(services, self.apply) if self.apply else None
        return choose(services, self.pipeline, self.options, fitted), fitted


TIDY = Processing()


def learnt(services: Services, apply: str) -> Fitted:
    """The fitted parameters to apply. apply: the id of a job that has learnt or applied some, or the text of
    a fitted.json.

    Raises JobNotFound, JobNotFinished, NothingFitted, InvalidFitted.
    """
    if apply.lstrip().startswith("{"):
        return read(apply)
    request = request_of(services, apply.strip())
    if found := kept(services, request):
        return found
    try:
        with deliver(services, request.job_id, FITTED).file as file:
            return read(file.read().decode())
    except FileNotFound:
        said = f"Job {request.job_id} has learnt nothing that could be applied."
        raise NothingFitted(
            said,
            hint="Steps that learn are fill_missing, clip, bin, scale, pivot, encoders, and cast to dates.",
        ) from None


def kept(services: Services, request: Request) -> Fitted | None:
    """The fitted parameters that the job applies; None for a job that learns."""
    if request.applied is None:
        return None
    return read(services.storage.read(request.job_id, APPLIED).decode())


def choose(
    services: Services, pipeline: str | None, options: dict[str, str], fitted: Fitted | None
) -> Pipeline:
    """The pipeline to run, with read `options`; by default that of `fitted`. Raises PipelineNotFound,
    InvalidPipeline, PipelineMismatch."""
    if fitted is None:
        return with_read(services.pipelines.resolve(pipeline), options)
    given = pipeline and pipeline.strip()
    chosen = fitted.same(services.pipelines.resolve(pipeline)) if given else fitted.pipeline
    return with_read(chosen, options)
