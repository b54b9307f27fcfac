"""Hints for faults in expressions: what to write here for what other languages have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from csvjobs.errors import nearest

OF_ROWS = "for many rows use the step aggregate or sql"
IF = "write if(condition, a, b), or CASE WHEN … THEN … ELSE … END"
IS_NULL = "write price IS NULL, or IS NOT NULL"
NO_CLOCK = "expressions have no clock: write a date, DATE '2026-04-03'"
ALONE = "write the expression alone, without SELECT, WHERE or ORDER BY"
REGEXP = "write regexp_matches(text, pattern)"
TO_NUMBER = "write CAST(price AS DECIMAL); round and floor make whole numbers"
SECONDS = "date_diff('second', sent, received) counts the seconds between two"

FUNCTIONS = {
    "write NOT": "!",
    "write AND between conditions, || between texts": "& &&",
    "write OR between conditions": "|",
    "write =": "===",
    "write <>": "!== ><",
    "write <=": "=<",
    "write >=": "=>",
    "write floor(a / b)": "//",
    "LIKE has no ESCAPE here; use contains, starts_with, ends_with or regexp_full_match": (
        "like_escape not_like_escape ilike_escape not_ilike_escape"
    ),
    "write a list in round brackets: status IN ('open', 'paid')": "list_value",
    "write substring(text, start, n)": "array_extract array_slice mid slice",
    "write the name of a column by itself": "value_parameter",
    IS_NULL: "isnull is_null isna isnan isblank isempty is_empty notnull notna",
    IF: "iif iff ifs ifelse if_else case_when switch decode",
    "write coalesce(a, b)": "nvl nz fillna ifna iferror",
    f"write greatest(a, b); {OF_ROWS}": "max",
    f"write least(a, b); {OF_ROWS}": "min",
    OF_ROWS: (
        "sum count count_star avg mean average median stddev stddev_samp stddev_pop string_agg cumsum shift "
        "row_number rank dense_rank ntile lag lead first_value last_value"
    ),
    NO_CLOCK: "now today getdate current_date current_time current_timestamp get_current_timestamp sysdate",
    TO_NUMBER: (
        "int integer bigint smallint float double decimal number numeric value to_number parseint parsefloat"
    ),
    "write CAST(sent AS DATE), after the step cast for other formats than 2026-04-03": (
        "to_date to_timestamp to_datetime strptime parse_date date_parse datevalue"
    ),
    "write CAST(price AS VARCHAR)": "str string text to_string tostring",
    "add a number of days: CAST(sent AS DATE) + 30": (
        "to_days to_weeks to_months to_years interval dateadd date_add adddate date_sub datesub edate"
    ),
    "write year(sent), month(sent), extract(isodow from sent) and so on": (
        "strftime to_char format date_format weekday dayofweek dayname monthname weeknum datepart"
    ),
    REGEXP: "=~ regexp regexp_like regex_match regexmatch rlike match",
    "write position(part in text)": "charindex locate find search indexof",
    "write upper(text)": "ucase uppercase",
    "write lower(text)": "lcase lowercase",
    "write round(number, decimals), floor or ceil": "trunc truncate rounddown roundup",
    "write ln(number) or log10(number)": "log",
    "write split_part(text, at, n)": "split string_split str_split string_to_array",
    "write regexp_extract(text, pattern, group) or, for columns of cells, use the step extract": (
        "-> ->> json_extract json_extract_string json_extract_scalar json_value get_json_object "
        "regexp_extract_all regexp_substr"
    ),
    "write upper(left(text, 1)) || lower(substring(text, 2))": "initcap proper capitalize title",
    "put the step join before this one, or write concat(a, b, …)": "concat_ws textjoin",
    "write CASE WHEN price < 0 THEN -1 WHEN price > 0 THEN 1 ELSE 0 END": "sign",
    "write DATE '1970-01-01' + floor(sent / 86400) for the date of a number of seconds since 1970": (
        "from_unixtime unix_timestamp epoch epoch_ms make_timestamp to_unixtime"
    ),
    "write CAST(y || '-' || m || '-' || d AS DATE), with two digits each for m and d": (
        "make_date date_from_parts datefromparts"
    ),
    f"times are not moved here; {SECONDS}": (
        "to_hours to_minutes to_seconds to_milliseconds to_microseconds"
    ),
    "put the step pad before this one": "lpad rpad zfill",
    "use the step sample to draw rows at random": "random rand",
    "put the step mask before this one, with method: hash": "md5 sha sha1 sha256 hash",
}
"""For each hint the functions, operators and types, as the parser calls them, that are not known here."""

HINTS = {name: hint for hint, names in FUNCTIONS.items() for name in names.split()}

QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/"""
"""Texts, names in quotes and comments."""

BARE_DATE = re.compile(rf"{QUOTED}|\b(\d{{4}}-\d\d-\d\d)\b", re.DOTALL)

SPELLINGS = {
    r"^it is empty.*\n\s*(?:where|having|group|order)\b|\n\s*select\b": ALONE,
    r"&&": "write AND for &&",
    r"^chained.*\|\|": "write OR for ||, which joins texts",
    r"\?": f"for a ? b : c {IF}",
    r"\n.*;\s*\S": "put commas between arguments, not semicolons",
    r"\n.*\bis\s+(?:not\s+)?(?:none|empty|missing|blank|na|nan)\b": IS_NULL,
    r"\b(?:regexp|rlike)\b": REGEXP,
    r"^it is more than one.*\d,\d": "write numbers with a point and without other separators: 1000.5",
    r"\bcase\b(?!.*\bend\b)": "END is missing after CASE",
    r"\n.*(?:\bif\b(?!\s*\()|\belif\b)": IF,
    r"\b(?:int|integer|float|decimal|numeric)\s*\(": TO_NUMBER,
    r"^syntax error": "a name that is not a single word, or is an SQL keyword, goes in double quotes",
}
"""The hint for each pattern in a message of the parser and, on the next line, the text that it is about; the
first that is found counts."""


def instead(name: str, known: Sequence[str] = ()) -> str:
    """The hint for a function, operator or type that is not known here, after a semicolon; empty if there is
    none."""
    if hint := HINTS.get(name.lower()):
        return f"; {hint}"
    near = nearest(name.lower(), known)
    return f"; did you mean {near!r}?" if near else ""


def spelt(said: str, text: str, *, query: bool) -> str:
    """The hint for an expression or a `query` that the parser `said` is not SQL, after a semicolon; empty if
    there is none."""
    bare = re.sub(QUOTED, "''", text, flags=re.DOTALL)
    if more := bare.count("(") - bare.count(")"):
        return "; a bracket is not closed" if more > 0 else "; there is a closing bracket too many"
    both = f"{said}\n{bare}"
    spellings = {at: hint for at, hint in SPELLINGS.items() if not (query and hint == ALONE)}
    found = (hint for at, hint in spellings.items() if re.search(at, both, re.IGNORECASE | re.DOTALL))
    return "".join(f"; {hint}" for hint in islice(found, 1))


def bare_date(text: str) -> re.Match[str] | None:
    """The first date without quotes, which SQL takes for a difference of numbers."""
    return next((found for found in BARE_DATE.finditer(text) if found[1]), None)


def of_name(name: str) -> str:
    """The hint for a name in an expression that is not a column's."""
    if HINTS.get(name.lower()) == NO_CLOCK:
        return f"{NO_CLOCK[0].upper()}{NO_CLOCK[1:]}."
    if name.lower() in ("none", "nan", "na", "undefined", "missing", "empty"):
        return f"For a missing cell {IS_NULL}."
    return "Write a text in single quotes."
