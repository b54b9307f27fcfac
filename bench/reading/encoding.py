#!/usr/bin/env python
"""How often encodings are found, ours beside chardet and charset_normalizer.

python bench/reading/encoding.py FOLDER    FOLDER/<encoding>/<file>, laid out as chardet's test data

Each file is read whole, and again as the tables that are made from its words. Right is a text equal to
what the labelled encoding gives, or its larger twin (a label of GB2312 means GBK in practice), whatever
the guess is called; mojibake is any other text.
"""

from __future__ import annotations

import argparse
import codecs
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import chardet

from csvjobs.errors import DataError
from csvjobs.reading.encoding import find_encoding, to_utf8
from csvjobs.reading.facts import FactsCollector
from csvjobs.reading.reading import UNSURE

ROWS = (1, 2, 5, 20, 60, 200)
SEED = 20
LONGEST_WORD = 12
# What these labels mean to browsers and to most programs that write them.
TWINS = {
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "tis-620": "cp874",
    "big5": "big5hkscs",
}
TAG = re.compile(r"<[^>]*>|&\w+;")
NO_WORD = re.compile(r"[\s\x00-\x2f:-@\[-`{-\x7f]+")


class Sample(NamedTuple):
    """Bytes, the codec that is right for them, and what they say; the last by its larger twin too."""

    name: str
    content: bytes
    codec: str
    texts: tuple[str, ...]


class Guess(NamedTuple):
    """A text, None where the guess does not decode; the encoding's name; how sure."""

    text: str | None
    encoding: str
    confidence: float


@dataclass
class Score:
    """Counts of one detector on one set."""

    files: int = 0
    right: int = 0
    mojibake: int = 0
    seconds: float = 0.0
    sure: list[tuple[float, bool]] = field(default_factory=list)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def add(self, sample: Sample, guess: Guess, seconds: float) -> None:
        right = guess.text in sample.texts
        self.files += 1
        self.right += right
        self.mojibake += not right and guess.text is not None
        self.seconds += seconds
        self.sure.append((guess.confidence, right))
        if not right:
            self.confusion[sample.codec, guess.encoding] += 1
            self.missed.append(f"{sample.name} as {guess.encoding} ({guess.confidence:.2f})")


def main() -> None:
    """Prints a line for each detector and set, then where ours errs and how sure it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--missed", action="store_true", help="name the files that ours gets wrong")
    asked = parser.parse_args()
    whole = list(labelled(asked.folder))
    sets = {"whole files": whole} | {f"tables of {rows} rows": list(tables(whole, rows)) for rows in ROWS}
    every = Score()
    for title, samples in sets.items():
        print(f"\n{title}: {len(samples)}")
        for name, detect in detectors().items():
            score = measure(samples, detect)
            show(name, score)
            if name == "ours":
                show_warnings(score)
                every.sure += score.sure
                every.confusion += score.confusion
                every.missed += [f"{title}: {missed}" for missed in score.missed]
    show_errors(every, missed=asked.missed)


def labelled(folder: Path) -> Iterator[Sample]:
    """The files that the encoding in their folder's name decodes; says which it passes over."""
    for path in sorted(p for p in folder.glob("*/*") if p.is_file()):
        codec = codec_of(path.parent.name)
        sample = codec and sample_of(str(path.relative_to(folder)), path.read_bytes(), codec)
        if sample:
            yield sample
        else:
            print(f"passed over, as its label decodes it not: {path.relative_to(folder)}")


def codec_of(label: str) -> str | None:
    """Python's name for `iso-8859-2-polish`."""
    parts = label.split("-")
    for end in range(len(parts), 0, -1):
        try:
            return codecs.lookup("-".join(parts[:end])).name
        except LookupError:
            continue
    return None


def sample_of(name: str, content: bytes, codec: str) -> Sample | None:
    texts = {}
    for known in filter(None, (codec, TWINS.get(codec))):
        with suppress(UnicodeError):
            texts[known] = plain(content.decode(known))
    return Sample(name, content, next(iter(texts)), tuple(texts.values())) if texts else None


def plain(text: str) -> str:
    return text.removeprefix("\ufeff")


def tables(whole: list[Sample], rows: int) -> Iterator[Sample]:
    """A table from each file's words, in its own encoding; none where these are ASCII alone."""
    for sample in whole:
        words = [w[:LONGEST_WORD] for w in NO_WORD.split(TAG.sub(" ", sample.texts[0])) if w.isprintable()]
        chance = random.Random(f"{SEED} {rows} {sample.name}")
        text = table(chance, [w for w in words if w], rows) if any(words) else ""
        made = sample_of(sample.name, text.encode(sample.codec), sample.codec)
        if made and not text.isascii():
            yield made


def table(chance: random.Random, words: list[str], rows: int) -> str:
    lines = ["id,name,amount,date,state\n"]
    for row in range(rows):
        amount, day, state = chance.uniform(0, 5000), chance.randint(1, 28), chance.choice(("open", "paid"))
        lines.append(f"{row},{chance.choice(words)},{amount:.2f},2024-03-{day:02},{state}\n")
    return "".join(lines)


def detectors() -> dict[str, Callable[[bytes], Guess]]:
    found: dict[str, Callable[[bytes], Guess]] = {"ours": ours, "chardet": by_chardet}
    try:
        import charset_normalizer  # noqa: F401
    except ImportError:
        print("charset_normalizer is not installed")
    else:
        found["charset_normalizer"] = by_normalizer
    return found


def ours(content: bytes) -> Guess:
    """As reading does it: from a file, with the facts of its bytes."""
    collector = FactsCollector()
    collector.update(content)
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "input.csv"), Path(folder, "utf8.csv")
        path.write_bytes(content)
        try:
            found = to_utf8(path, find_encoding(path, collector.finish(), None), target, lambda _: None)
        except DataError as error:
            return Guess(None, error.code, 0.0)
        return Guess(plain(target.read_bytes().decode()), found.value, found.confidence)


def by_chardet(content: bytes) -> Guess:
    found = chardet.detect(content)
    return guess(content, found["encoding"], found["confidence"])


def by_normalizer(content: bytes) -> Guess:
    import charset_normalizer

    best = charset_normalizer.from_bytes(content).best()
    return guess(content, best.encoding if best else None, 1.0 - best.chaos if best else 0.0)


def guess(content: bytes, encoding: str | None, confidence: float) -> Guess:
    try:
        text = content.decode(encoding) if encoding else None
    except (UnicodeError, LookupError):
        text = None
    return Guess(None if text is None else plain(text), str(encoding), confidence)


def measure(samples: list[Sample], detect: Callable[[bytes], Guess]) -> Score:
    score = Score()
    for sample in samples:
        start = time.perf_counter()
        found = detect(sample.content)
        score.add(sample, found, time.perf_counter() - start)
    return score


def show(name: str, score: Score) -> None:
    count = max(score.files, 1)
    print(
        f"  {name:20} right {score.right / count:6.1%}   mojibake {score.mojibake:3}"
        f"   {1000 * score.seconds / count:6.1f} ms a file"
    )


def show_warnings(score: Score) -> None:
    """How well the warning of a low confidence tells the wrong texts from the right ones."""
    warned = Counter(right for sure, right in score.sure if sure < UNSURE)
    wrong = score.files - score.right
    print(
        f"  {'':20} with a warning: {warned[False]} of {wrong} wrong, {warned[True]} of {score.right} right"
    )


def show_errors(score: Score, *, missed: bool) -> None:
    print("\nours by confidence: files, mean confidence, right")
    for low, high in ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01)):
        inside = [(sure, right) for sure, right in score.sure if low <= sure < high]
        if inside:
            mean = sum(sure for sure, _ in inside) / len(inside)
            share = sum(right for _, right in inside) / len(inside)
            print(f"  {low:.2f} to {min(high, 1):.2f}   {len(inside):5}   {mean:6.1%}   {share:6.1%}")
    print("\nours wrong: labelled, taken for, times")
    for (right, wrong), count in score.confusion.most_common():
        print(f"  {right:15} {wrong:15} {count}")
    if missed:
        print("\n".join(score.missed))


if __name__ == "__main__":
    main()
