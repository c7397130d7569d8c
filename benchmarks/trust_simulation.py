"""Trust by receipts in a simulation: `python -m benchmarks.trust_simulation [--write]`.

Senders that only trust tells apart, whose true rates drift; receipts are noisy, come late, and fail in bursts; some senders
die and live again. Beside the choice by measured trust: that by the trust of the inventory, which was right at the
beginning, and the best that there is at every moment. The arithmetic is that of `core.trust.rates`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.figures import DASH
from benchmarks.findings import Table
from benchmarks.process import ROOT
from core.trust.rates import Added, Measure, Rates, State, TrustPolicy, measured, next_look_s, next_state

PAGE = ROOT / "docs" / "trust.md"
BEGIN, END = "<!-- figures: python -m benchmarks.trust_simulation --write -->", "<!-- end of figures -->"

MINUTE_S, HOUR_S, DAY_MINUTES = 60.0, 3600.0, 1440
#: Rate of a sender that is dead, and of one in a burst of failures.
DEAD_RATE, BURST_RATE = 0.02, 0.2
#: Points by which a true rate moves in a day, about.
DRIFT_A_DAY = 0.02
LOWEST, HIGHEST = 0.70, 0.99
#: Share of the messages whose sender somebody names, whatever its trust.
NAMED = 0.1
#: Share of the receipts that come late, and up to when.
LATE, LATE_MINUTES = 0.1, 360
#: How often a burst begins, for each sender and day, and how long it lasts.
BURSTS_A_DAY, BURST_MINUTES = 0.2, 20
#: A choice that comes back to a sender within this time has flapped.
FLAP_MINUTES = 60
#: How long a sender stays dead.
DEAD_MINUTES = 2 * DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated."""

    senders: int = 50
    days: int = 21
    per_minute: int = 20
    deaths: int = 4
    seed: int = 1


@dataclass(slots=True)
class Death:
    """A chosen sender that died: messages that the choice gave it until it was out, and how it came back."""

    sender: int
    at: int
    messages: int = 0
    out_after: int | None = None
    out_minutes: int | None = None
    probes: int = 0
    back_minutes: int | None = None


@dataclass(slots=True)
class Outcome:
    """What came of a run; the rates are shares of the messages that a choice was made for."""

    by_trust: float = 0.0
    by_inventory: float = 0.0
    by_oracle: float = 0.0
    changes: int = 0
    flaps: int = 0
    days: int = 0
    events: int = 0
    deaths: list[Death] = field(default_factory=list)


class World:
    """Senders as they truly are, minute by minute."""

    def __init__(self, setting: Setting) -> None:
        self.random = random.Random(setting.seed)  # no secret
        self.rates = [self.random.uniform(0.80, 0.97) for _ in range(setting.senders)]
        self.inventory = [round(100 * rate + self.random.gauss(0, 3)) for rate in self.rates]
        self.dead_until = [0] * setting.senders
        self._burst_until = [0] * setting.senders

    def turn(self, minute: int) -> None:
        """A minute passes."""
        for sender, rate in enumerate(self.rates):
            moved = rate + self.random.gauss(0, DRIFT_A_DAY / DAY_MINUTES**0.5)
            self.rates[sender] = min(HIGHEST, max(LOWEST, moved))
            if self.random.random() < BURSTS_A_DAY / DAY_MINUTES:
                self._burst_until[sender] = minute + BURST_MINUTES

    def rate(self, sender: int, minute: int) -> float:
        """How likely a message of a sender arrives."""
        if minute < self.dead_until[sender]:
            return DEAD_RATE
        return BURST_RATE if minute < self._burst_until[sender] else self.rates[sender]


class Published:
    """What the receipts come to, published once a minute."""

    def __init__(self, inventory: Sequence[int], policy: TrustPolicy) -> None:
        self._policy, self._inventory = policy, inventory
        self._rates = [Rates(0.0) for _ in inventory]
        self._due: dict[int, float] = {}
        self.states = [State(None, False) for _ in inventory]
        self.turned = 0

    def add(self, sender: int, delivered: int, failed: int, now: float) -> None:
        """Receipts of a minute."""
        added = Added(delivered, failed, 0, 0, 0, delivered + failed, delivered, now)
        self._rates[sender] = self._rates[sender].at_time(now, self._policy).plus(added)
        self._due[sender] = now

    def publish(self, now: float) -> None:
        """Look at what is due."""
        for sender in [each for each, at in self._due.items() if at <= now]:
            before, rates = self.states[sender], self._rates[sender].at_time(now, self._policy)
            measure = self._measure(sender, rates)
            state = self.states[sender] = next_state(measure, before, self._policy)
            if state.unhealthy != before.unhealthy:
                self.turned += 1
                if not state.unhealthy:
                    self._rates[sender] = rates._replace(recent=0.0, recent_good=0.0)
            wait_s = next_look_s(measure, state, self._policy)
            if wait_s is None:
                del self._due[sender]
            else:
                self._due[sender] = now + wait_s

    def _measure(self, sender: int, rates: Rates) -> Measure:
        return measured(rates, [], self._inventory[sender], self._policy)

    def best(self) -> int:
        """The sender that the ranking puts first."""
        return min(range(len(self.states)), key=self._place)

    def _place(self, sender: int) -> tuple[bool, int, int]:
        state = self.states[sender]
        return state.unhealthy, -(self._inventory[sender] if state.trust is None else state.trust), sender


def simulate(setting: Setting, policy: TrustPolicy | None = None) -> Outcome:
    """One run."""
    world = World(setting)
    published = Published(world.inventory, policy or TrustPolicy())
    run = _Run(setting, world, published)
    for minute in range(setting.days * DAY_MINUTES):
        run.turn(minute)
    return run.outcome


class _Run:
    """A run, minute by minute."""

    def __init__(self, setting: Setting, world: World, published: Published) -> None:
        self._setting, self._world, self._published = setting, world, published
        self._fixed = max(range(setting.senders), key=lambda each: (world.inventory[each], -each))
        self._chosen: int | None = None
        self._underway: defaultdict[int, list[tuple[int, bool]]] = defaultdict(list)
        # The first two days are there to be measured by; the deaths begin after them.
        step = (setting.days - 2) * DAY_MINUTES // max(1, setting.deaths)
        self._deaths = {2 * DAY_MINUTES + number * step for number in range(setting.deaths)}
        self.outcome = Outcome(days=setting.days)
        self._counted = 0
        self._left: dict[int, int] = {}

    def turn(self, minute: int) -> None:
        self._world.turn(minute)
        self._receive(minute)
        self._choose(minute)
        self._send(minute)

    def _receive(self, minute: int) -> None:
        sums: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        for sender, delivered in self._underway.pop(minute, ()):
            sums[sender][0 if delivered else 1] += 1
        for sender, (delivered, failed) in sums.items():
            self._published.add(sender, delivered, failed, minute * MINUTE_S)
        self._published.publish(minute * MINUTE_S)

    def _choose(self, minute: int) -> None:
        chosen = self._published.best()
        if self._chosen is not None and chosen != self._chosen:
            self.outcome.changes += 1
            self.outcome.flaps += minute - self._left.get(chosen, -DAY_MINUTES) <= FLAP_MINUTES
            self._left[self._chosen] = minute
        self._chosen = chosen
        if minute in self._deaths:
            self._world.dead_until[chosen] = minute + DEAD_MINUTES
            self.outcome.deaths.append(Death(chosen, minute))
        for death in self.outcome.deaths:
            self._follow(death, minute, chosen)

    def _follow(self, death: Death, minute: int, chosen: int) -> None:
        over = death.at + DEAD_MINUTES
        if death.out_after is None and chosen != death.sender:
            death.out_after, death.out_minutes = death.messages, minute - death.at
        lives = minute >= over and not self._published.states[death.sender].unhealthy
        if death.back_minutes is None and lives:
            death.back_minutes = minute - over

    def _send(self, minute: int) -> None:
        world, chosen, outcome = self._world, self._chosen, self.outcome
        assert chosen is not None
        best = max(world.rate(each, minute) for each in range(self._setting.senders))
        for _ in range(self._setting.per_minute):
            named = world.random.random() < NAMED
            sender = world.random.randrange(self._setting.senders) if named else chosen
            self._deliver(sender, minute)
            if not named:
                self._count(minute, chosen)
        chosen_ones = round(self._setting.per_minute * (1 - NAMED))
        self._counted += chosen_ones
        shares = (world.rate(chosen, minute), world.rate(self._fixed, minute), best)
        weight = chosen_ones / self._counted
        outcome.by_trust += (shares[0] - outcome.by_trust) * weight
        outcome.by_inventory += (shares[1] - outcome.by_inventory) * weight
        outcome.by_oracle += (shares[2] - outcome.by_oracle) * weight
        outcome.events = self._published.turned

    def _deliver(self, sender: int, minute: int) -> None:
        world = self._world
        delivered = world.random.random() < world.rate(sender, minute)
        late = world.random.random() < LATE
        wait = world.random.randint(1, LATE_MINUTES) if late else world.random.randint(1, 3)
        self._underway[minute + wait].append((sender, delivered))

    def _count(self, minute: int, chosen: int) -> None:
        for death in self.outcome.deaths:
            if death.sender != chosen or minute >= death.at + DEAD_MINUTES:
                continue
            if death.out_after is None:
                death.messages += 1
            else:
                death.probes += 1


def tables(outcomes: Sequence[Outcome], setting: Setting) -> list[Table]:
    """The figures of some runs."""
    rows = [
        (
            str(setting.seed + number),
            *(f"{100 * share:.2f}" for share in (each.by_inventory, each.by_trust, each.by_oracle)),
            f"{each.changes / each.days:.2f}",
            str(each.flaps),
        )
        for number, each in enumerate(outcomes)
    ]
    names = (
        "run",
        "by the inventory, %",
        "by measured trust, %",
        "the best at every moment, %",
        "changes of the choice a day",
        "back within an hour",
    )
    delivered = Table("Delivered", names, rows)
    deaths = [
        (
            f"{setting.seed + number}.{place + 1}",
            *map(_shown, (death.out_after, death.out_minutes)),
            str(death.probes),
            DASH if death.back_minutes is None else f"{death.back_minutes / 60:.1f}",
        )
        for number, each in enumerate(outcomes)
        for place, death in enumerate(each.deaths)
    ]
    columns = (
        "death",
        "messages until it is out",
        "minutes",
        "messages that try it meanwhile",
        "hours until it is back",
    )
    return [delivered, Table("The chosen sender dies for two days", columns, deaths)]


def _shown(number: int | None) -> str:
    return DASH if number is None else str(number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: every dead sender was out within 500 messages; 1: one was not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust_simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/trust.md")
    given = parser.parse_args(arguments)
    setting = Setting(seed=given.seed, days=given.days)
    outcomes = [simulate(Setting(seed=given.seed + number, days=given.days)) for number in range(given.runs)]
    text = "\n\n".join(table.markdown() for table in tables(outcomes, setting))
    print(text)
    if given.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    slow = [
        death for each in outcomes for death in each.deaths if death.out_after is None or death.out_after > MOST_LOST
    ]
    return 1 if slow else 0


#: A dead sender is to be out after so many messages.
MOST_LOST = 500

if __name__ == "__main__":
    sys.exit(main())
