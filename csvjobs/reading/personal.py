"""Recognises personal data in cells by its form and, if it has check digits, by these."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from stdnum import iban, luhn
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.pl import pesel

BETWEEN = re.compile(r"[ -]")
NATIONAL = (codicefiscale, dni, nie, nir, pesel)
"""Personal identity numbers of Italy, Spain (two), France and Poland, all with check digits."""


def _card(text: str) -> bool:
    """Check digit by Luhn (ISO/IEC 7812-1)."""
    return luhn.is_valid(BETWEEN.sub("", text))


def _national(text: str) -> bool:
    return any(number.is_valid(text) for number in NATIONAL)


def _any(text: str) -> bool:
    return True


class Personal(NamedTuple):
    """A kind of personal data: the form of its cells, and a test that confirms it."""

    called: str
    form: re.Pattern[str]
    proven: Callable[[str], bool] = _any


KINDS = {
    "email": Personal("e-mail addresses", re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")),
    # ITU-T E.164: a country's number after a plus, 15 digits at most.
    "phone": Personal("phone numbers", re.compile(r"(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}")),
    "iban": Personal("bank accounts (IBAN)", re.compile(r"[A-Za-z]{2}\d\d(?: ?\w){8,30}"), iban.is_valid),
    "card": Personal("payment card numbers", re.compile(r"[2-6](?:[ -]?\d){12,18}"), _card),
    "national_id": Personal(
        "national identity numbers",
        re.compile(r"[A-Z]{6}[\dA-Z]{10}|[XYZ\d]-?\d{7}-?[A-Z]|[12] ?(?:[\dAB] ?){14}|\d{11}", re.IGNORECASE),
        _national,
    ),
}


def personal(values: Mapping[str, int]) -> dict[str, int]:
    """How many cells contain personal data, by kind; `values`: how often each text occurs.

    Check digits are right by chance in one number of ten or more, so most of the cells with the form must
    pass the test.
    """
    found = {name: _counts(kind, values) for name, kind in KINDS.items()}
    return {name: proven for name, (formed, proven) in found.items() if proven > formed / 2}


def _counts(kind: Personal, values: Mapping[str, int]) -> tuple[int, int]:
    """How many cells have the form, and how many of these pass the test."""
    formed = {text: count for text, count in values.items() if kind.form.fullmatch(text.strip())}
    proven = (count for text, count in formed.items() if kind.proven(text.strip()))
    return sum(formed.values()), sum(proven)
