"""Regular expressions as options of steps."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError, SchemaError, SchemaValidator, core_schema


def _linear(pattern: str) -> str:
    """Refuses look-around and back-references: pydantic's own engine lacks them like ours, and so takes time
    linear in the text."""
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError as error:
        last = str(error).splitlines()[-1].strip()
        reason = last.removeprefix("error: ").removeprefix("SchemaError: ").rstrip(".")
        if "exceeds size limit" in reason:
            reason = "with all its repetitions it is too large"
        said = "Not a regular expression in RE2 syntax: {reason}"
        raise PydanticCustomError("bad_pattern", said, {"reason": reason}) from None
    return pattern


Pattern = Annotated[str, AfterValidator(_linear)]
