"""`python -m benchmarks.content [--write]`: what it costs a message to look into its text, in this process alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.figures import rounded
from benchmarks.findings import Table
from benchmarks.process import ROOT
from core.content.inspection import content_of
from core.content.segments import ONE_SEPTET, text_size
from core.encoding import encode_json

PAGE = ROOT / "docs" / "content.md"
BEGIN, END = "<!-- figures: python -m benchmarks.content --write -->", "<!-- end of figures -->"
REPEATS, TIMED = 9, 20_000

TEXTS: Mapping[str, str] = {
    "plain": "Your parcel will arrive today between ten and noon. Please be at home. Thank you for your order, Acme Logistics, Sydney.",
    "with times": "Your parcel 12345 will arrive today between 10:00 and 12:00. Please be at home. Thanks, Acme Logistics of Sydney.",
    "a code": "123456 is your Acme code. Do not share it with anyone. It ends in 10 minutes.",
    "with a link": "Your parcel 12345 will arrive today. Track it at https://acme.example.com/t/abc please. Thanks, Acme of Sydney.",
    "with a bare host": "Your parcel 12345 will arrive today. Track it at acme.example.com/t/abc please. Thanks, Acme of Sydney.",
    "with a date": "Your appointment is on 28.11.2026 at 10:30. Reply YES to confirm. Acme Clinic, Sydney.",
    "Cyrillic": "Ваша посылка прибудет сегодня с десяти до полудня. Спасибо за ваш заказ.",  # noqa: RUF001
}


def _is_plain(text: str) -> bool:
    encoded = encode_json(text)
    return encoded.translate(ONE_SEPTET) == encoded


STEPS: Sequence[tuple[str, Callable[[str], object]]] = (
    ("links, µs", lambda text: content_of(text, numbers=False)),
    ("links and numbers, µs", content_of),
    ("encoded, and known as plain, µs", _is_plain),
    ("size of any text, µs", text_size),
)


def microseconds(step: Callable[[str], object], text: str) -> float:
    """The lowest of the repeats, CPU time, without the loop."""
    return max(0.0, _lowest(step, text) - _lowest(lambda _: None, text))


def _lowest(step: Callable[[str], object], text: str) -> float:
    found = []
    for _ in range(REPEATS):
        at = time.process_time()
        for _ in range(TIMED):
            step(text)
        found.append((time.process_time() - at) / TIMED * 1e6)
    return min(found)


def table() -> Table:
    """A row a text."""
    rows = [
        (name, str(len(text)), *(rounded(microseconds(step, text)) for _, step in STEPS))
        for name, text in TEXTS.items()
    ]
    return Table("", ("text", "characters", *(name for name, _ in STEPS)), rows)


def main() -> None:
    """Print the table; with --write, put it into docs/content.md too."""
    rows = table().markdown().partition("\n\n")[2]
    print(rows)
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{rows}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
