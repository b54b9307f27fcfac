"""Guesses among legacy encodings: a language model proposes candidates, the letters decide.

chardet knows which pairs of bytes a language uses, but gives little weight to what a person notices at once:
capitals or symbols within words, two scripts in one word. A logistic model adds up its scores and such
faults, so that the result is a probability. The weights were fitted to texts of chardet's test data and to
made-up names and places of 38 countries; the effect of few bytes to words of 45 languages
(bench/reading/encoding.py measures the former).
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
# Not mainframe encodings, which have no line feeds, nor regional ones, which fit by chance far more often
# than they occur.
ERA = EncodingEra.MODERN_WEB | EncodingEra.LEGACY_ISO | EncodingEra.LEGACY_MAC | EncodingEra.DOS

WESTERN = re.compile(r"cp1252|iso8859-15?|cp850|mac-roman|cp437|cp858|mac-iceland")
RARE = re.compile(
    r"iso8859-(?:3|4|10|13|14|16)|mac-(?:latin2|iceland|turkish|greek)|cp737|cp775|cp856|cp858|cp86[01345]"
    r"|cp869|cp1258|euc_jis_2004|shift_jis_2004"
)
MAC = re.compile(r"mac-.*")
# Hardly a file has it, but the bytes of Japanese in cp932 are mostly letters of it.
FORGOTTEN = re.compile("johab")
# More than a dozen code pages share letters at the same positions; together they count as one.
DOS = re.compile(r"cp[4-8]\d\d")
# Of equally common encodings for the same text, prefer the one that defines most bytes: the rest of the file
# may need them.
LARGEST = re.compile(r"cp125\d|cp932|cp949|cp874|gb18030")
EQUAL_SCORE = 0.002
LIKELY = 0.01
# Calibration: the odds to a power that grows with the number of bytes seen, as few bytes fit many encodings.
BORNE_OUT, MORE_BORNE_OUT = 0.6, 0.23
# With so few words of at most so many bytes, or so few characters of two bytes, one encoding is as good as
# another.
SHORT, FEW_WORDS, FEW_WIDE, FEW_RIGHT = 2, 3, 4, 0.75
# The encoding of a text with only symbols and no-break spaces beyond ASCII.
SIGNS, SIGNS_RIGHT = "cp1252", 0.9
# Signs that are no letters if they are not next to any: currencies, fractions, dashes and the like.
SIGNS_ALONE = "€¢£¥§¼½¾±×÷¹²³ªº«»‹›–—‘’“”…•·†‰™¬¶".encode(SIGNS)
# Penalty for an encoding that gives a control character: in others the byte is a punctuation mark.
CONTROL = 6

# So many separate kana are no coincidence: in other text every second byte would be one of two. Next to Latin
# letters they may be DOS bytes.
KANA = re.compile("(?<![A-Za-z])[ぁ-ゖァ-ヺー](?![A-Za-z])")
FEWEST_KANA = 3
JAPANESE = ("cp932", "euc_jp")
# Their weight relative to the best score of a language: less than the fault of Latin letters next to them.
KANA_SCORE = 4

# chardet was trained on sentences, half of which are kana: it takes Japanese names and places, which are
# kanji, for Chinese. So its score for EUC-JP counts for more, the more of the kanji are common ones: three in
# four of a Japanese text are, and one in six of what Chinese or Korean text would be. These are the commonest
# of texts, and those of prefectures, surnames and the names of columns.
EUC_JP = ("euc_jp", "euc_jis_2004")
COMMON_KANJI = frozenset(
    "阿愛安以伊位委意移井域一茨員引院浦運営映英駅円園演遠応王岡沖屋音下化価加可夏家科果歌火課過画賀会解回改械"
    "海界開外害各格確学楽額潟活株刊官監管間関館岩器基岐期機気記起技疑義議吉客脚宮急球究去挙京競共協強教橋業局"
    "曲玉近金銀区空熊群軍郡型形系経計警軽撃決結月件建検権研県見険元原減源現言個古庫戸顧午後語交公口向工広更校"
    "考行香高号合告国込今根佐査催再最歳済斎際在坂阪崎埼作殺三参山産残使史士始子市指支施止死氏紙試事児持時次滋"
    "治示自鹿式実社者車主取手首受収州秋終集住重出術春初所書女勝商小少昭松消省象賞上乗城場常情状職信心新森真神"
    "親身進震人水数世制姓性成政正清生製西請青静斉税石設説先千川戦線選前全組相総走送造属続村他多太打体対退逮隊"
    "代台大第題達谷単担団断男知地池置竹着中注丁庁朝町調長鳥直通定的鉄典天店転点伝田電渡登都度土党冬島投東当等"
    "統藤動同道得徳特督読栃奈内縄南二日入任認年納能馬配売箱発判半反版販番費備美媛票表病品不付富府阜武部風福払"
    "物分文聞兵平米別変編辺返便保捕報放方法亡北本毎万民務無名命明面木目問門野役約優有由郵予容曜様洋用葉要来利"
    "梨理陸率立流両料良量領力林鈴齢歴連路郎録和話"
)
KANJI_SCORE, COMMON_SHARE, FEW_KANJI = 6, 0.25, 2

# The weight of the score that words in capitals get in lower case.
SMALL = 0.8

# ASCII bytes that no encoding uses within a character; a digit after a high byte may be the second of four.
_BETWEEN = re.compile(rb"(?:[\x00-/:-?]|(?<![\x80-\xff])[0-9])+")
# Words without evidence: a byte that is a letter in DOS but a no-break space in most others, alone or in a
# number; symbols that many encodings share, such as micro, degree, square, trade mark.
_SIGNS = re.compile(
    rb"\xa0+[0-9]?|\xb5(?:[A-Za-z]|mol|rad|bar|Pa|Sv|Gy|Hz)?|[cdkmn\xb5]?m[\xb2\xb3]|\xb0[A-Z]?"
    rb"|[A-Za-z]*[a-z]{2}\xae|\xa9"
)
_ALONE = re.compile(rb"[%b][0-9]?" % SIGNS_ALONE)
# Words with a typographic apostrophe or in such quotes: few words of the Macintosh, in which it is an í, look
# like that.
_APOSTROPHES = re.compile(
    rb"(?i:[a-z]+\x92(?:[dmst]|ll|re|ve)|(?:[cdjlmnst]|qu)\x92[aeiouyh][a-z]{2,})|[DLNO]\x92[A-Z][A-Za-z]+"
    rb"|\x91[A-Za-z]+\x92|\x93[A-Za-z]+\x94"
)
_SCRIPTS = {"CYRILLIC": "cC", "GREEK": "gG", "LATIN": "lL", "CJK": "HH", "HANGUL": "KK", "HEBREW": "hh"}
_SCRIPTS |= {"ARABIC": "rr", "THAI": "tt", "HIRAGANA": "kk", "KATAKANA": "kk", "HALFWIDTH": "ww"}
_LETTER, _OTHER_SCRIPT = "[aAlLcCgGhrtHkKwzo]", "[cCgGhrtHkKwz]"
# Chinese and Japanese put no spaces between words, so symbols may be between letters.
_SPACED = "[aAlLcCgGhrtKwzo]"
# Not in real text: control characters, symbols within words, capitals next to small letters, two scripts in a
# word.
_BROKEN = re.compile(
    rf"x|(?<={_SPACED})[sqp](?={_LETTER})|(?<={_LETTER})[sqp](?={_SPACED})"
    rf"|[alcg][LCG]|[lcg][ALCG]|AlA|[aAlL]{_OTHER_SCRIPT}|{_OTHER_SCRIPT}[aAlL]"
    "|[cC][gGhrtHkKwz]|[gG][cChrtHkKwz]|[hrt][cCgGHkKw]|KH|HK|CCc|GGg"
)
_CONTROL = re.compile(r"[\x80-\x9f]")
_SIGN = re.compile(f"[so]|(?<={_LETTER})p")


@dataclass(frozen=True)
class Guess:
    """An encoding, its probability, and the probability that the text reads as it decodes it."""

    encoding: str
    likely: float
    right: float


def guesses(sample: bytes) -> list[Guess]:
    """The likely encodings of these lines, likeliest first; all of them decode the lines."""
    words = _words(sample)
    doubtful = [word for word in words if not _ALONE.fullmatch(word)]
    if decodes(sample, SIGNS) and all(map(_APOSTROPHES.fullmatch, doubtful)):
        return [Guess(SIGNS, 1.0, FEW_RIGHT if doubtful else SIGNS_RIGHT)]
    # An empty line first: chardet takes some first bytes for image formats.
    looked_at = b"\n".join([b"", *words])
    scores: dict[str, float] = {}
    texts: dict[str, str] = {}
    for encoding, language in _candidates(looked_at, sample):
        text = looked_at.decode(encoding, "replace")
        texts[encoding] = text
        seen = 5.8 * math.log(language + EQUAL_SCORE) - _faults(text, len(words))
        seen -= CONTROL if _CONTROL.search(text) else 0
        # A single word is little evidence: how common the encoding is then weighs as much.
        scores[encoding] = _usual(encoding) + seen * len(words) / (len(words) + 1)
    few = len(words) <= FEW_WORDS and max(map(len, words), default=0) <= SHORT
    most = FEW_RIGHT if few else 1.0
    return _ranked(scores, texts, sum(byte > 127 for byte in looked_at), most)


def _ranked(scores: dict[str, float], texts: dict[str, str], seen: int, most: float) -> list[Guess]:
    """The likely encodings, none with a probability above `most`; `seen`: the number of bytes beyond ASCII
    examined."""
    best = max(scores.values(), default=0.0)
    weights = {encoding: math.exp(score - best) for encoding, score in scores.items()}
    total = sum(weights.values())
    same: dict[str, float] = {}
    for encoding, weight in weights.items():
        same[texts[encoding]] = same.get(texts[encoding], 0.0) + weight / total
    found = [Guess(name, weight / total, same[texts[name]]) for name, weight in weights.items()]
    found.sort(key=lambda g: (-g.right, -_usual(g.encoding), not LARGEST.fullmatch(g.encoding), -g.likely))
    likely = [guess for guess in found if guess.right >= LIKELY]
    return [
        replace(
            guess, right=min(most, _most_right(texts[guess.encoding], seen), _borne_out(guess.right, seen))
        )
        for guess in likely
    ]


def _most_right(text: str, seen: int) -> float:
    """The most that a text can tell that was `seen` bytes beyond ASCII."""
    wide = sum(not character.isascii() for character in text)
    return FEW_RIGHT if wide <= FEW_WIDE and wide < seen else 1.0


def _borne_out(probability: float, seen: int) -> float:
    """The probability calibrated by the number of bytes seen: with few, the scores alone are
    overconfident."""
    odds = max(0.0, 1 - probability) / probability
    return float(1 / (1 + odds ** (BORNE_OUT + MORE_BORNE_OUT * math.log(max(seen, 1)))))


def _candidates(words: bytes, sample: bytes) -> Iterator[tuple[str, float]]:
    """chardet's candidates that decode the whole sample, each with its score relative to the best."""
    found = chardet.detect_all(words, ignore_threshold=True, encoding_era=ERA, compat_names=False)
    known = ((one["encoding"], one["confidence"]) for one in found if one["encoding"])
    fits = [one for one in known if decodes(sample, one[0])][:CANDIDATES]
    scores = {encoding: max(score, _in_small(words, encoding)) for encoding, score in fits}
    if uncut := _uncut(sample):
        scores.setdefault(*uncut)
    if EUC_JP[1] in scores:
        score = scores[EUC_JP[1]] * _kanji(words)
        # chardet knows only the superset of the usual one.
        scores |= {name: score for name in EUC_JP if decodes(sample, name)}
    best = max(scores.values(), default=1.0)
    if japanese := _japanese(words, sample):
        scores[japanese] = KANA_SCORE * best
    for encoding, score in scores.items():
        yield encoding, (score + EQUAL_SCORE) / (best + EQUAL_SCORE)


def _in_small(words: bytes, encoding: str) -> float:
    """The score of words in capitals by that encoding, as if in lower case: chardet was trained on texts that
    are mostly in lower case."""
    text = words.decode(encoding, "replace")
    letters = [character for character in text if character.isalpha() and not character.isascii()]
    if 2 * sum(map(str.isupper, letters)) <= len(letters):
        return 0.0
    small = text.lower().encode(encoding, "ignore")
    found = chardet.detect_all(small, ignore_threshold=True, encoding_era=ERA, compat_names=False)
    return SMALL * max((one["confidence"] for one in found if one["encoding"] == encoding), default=0.0)


def _kanji(words: bytes) -> float:
    """How many times likelier EUC-JP is than chardet finds, by how many letters but kana are common kanji."""
    letters = [letter for letter in words.decode(EUC_JP[1], "ignore") if _kind(letter) in "HlLcCgGz"]
    common = sum(letter in COMMON_KANJI for letter in letters)
    share = (common + COMMON_SHARE * FEW_KANJI) / (len(letters) + FEW_KANJI)
    return math.exp(KANJI_SCORE * (share - COMMON_SHARE))


def _uncut(sample: bytes) -> tuple[str, float] | None:
    """An encoding of two bytes per character that fits whole lines: words may be cut within a character."""
    lines = sample if len(sample) < LINES else sample[:LINES].rpartition(b"\n")[0]
    found = chardet.detect(lines, encoding_era=ERA, compat_names=False)
    encoding = found["encoding"]
    if not encoding or not decodes(sample, encoding) or len(lines.decode(encoding, "replace")) == len(lines):
        return None
    return encoding, found["confidence"]


def _japanese(words: bytes, sample: bytes) -> str | None:
    """The encoding in which most letters are kana: chardet may find none in a few words."""
    for encoding in JAPANESE:
        text = words.decode(encoding, "replace")
        kana = len(KANA.findall(text))
        most = 2 * kana >= sum(not character.isascii() for character in text)
        if kana >= FEWEST_KANA and most and decodes(sample, encoding):
            return encoding
    return None


def decodes(sample: bytes, encoding: str) -> bool:
    """Whether the bytes decode strictly; the last character may be incomplete."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return True


def _words(sample: bytes) -> list[bytes]:
    """The distinct words that have more than ASCII: how often a word occurs says nothing about its bytes."""
    words, size = dict[bytes, None](), 0
    for word in _BETWEEN.split(sample):
        if size < LOOKED_AT and not (word.isascii() or word in words or _SIGNS.fullmatch(word)):
            words[word] = None
            size += len(word)
    return list(words)


def _usual(encoding: str) -> float:
    """How much more common an encoding is than others, as log odds."""
    odds = ((WESTERN, 1.6), (RARE, -1.8), (MAC, -0.5), (DOS, -0.9), (FORGOTTEN, -9))
    return sum(weight for family, weight in odds if family.fullmatch(encoding))


def _faults(text: str, words: int) -> float:
    kinds = text.translate(_KINDS)
    return (11 * len(_BROKEN.findall(kinds)) + 6 * len(_SIGN.findall(kinds))) / max(words, 1)


class _Kinds(dict[int, str]):
    """A letter for the kind of each character, upper case for capitals; computed on first use."""

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
    # Punctuation that comes before or after words (q), and some that comes only before them (p).
    return "q" if character in "“”‘«»‹›…—•€£§°©®™" else "p" if character in "‚„¿¡" else "s"
