"""Excel workbooks as small as they can be, and as programs write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(rows: str, *, shared: Sequence[str] = (), parts: Mapping[str, str] | None = None, book: str = "") -> bytes:
    """A workbook whose sheet `List` has these rows, as XML; `parts` take the place of others, `book` goes into workbook.xml."""
    sheet = '<sheet name="List" sheetId="7" r:id="rId3"/>'
    texts = "".join(f"<si>{text}</si>" for text in shared)
    written = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{book}<sheets>{sheet}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            {
                "rId1": ("sharedStrings", "sharedStrings.xml"),
                "rId2": ("styles", "/xl/styles.xml"),
                "rId3": ("worksheet", "worksheets/sheet1.xml"),
            }
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{texts}</sst>',
        "xl/styles.xml": (
            f'<styleSheet xmlns="{_MAIN}"><numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy\\ hh:mm"/>'
            '<numFmt numFmtId="165" formatCode="0&quot; days&quot;"/></numFmts>'
            '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
            '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
            "</styleSheet>"
        ),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (written | dict(parts or {})).items():
            archive.writestr(name, text)
    return made.getvalue()


def texts(number: int, *cells: str) -> str:
    """A row of texts."""
    inner = "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' for cell in cells)
    return f'<row r="{number}">{inner}</row>'


def _relations(parts: Mapping[str, tuple[str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for key, (kind, target) in parts.items()
    )
    return f'<Relationships xmlns="{_RELATIONS}">{each}</Relationships>'
