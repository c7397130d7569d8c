"""One recipient's number taken out of the reports on refused rows that campaigns left under DATA_DIR."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from core.phone import NumberSearch
from core.process.private_files import open_private
from worker.sending.campaign import REPORT_COLUMNS
from worker.sending.state import FOLDER

_REPORTS = "*.refused.csv"


def erase_from_reports(data_dir: Path, search: NumberSearch) -> int:
    """Put stars in the place of the number; how many rows held it.

    Each report stays as long as it was: a campaign that goes on writes behind the byte that its state names.
    """
    return sum(_erase(path, search) for path in sorted((data_dir / FOLDER).glob(_REPORTS)))


def _erase(path: Path, search: NumberSearch) -> int:
    content = path.read_bytes()
    rows = csv.DictReader(io.StringIO(content.decode("utf-8", "replace"), newline=""))
    found = [text for row in rows if (text := row.get(REPORT_COLUMNS[-1])) and search.is_in(text)]
    for text in set(found):
        cell = _cell(text)
        content = content.replace(cell, b"*" * len(cell))
    if found:
        with os.fdopen(open_private(path, os.O_RDWR), "r+b") as stream:
            stream.write(content)
    return len(found)


def _cell(text: str) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([text])
    return written.getvalue().encode()
