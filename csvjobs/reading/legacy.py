"""Guesses among the encodings from before Unicode: a language model proposes, the letters judge.

chardet knows which pairs of bytes a language uses, but weighs little what a person sees at once: capitals
or signs within words, two scripts in one word. Its scores and such faults are added up with the weights
of a logistic model, so that what comes out is a probability. They were fitted to texts of chardet's test
data and to made-up names and places of 38 countries, and how far few bytes bear it out to words of 45
languages (bench/reading/encoding.py measures the first).
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

import chardet
from chardet.enums import EncodingEra

LOOKED_AT = 2048
LINES = 8 * LOOKED_AT
CANDIDATES = 24
# Mainframes write no line feeds, and the regional ones look like the others far more often than they occur.
ERA = EncodingEra.MODERN_WEB | EncodingEra.LEGACY_ISO | EncodingEra.LEGACY_MAC | EncodingEra.DOS

WESTERN = re.compile(r"cp1252|iso8859-15?|cp850|mac-roman|cp437|cp858|mac-iceland")
RARE = re.compile(
    r"iso8859-(?:3|4|10|13|14|16)|mac-(?:latin2|iceland|turkish|greek)|cp737|cp775|cp856|cp858|cp86[01345]"
    r"|cp869|cp1258|johab|euc_jis_2004|shift_jis_2004"
)
MAC = re.compile(r"mac-.*")
# More than a dozen code pages have the same letters in places that they share; together they count as one.
DOS = re.compile(r"cp[4-8]\d\d")
# Of equally usual names for the same text the one that knows most bytes: the file's rest may need them.
LARGEST = re.compile(r"cp125\d|cp932|cp949|cp874|gb18030")
EQUAL_SCORE = 0.002
LIKELY = 0.01
# What a probability is worth: its odds to a power that grows with the bytes seen, as few of them fit much.
BORNE_OUT, MORE_BORNE_OUT = 0.6, 0.23
# Where no word has more bytes than so many, and so few there are, one encoding is as good as another.
SHORT, FEW_WORDS, FEW_RIGHT = 2, 3, 0.75
# What has no more than such signs and blanks beyond ASCII.
SIGNS, SIGNS_RIGHT = "cp1252", 0.9
# Against an encoding by which a control character stands in the text: others have a mark there.
CONTROL = 6

# So many letters of Japanese alone are no chance: each second byte of other text would be one of two. Beside
# Latin letters they may be: bytes of DOS.
KANA = re.compile("(?<![A-Za-z])[ぁ-ゖァ-ヺー](?![A-Za-z])")
FEWEST_KANA = 3
JAPANESE = ("cp932", "euc_jp")
# What they weigh against the best score of a language: less than Latin letters beside them, a fault.
KANA_SCORE = 4

# What the score of words in small letters counts for, where they are in capitals: most are not.
SMALL = 0.8

# ASCII that no encoding uses within a character; a digit after a high byte may be the second of four.
_BETWEEN = re.compile(rb"(?:[\x00-/:-?]|(?<![\x80-\xff])[0-9])+")
# What DOS has as a letter is a blank to most others: alone, or within a number, it tells nothing. Nor do the
# signs of units that many have in one place: a micro, a degree, a square, a trade mark.
_SIGNS = re.compile(
    rb"\xa0+[0-9]?|\xb5(?:[A-Za-z]|mol|rad|bar|Pa|Sv|Gy|Hz)?|[cdkmn\xb5]?m[\xb2\xb3]|\xb0[A-Z]?"
    rb"|[A-Za-z]*[a-z]{2}\xae|\xa9"
)
_SCRIPTS = {"CYRILLIC": "cC", "GREEK": "gG", "LATIN": "lL", "CJK": "HH", "HANGUL": "KK", "HEBREW": "hh"}
_SCRIPTS |= {"ARABIC": "rr", "THAI": "tt", "HIRAGANA": "kk", "KATAKANA": "kk", "HALFWIDTH": "ww"}
_LETTER, _OTHER_SCRIPT = "[aAlLcCgGhrtHkKwzo]", "[cCgGhrtHkKwz]"
# Chinese and Japanese set no blanks between words, so that signs stand between letters.
_SPACED = "[aAlLcCgGhrtKwzo]"
# What no writer does: controls, signs within words, capitals after small letters, two scripts in a word.
_BROKEN = re.compile(
    rf"x|(?<={_SPACED})[sqp](?={_LETTER})|(?<={_LETTER})[sqp](?={_SPACED})"
    rf"|[alcg][LCG]|[lcg][ALCG]|AlA|[aAlL]{_OTHER_SCRIPT}|{_OTHER_SCRIPT}[aAlL]"
    "|[cC][gGhrtHkKwz]|[gG][cChrtHkKwz]|[hrt][cCgGHkKw]"
)
_CONTROL = re.compile(r"[\x80-\x9f]")
_SIGN = re.compile(f"[so]|(?<={_LETTER})p")


@dataclass(frozen=True)
class Guess:
    """An encoding, how likely it is, and how likely it is that the text reads as it says."""

    encoding: str
    likely: float
    right: float


def guesses(sample: bytes) -> list[Guess]:
    """The likely encodings of these lines, all of which decode them, likeliest first."""
    words = _words(sample)
    if not words and decodes(sample, SIGNS):
        return [Guess(SIGNS, 1.0, SIGNS_RIGHT)]
    # A line of its own before them: chardet takes some first bytes for marks of images.
    looked_at = b"\n".join([b"", *words])
    scores: dict[str, float] = {}
    texts: dict[str, str] = {}
    for encoding, language in _candidates(looked_at, sample):
        text = looked_at.decode(encoding, "replace")
        texts[encoding] = text
        seen = 5.8 * math.log(language + EQUAL_SCORE) - _faults(text, len(words))
        seen -= CONTROL if _CONTROL.search(text) else 0
        # One word says little: what is usual anyway then weighs as much.
        scores[encoding] = _usual(encoding) + seen * len(words) / (len(words) + 1)
    few = len(words) <= FEW_WORDS and max(map(len, words), default=0) <= SHORT
    most = FEW_RIGHT if few else 1.0
    return _ranked(scores, texts, sum(byte > 127 for byte in looked_at), most)


def _ranked(scores: dict[str, float], texts: dict[str, str], seen: int, most: float) -> list[Guess]:
    """The likely encodings, none likelier than `most`; `seen`: so many bytes beyond ASCII were looked at."""
    best = max(scores.values(), default=0.0)
    weights = {encoding: math.exp(score - best) for encoding, score in scores.items()}
    total = sum(weights.values())
    same: dict[str, float] = {}
    for encoding, weight in weights.items():
        same[texts[encoding]] = same.get(texts[encoding], 0.0) + weight / total
    found = [Guess(name, weight / total, same[texts[name]]) for name, weight in weights.items()]
    found.sort(key=lambda g: (-g.right, -_usual(g.encoding), not LARGEST.fullmatch(g.encoding), -g.likely))
    likely = [guess for guess in found if guess.right >= LIKELY]
    return [replace(guess, right=min(most, _borne_out(guess.right, seen))) for guess in likely]


def _borne_out(probability: float, seen: int) -> float:
    """How likely it really is, by what so many bytes are worth: the scores alone are too sure of a few."""
    odds = max(0.0, 1 - probability) / probability
    return float(1 / (1 + odds ** (BORNE_OUT + MORE_BORNE_OUT * math.log(max(seen, 1)))))


def _candidates(words: bytes, sample: bytes) -> Iterator[tuple[str, float]]:
    """What chardet thinks of, with its score relative to the best, where it decodes the whole sample."""
    found = chardet.detect_all(words, ignore_threshold=True, encoding_era=ERA, compat_names=False)
    known = ((one["encoding"], one["confidence"]) for one in found if one["encoding"])
    fits = [one for one in known if decodes(sample, one[0])][:CANDIDATES]
    scores = {encoding: max(score, _in_small(words, encoding)) for encoding, score in fits}
    if uncut := _uncut(sample):
        scores.setdefault(*uncut)
    best = max(scores.values(), default=1.0)
    if japanese := _japanese(words, sample):
        scores[japanese] = KANA_SCORE * best
    for encoding, score in scores.items():
        yield encoding, (score + EQUAL_SCORE) / (best + EQUAL_SCORE)


def _in_small(words: bytes, encoding: str) -> float:
    """The score of words that are in capitals, by that encoding, as if they were in small letters: chardet
    has learnt from texts that are mostly in these."""
    text = words.decode(encoding, "replace")
    letters = [character for character in text if character.isalpha() and not character.isascii()]
    if 2 * sum(map(str.isupper, letters)) <= len(letters):
        return 0.0
    small = text.lower().encode(encoding, "ignore")
    found = chardet.detect_all(small, ignore_threshold=True, encoding_era=ERA, compat_names=False)
    return SMALL * max((one["confidence"] for one in found if one["encoding"] == encoding), default=0.0)


def _uncut(sample: bytes) -> tuple[str, float] | None:
    """An encoding of two bytes a character that fits the lines: words may be cut within one."""
    lines = sample if len(sample) < LINES else sample[:LINES].rpartition(b"\n")[0]
    found = chardet.detect(lines, encoding_era=ERA, compat_names=False)
    encoding = found["encoding"]
    if not encoding or not decodes(sample, encoding) or len(lines.decode(encoding, "replace")) == len(lines):
        return None
    return encoding, found["confidence"]


def _japanese(words: bytes, sample: bytes) -> str | None:
    """The encoding by which most letters are kana: chardet may name none for a few words."""
    for encoding in JAPANESE:
        text = words.decode(encoding, "replace")
        kana = len(KANA.findall(text))
        most = 2 * kana >= sum(not character.isascii() for character in text)
        if kana >= FEWEST_KANA and most and decodes(sample, encoding):
            return encoding
    return None


def decodes(sample: bytes, encoding: str) -> bool:
    """Whether the bytes fit strictly; the last character may be cut."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return True


def _words(sample: bytes) -> list[bytes]:
    """The different words that hold more than ASCII: how often one occurs says nothing of its bytes."""
    words, size = dict[bytes, None](), 0
    for word in _BETWEEN.split(sample):
        if size < LOOKED_AT and not (word.isascii() or word in words or _SIGNS.fullmatch(word)):
            words[word] = None
            size += len(word)
    return list(words)


def _usual(encoding: str) -> float:
    """How much more common an encoding is than others, as the logarithm of odds."""
    odds = ((WESTERN, 1.6), (RARE, -1.8), (MAC, -0.5), (DOS, -0.9))
    return sum(weight for family, weight in odds if family.fullmatch(encoding))


def _faults(text: str, words: int) -> float:
    kinds = text.translate(_KINDS)
    return (11 * len(_BROKEN.findall(kinds)) + 6 * len(_SIGN.findall(kinds))) / max(words, 1)


class _Kinds(dict[int, str]):
    """One letter for the kind of each character, capital for capitals; found when first asked for."""

    def __missing__(self, code: int) -> str:
        self[code] = kind = _kind(chr(code))
        return kind


_KINDS = _Kinds()


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if character.isascii():
        return "A" if category == "Lu" else "a" if category == "Ll" else character
    if category in ("Cc", "Cn", "Co", "Cs"):
        return "x"
    if category[0] == "L" and character not in "ªº":
        kinds = _SCRIPTS.get(unicodedata.name(character, "").partition(" ")[0], "zz")
        return kinds[category == "Lu"]
    if category[0] == "L":
        return "o"
    if category[0] == "M" or character in "’–\u00ad\u00a0·・、。，．：；！？（）「」『』《》【】":
        return "_"
    # Marks that writers set before or after words, and two that they set before them alone.
    return "q" if character in "“”‘«»‹›…—•€£§°©®™" else "p" if character in "‚„¿¡" else "s"
