"""`--body` and `--body-file`: the text of a message, which need not stand in the arguments, where others can read it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO

import click

_STDIN = "-"
#: No text is longer; one that is shall be refused as too long, not read to its end.
_MOST_BYTES = 1_048_576


def body_options(says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--body TEXT`, `--body -` for stdin, or `--body-file FILE`, as one text, `body`."""

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--body", metavar="TEXT", help=f"{says}; '-': stdin, which others on this machine do not see.")
        @click.option("--body-file", type=click.File("rb"), metavar="FILE", help="The same in a file.")
        @wraps(function)
        def with_body(*, body: str | None, body_file: BinaryIO | None, **rest: Any) -> Any:
            return function(body=_body(body, body_file, rest), **rest)

        return with_body

    return decorated


def _body(body: str | None, file: BinaryIO | None, rest: dict[str, Any]) -> str | None:
    if file is None:
        if body != _STDIN:
            return body
        file = sys.stdin.buffer
    elif body is not None:
        raise click.UsageError("give either --body or --body-file")
    if file is sys.stdin.buffer and any(value is file for value in rest.values()):
        raise click.UsageError("stdin holds the text or the file, not both")
    try:
        text = file.read(_MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError("the text is not UTF-8") from None
    # The end of the last line is that of the file, not of the message.
    return text.removesuffix("\n").removesuffix("\r")
