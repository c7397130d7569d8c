"""The price list on either database, and what `campaign preview` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import AU_NUMBER
from tests.support.cli_runner import Cli

FIRST = "country,sender_type,price,currency\nAU,longcode,0.0455,AUD\nAU,,0.06,AUD\nGB,,0.0312,GBP\n"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("pair", PAIRS)
def test_it_prices_a_campaign_and_fails_above_a_limit(
    make_deployment: MakeDeployment, pair: str, tmp_path: Path
) -> None:
    made = make_deployment(pair, data_dir=str(tmp_path / "data"))
    cli = Cli(made.environment)
    prices, people = tmp_path / "prices.csv", tmp_path / "to.csv"
    prices.write_text(FIRST)
    assert cli.done("prices", "import", str(prices)) == {"prices": 3, "changed": 3}
    assert cli.done("prices", "import", str(prices)) == {"prices": 3, "changed": 0}
    prices.write_text(FIRST.replace("GB,,0.0312,GBP\n", "").replace("0.06", "0.061"))
    assert cli.done("prices", "import", str(prices)) == {"prices": 2, "changed": 1}
    assert cli.done("prices", "list", "--country", "au")["prices"] == [
        {"country": "AU", "sender_type": None, "price": "0.061", "currency": "AUD"},
        {"country": "AU", "sender_type": "longcode", "price": "0.0455", "currency": "AUD"},
    ]
    prices.write_text(FIRST.replace("0.06", "much"))
    assert "line 3, column price" in cli.refused("prices", "import", str(prices))
    assert len(cli.done("prices", "list")["prices"]) == 2

    people.write_text("to\n+61491570156\n+61491570157\n")
    words = ("campaign", "preview", "--account", "acme", "--file", str(people), "--body", "x" * 161)
    shown = cli.done(*words, "--max-price", "0.182 AUD")
    assert (shown["encoding"], shown["segments"], shown["cost"], shown["unpriced"]) == ("GSM-7", 4, {"AUD": "0.182"}, 0)
    (sender,) = shown["countries"][0]["senders"]
    assert (sender["sender_id"], sender["price"], sender["cost"]) == (AU_NUMBER, "0.0455", "0.182")
    above = cli.run(*words, "--max-price", "0.18", "--json")
    assert (above.exit_code, '"segments"' in above.stdout) == (1, True)
    assert "costs 0.182 AUD, and the limit is 0.18 AUD" in above.stderr
    table = cli.run(*words).stdout
    assert "4 GSM-7" in table
    assert "4 segments; cost 0.1820 AUD" in table
    people.write_text("to\n+61491570156\n+447400123456\n")
    assert "the price of 1 messages is not known" in cli.refused(*words, "--max-price", "9")
    assert "is not an amount" in cli.refused(*words, "--max-price", "much", exit_code=2)
