"""Automata over digits, from the dialect of regular expressions that libphonenumber's metadata is written in.

A pattern is a sequence of digit sets and choices; a state is what may still follow (Antimirov's partial derivatives).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Choice:
    """One of several sequences."""

    branches: tuple[Sequence, ...]


Item = frozenset[str] | Choice
Sequence = tuple[Item, ...]
#: What may still follow: the state of an automaton.
Rest = frozenset[Sequence]

DIGITS = "0123456789"
ANY_DIGIT = frozenset(DIGITS)
#: The `$` of a pattern: no digit may follow.
END: frozenset[str] = frozenset()


class PatternReader:
    """Reads the dialect that the metadata is written in; anything else is an error."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0

    def sequence(self) -> Sequence:
        """The whole pattern."""
        choice = self._choice()
        if self.at != len(self.pattern):
            raise ValueError(f"cannot read {self.pattern!r} from character {self.at}")
        return (choice,)

    def _choice(self) -> Choice:
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        return Choice(tuple(branches))

    def _branch(self) -> Sequence:
        items: Sequence = ()
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            items += self._repeated(self._item())
        return items

    def _item(self) -> Item:
        if self._take("("):
            self._take("?:")
            inner = self._choice()
            if not self._take(")"):
                raise ValueError(f"unclosed group in {self.pattern!r}")
            return inner
        if self._take("["):
            return _digit_set(self._up_to("]"))
        if self._take("\\d"):
            return ANY_DIGIT
        return END if self._take("$") else _digit_set(self._next())

    def _repeated(self, item: Item) -> Sequence:
        least, most = 1, 1
        if self._take("?"):
            least = 0
        elif self._take("{"):
            bounds = self._up_to("}").split(",")
            least, most = int(bounds[0]), int(bounds[-1])
        optional: Sequence = ()
        for _ in range(most - least):
            optional = (Choice(((item, *optional), ())),)
        return (item,) * least + optional

    def _take(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def _next(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def _up_to(self, end: str) -> str:
        start, self.at = self.at, self.pattern.index(end, self.at) + 1
        return self.pattern[start : self.at - 1]


def _digit_set(text: str) -> frozenset[str]:
    digits: set[str] = set()
    for part in _ranges(text):
        digits.update(str(digit) for digit in range(int(part[0]), int(part[-1]) + 1))
    return frozenset(digits)


def _ranges(text: str) -> Iterator[str]:
    while text:
        width = 3 if text[1:2] == "-" else 1
        yield text[:width]
        text = text[width:]


@cache
def after(sequence: Sequence, digit: str) -> Rest:
    """What may follow `digit` at the start of `sequence`."""
    if not sequence:
        return frozenset()
    head, tail = sequence[0], sequence[1:]
    if isinstance(head, Choice):
        return frozenset().union(*(after(branch + tail, digit) for branch in head.branches))
    return frozenset([tail]) if digit in head else frozenset()


@cache
def finished(sequence: Sequence, at_end: bool) -> bool:
    """Whether nothing more is needed; a `$` is satisfied only at the end of the number."""
    return all(
        any(finished(branch, at_end) for branch in item.branches)
        if isinstance(item, Choice)
        else at_end and item == END
        for item in sequence
    )


@cache
def advance(rest: Rest, digit: str) -> Rest:
    """The automaton's next state."""
    return frozenset().union(*(after(sequence, digit) for sequence in rest))


def accepts(rest: Rest, *, at_end: bool) -> bool:
    """Whether the digits so far match."""
    return any(finished(sequence, at_end) for sequence in rest)


def start(pattern: str | None) -> Rest:
    """The automaton of `pattern` before the first digit; None: matches nothing."""
    return frozenset([PatternReader(pattern).sequence()]) if pattern else frozenset()
