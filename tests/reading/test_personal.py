"""Personal data is recognised, and what only looks like it is not."""

import random

import pytest

from csvjobs.reading.personal import personal

# Examples that the standards' own publishers print, and none that belongs to anybody.
REAL = {
    "email": ["ada@example.org", "o'neil+x@mail.example.co.uk"],
    "phone": ["+44 20 7946 0958", "+1 (202) 555-0143", "0049 30 901820"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NO9386011117947"],
    "card": ["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444"],
    "national_id": ["RCCMNL83S18D969H", "54362315K", "X5253868R", "2 95 10 99 126 111 93", "44051401359"],
}
WRONG = {
    "iban": ["DE89370400440532013001", "GB29NWBK6016133192681", "XX93860111179470"],
    "card": ["4111111111111112", "5555555555554445"],
    "national_id": ["RCCMNL83S18D969X", "54362315A", "44051401358"],
}


@pytest.mark.parametrize("kind", REAL)
def test_each_kind_is_known(kind: str) -> None:
    assert personal(dict.fromkeys(REAL[kind], 2)) == {kind: 2 * len(REAL[kind])}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_check_digits_are_no_proof(kind: str) -> None:
    assert personal(dict.fromkeys(WRONG[kind], 1)) == {}


def test_numbers_whose_check_digit_is_right_by_chance_are_no_cards() -> None:
    drawn = random.Random(1)
    ids = {f"4{drawn.randrange(10**15):015}": 1 for _ in range(500)}
    assert personal(ids) == {}


@pytest.mark.parametrize(
    "text", ["", "2026-04-03", "1,234.50", "52.5200", "192.168.0.1", "call back", "ada@", "00042", "+5"]
)
def test_ordinary_cells_are_nothing_personal(text: str) -> None:
    assert personal({text: 3}) == {}


def test_a_few_addresses_among_other_texts_are_counted() -> None:
    assert personal({"ada@example.org": 1, "n/a": 5}) == {"email": 1}
