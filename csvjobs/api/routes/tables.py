"""Routes for named lookup tables."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Response

from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given
from csvjobs.api.schemas import TableInfo
from csvjobs.flow.named_tables import NamedTables
from csvjobs.flow.services import Services
from csvjobs.flow.tables import name_table
from csvjobs.jobs.job import TableRef
from csvjobs.storage.base import writing

router = APIRouter(tags=["tables"])


@router.get("/tables", operation_id="list_tables")
async def list_tables(services: Given) -> list[TableInfo]:
    """The named tables, each in its newest version."""
    known = services.tables
    return await to_thread.run_sync(lambda: [_info(known, table) for table in known.newest()])


@router.get("/tables/{name}", operation_id="get_table", responses=responses(404, 422))
async def get_table(
    name: str,
    services: Given,
    version: Annotated[int | None, Query(ge=1, description="The newest when left out.")] = None,
) -> TableInfo:
    """A named table: the job whose output it is, and its versions."""
    known = services.tables
    return await to_thread.run_sync(lambda: _info(known, known.get(name, version)))


@router.put(
    "/tables/{name}",
    operation_id="put_table",
    responses={201: {"model": TableInfo}, **responses(404, 409, 410, 422, 507)},
)
async def put_table(
    name: str,
    response: Response,
    services: Given,
    job_id: Annotated[str, Query(description="A job that is done; its output becomes the table.")],
) -> TableInfo:
    """Makes a job's output the newest version of a named table. Jobs submitted before keep the version that
    they were submitted with. The job cannot be deleted until the name is given to another job's output."""
    info, new = await to_thread.run_sync(_put, services, name, job_id)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/tables/{name}?version={info.version}"
    return info


@router.delete("/tables/{name}", operation_id="delete_table", status_code=204, responses=responses(404))
async def delete_table(name: str, services: Given) -> None:
    """Deletes the name with all its versions; the jobs stay."""
    await to_thread.run_sync(services.tables.delete, name)


def _info(known: NamedTables, table: TableRef) -> TableInfo:
    return TableInfo(**table.model_dump(), versions=known.versions(str(table.name)))


def _put(services: Services, name: str, job_id: str) -> tuple[TableInfo, bool]:
    with writing("The table's name"):
        made, new = name_table(services, name, job_id)
    return _info(services.tables, made), new
