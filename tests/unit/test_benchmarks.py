"""The arithmetic and the bookkeeping of the benchmarks; what they measure needs services, and time."""

from __future__ import annotations

import base64
import json

import pytest

from benchmarks.commands import Commands
from benchmarks.compare import Cell, figures_of, tables
from benchmarks.documents import TaskMessages, batch, message, numbered, recipient
from benchmarks.figures import DASH, Run, Spread, cpu_between, per_thousand, percentile, ratios, rounded, spread
from benchmarks.findings import Table
from benchmarks.goals import GOALS, Goal, scoreboard, told
from benchmarks.lanes.board import Board
from benchmarks.options import Options
from benchmarks.trust_simulation import MOST_LOST, Setting, simulate
from core.contract.models import CampaignBatch, OutgoingMessage
from core.phone import settled_country
from worker.envelopes.opening import Document, Opener
from worker.envelopes.task_messages import MESSAGE_TASK


def test_it_divides_time_and_cpu_by_messages() -> None:
    run = Run(messages=2_000, seconds=4.0, worker_cpu_s=0.02, broker_cpu_s=0.01)
    assert (run.rate, run.worker_us, run.broker_us) == (500, pytest.approx(10), pytest.approx(5))


def test_it_knows_no_broker_cpu_where_the_process_could_not_be_read() -> None:
    assert Run(1, 1.0, 1.0, None).broker_us is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([5.0], Spread(5, 5, 5), id="one repeat"),
        pytest.param([9.0, 1.0, 5.0], Spread(5, 1, 9), id="odd"),
        pytest.param([1.0, 2.0, 4.0, 9.0], Spread(3, 1, 9), id="even"),
    ],
)
def test_it_gives_median_and_extremes(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected


def test_it_compares_only_runs_of_the_same_round() -> None:
    assert ratios({0: 10.0, 1: 30.0, 3: 99.0}, {0: 5.0, 1: 10.0, 2: 1.0}) == Spread(2.5, 2, 3)


def test_it_has_no_ratio_where_no_round_is_shared() -> None:
    assert ratios({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(0.5, 50, id="median"),
        pytest.param(0.99, 99, id="p99"),
        pytest.param(1.0, 100, id="highest"),
        pytest.param(0.0, 1, id="lowest"),
    ],
)
def test_it_takes_percentiles_by_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_it_takes_the_only_value_for_every_percentile() -> None:
    assert percentile([7.0], 0.99) == 7


def test_it_counts_a_process_born_meanwhile_whole_and_one_that_ended_not_at_all() -> None:
    assert cpu_between({1: 10.0, 2: 5.0}, {1: 11.5, 3: 0.5}) == 2.0


def test_it_counts_by_the_thousand() -> None:
    assert per_thousand(40, 8_000) == 5


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (9.876, "9.88"), (43.21, "43.2"), (123.4, "123"), (98_765, "98,800")],
)
def test_it_rounds_to_three_digits(value: float, text: str) -> None:
    assert rounded(value) == text


def test_it_writes_a_spread_only_where_there_is_one() -> None:
    assert (str(Spread(2, 2, 2)), str(Spread(2, 1, 3))) == ("2.00", f"2.00 (1.00{DASH}3.00)")


@pytest.mark.parametrize(
    ("goal", "median", "verdict"),
    [
        pytest.param(Goal("g", "f", at_least=100), 100, "reached", id="at the lower bound"),
        pytest.param(Goal("g", "f", at_least=100), 99.9, "**not reached**", id="below it"),
        pytest.param(Goal("g", "f", at_most=5), 5, "reached", id="at the upper bound"),
        pytest.param(Goal("g", "f", at_most=5), 5.1, "**not reached**", id="above it"),
        pytest.param(Goal("g", "f", at_most=0), 0, "reached", id="none at all"),
        pytest.param(Goal("g", "other", at_most=5), 1, "not measured", id="no figure"),
    ],
)
def test_it_judges_a_goal_by_the_median(goal: Goal, median: float, verdict: str) -> None:
    assert scoreboard({"f": Spread(median, 0, 1_000)}, [goal]).rows[0][-1] == verdict


def test_it_tells_how_many_goals_were_reached() -> None:
    goals = [Goal("a", "a", at_least=1), Goal("b", "b", at_least=1), Goal("c", "c", at_least=1)]
    assert told({"a": Spread(1, 1, 1), "b": Spread(0, 0, 0)}, goals) == "1 of 2 goals reached, 1 not measured"


def test_it_judges_each_fact_once_and_each_goal_by_one_bound() -> None:
    assert len({goal.fact for goal in GOALS}) == len(GOALS)
    assert all((goal.at_least is None) != (goal.at_most is None) for goal in GOALS)


def test_it_writes_a_table_as_markdown() -> None:
    table = Table("T", ("a", "b"), [("x", "1")], "Note.")
    assert table.markdown() == "## T\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n\nNote."


@pytest.mark.parametrize(
    ("messages", "step", "expected"), [(200_000, 1_000, 40_000), (2_500, 100, 500), (10, 100, 100)]
)
def test_it_scales_runs_in_whole_steps(messages: int, step: int, expected: int) -> None:
    assert Options(scale=0.2).scaled(messages, step) == expected


def test_it_compares_with_jasmin_by_way_of_the_noop_where_jasmin_did_not_run() -> None:
    board = Board({"celery-noop": {0: Run(800, 1.0, 0.96)}, "ingress": {0: Run(185_000, 1.0, 1.85)}})
    facts = board.facts()
    assert facts["ingress/jasmin-by-noop/rate"].median == pytest.approx(100)
    assert facts["ingress/jasmin-by-noop/cpu"].median == pytest.approx(60)
    assert "ingress/jasmin/rate" not in facts
    board.runs["jasmin"] = {0: Run(1_850, 1.0, 1.11)}
    assert board.compared("ingress", "jasmin")["ingress/jasmin/cpu"].median == pytest.approx(60)


MONITORED = (
    (b'+1.0 [0 127.0.0.1:50000] "LLEN" "q"', "our own poll"),
    (b'+1.0 [0 127.0.0.1:50001] "EVALSHA" "abc"', "a claim that finds documents"),
    (b'+1.0 [0 lua] "LLEN" "work"', ""),
    (b'+1.0 [0 lua] "RPOP" "q" "1000"', ""),
    (b'+1.0 [0 lua] "RPUSH" "claim" "x"', ""),
    (b'+1.0 [0 127.0.0.1:50001] "EVALSHA" "abc"', "a claim that is told to wait"),
    (b'+1.0 [0 lua] "LLEN" "work"', ""),
    (b'+1.0 [0 unix:/tmp/redis.sock] "blmove" "q" "q"', "a wait"),
    (b'+1.0 [0 127.0.0.1:50001] "EVALSHA" "abc"', "one that finds nothing, the last of all"),
    (b'+1.0 [0 lua] "RPOP" "q" "1000"', ""),
    (b"+OK", "no command"),
)


def test_it_tells_commands_of_clients_from_those_of_scripts_and_both_from_waiting() -> None:
    commands = Commands()
    for line, _ in MONITORED:
        commands.note(line, own=b"127.0.0.1:50000")
    commands.close()
    assert (commands.by_client.total(), commands.in_all.total()) == (4, 9)
    assert (commands.client_work, commands.all_work) == (1, 4)
    assert commands.in_all["BLMOVE"] == 1


def test_it_sends_documents_that_the_contract_takes() -> None:
    OutgoingMessage.model_validate(message(7))
    CampaignBatch.model_validate(batch(3, 1_000, total=10))
    assert len(message(7)["body"]) == 120


def test_it_sends_to_numbers_that_exist() -> None:
    assert {settled_country(recipient(number)) for number in range(4_000)} == {"AU", "GB", "FR", "US"}


def test_it_writes_task_messages_that_our_intake_opens() -> None:
    tasks = TaskMessages.like(MESSAGE_TASK, "q", message(0))
    first, second = tasks.on_redis(numbered(message, range(2)))
    opened = Opener(results_kept=False).open_kombu_message(second)
    assert isinstance(opened, Document)
    assert json.loads(opened.content) == message(1)
    assert json.loads(first)["headers"]["id"] != json.loads(second)["headers"]["id"]


def test_it_writes_the_same_task_for_both_brokers() -> None:
    tasks = TaskMessages.like(MESSAGE_TASK, "q", message(0))
    on_redis = json.loads(next(tasks.on_redis(numbered(message, [5]))))
    on_amqp = next(tasks.on_amqp(numbered(message, [5])))
    assert base64.b64decode(on_redis["body"]) == on_amqp.body
    assert on_redis["headers"] == on_amqp.properties["application_headers"]


def test_a_chosen_sender_that_dies_is_soon_out() -> None:
    outcome = simulate(Setting(senders=5, days=3, per_minute=10, deaths=1))
    (death,) = outcome.deaths
    assert death.out_after is not None
    assert death.out_after <= MOST_LOST
    assert outcome.by_inventory < outcome.by_trust < outcome.by_oracle


def test_it_compares_the_figures_that_two_revisions_print_round_by_round() -> None:
    columns = ("lane", "a second", "CPU")
    old = [Table("Lanes", columns, [["`one`", "1,000 (900\N{EN DASH}1,100)", "2.00"], ["gone", "1", DASH]]).markdown()]
    old.append(Table("Lanes", columns, [["`one`", "1,000", "4.00"]]).markdown())
    new = Table("Lanes", columns, [["`one`", "1,500", "1.00"], ["fresh", "7", "failed"]]).markdown()
    goals = Table("Goals", ("goal", "measured"), [["faster", "9"]]).markdown()
    assert figures_of(f"# Page\n\n{goals}\n\n{new}") == {
        Cell("Lanes", "`one`", "a second"): 1500,
        Cell("Lanes", "`one`", "CPU"): 1,
        Cell("Lanes", "fresh", "a second"): 7,
    }
    cells = {cell for page in (*old, new) for cell in figures_of(page)}
    held = {
        cell: {
            "old": {number: figures_of(page)[cell] for number, page in enumerate(old) if cell in figures_of(page)},
            "new": {number: figures_of(new)[cell] for number in (0, 1) if cell in figures_of(new)},
        }
        for cell in sorted(cells)
    }
    (table,) = tables(held, "v1")
    assert table.columns == ("what", "v1", "this tree", "this tree ÷ v1")
    assert [list(row) for row in table.rows] == [
        ["`one`: CPU", "3.00 (2.00\N{EN DASH}4.00)", "1.00", "0.375 (0.250\N{EN DASH}0.500)"],
        ["`one`: a second", "1,000", "1,500", "1.50"],
    ]
