"""Every code of a decision has its words, so that a new one cannot be without."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from core.engine.codes import RANK_STEPS, REASONS, REJECTIONS, SOURCES, WARNINGS, CodeInfo
from core.engine.decision import RankStep, Reason, Rejection, Source, Warn


@pytest.mark.parametrize(
    ("codes", "words"),
    [(Source, SOURCES), (Reason, REASONS), (Warn, WARNINGS), (Rejection, REJECTIONS), (RankStep, RANK_STEPS)],
)
def test_it_says_in_words_what_each_code_means(codes: type[StrEnum], words: Mapping[Any, CodeInfo]) -> None:
    assert list(words) == list(codes)
    assert all(info.meaning for info in words.values())


def test_it_says_what_to_do_about_every_warning() -> None:
    assert [code for code, info in WARNINGS.items() if not info.remedy] == []
