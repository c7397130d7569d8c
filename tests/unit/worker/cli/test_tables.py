"""Tables for people: what fits an 80-column terminal stays whole, and what does not is wrapped, never left out."""

from __future__ import annotations

import pytest

from worker.cli.output import print_table

TYPES = "alpha_tag, longcode, own_number, shortcode, tollfree, 10DLC, shared_longcode"


def test_it_leaves_no_column_without_room_beside_one_that_is_too_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("country", "types", "sources", "looked at"), [("AU", TYPES, "aws, telnyx, vonage", "2024-07-17")])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.split()[0] == "AU" and line.split()[-1] == "2024-07-17" for line in lines if line.strip())


def test_it_keeps_an_id_whole(capsys: pytest.CaptureFixture[str]) -> None:
    decision = "dec_55fc56d79f3296e2e60e01334ebf6926"
    print_table("", ("decision", "why"), [(decision, "words " * 20)])
    assert decision in capsys.readouterr().out
