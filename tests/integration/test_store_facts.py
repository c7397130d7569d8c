"""Facts for decisions, on both databases."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import fakeredis
import pytest
from sqlalchemy import CompoundSelect, event, insert, text

from core.accounts.accounts import Accounts
from core.accounts.facts_query import FACTS
from core.accounts.senders import Senders
from core.cache.decisions import DecisionCache
from core.cache.epochs import RedisEpochs
from core.engine.decision import AccountProblem, DefaultSender, Facts, Policy, Request, SenderRef
from core.errors import ParkReason
from core.sender import (
    Evidence,
    Product,
    Registration,
    RegistrationStatus,
    Sender,
    SenderStatus,
    SenderType,
    TrafficClass,
)
from core.storage.scopes import account_scope
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS, SENDERS, STRATEGIES
from core.store import Store
from tests.support.store_fixtures import NOW, counted_statements, filled_schema

AU = Registration("AU", RegistrationStatus.APPROVED, NOW - timedelta(days=1), NOW + timedelta(days=1))
SG = Registration("SG", RegistrationStatus.PENDING)

OWN = Sender("acme", "+61491570156", SenderType.LONGCODE, "AU", purchased_at=NOW)
NAME = Sender("acme", "ACME", SenderType.ALPHA_TAG, registrations=(AU, SG))
SUBS = Sender("acme-shop", "+61491570157", SenderType.LONGCODE, "AU", trust=70)
STRICT = Sender("acme-strict", "+61491570158", SenderType.LONGCODE, "AU")
POOL = Sender(None, None, SenderType.SHARED_LONGCODE)
FOREIGN = Sender("other", "+61491570159", SenderType.LONGCODE, "AU")


@pytest.fixture
def store(tables_url: str) -> Iterator[Store]:
    """Account acme with sub-accounts acme-shop (borrows) and acme-strict (does not), account other, one pool sender."""
    with filled_schema(tables_url) as engine:
        store = Store(engine, clock=lambda: NOW)
        accounts, senders = Accounts(store), Senders(store)
        accounts.add("acme")
        accounts.add("acme-shop", parent="acme")
        accounts.add("acme-strict", parent="acme", may_borrow=False)
        accounts.add("other")
        for sender in (OWN, NAME, SUBS, STRICT, POOL, FOREIGN):
            senders.add(sender)
        yield store


def set_default(store: Store, account_id: str, *sender_ids: str, country: str = "AU", status: str = "ENABLED") -> None:
    account = Accounts(store).get(account_id)
    default_id = uuid4()
    default = {
        "id": default_id,
        "account_ref": account.user_id,
        "country": country,
        "product": "SMS",
        "status": status,
        "origin": "manual",
        "created_timestamp": NOW,
        "updated_timestamp": NOW,
    }
    rows = [
        {
            "default_ref": default_id,
            "position": position,
            "sender_type": "longcode",
            "sender_id": sender_id,
            "sender_country_code": "AU",
            "status": "DISABLED" if sender_id == "off" else "ENABLED",
        }
        for position, sender_id in enumerate(sender_ids)
    ]
    with store.writing() as write:
        write.connection.execute(insert(DEFAULT_SENDERS).values(default))
        write.connection.execute(insert(STRATEGIES), rows)


def facts_of(store: Store, *names: str | None, country: str = "AU") -> Facts:
    account_id, subaccount_id = (*names, None)[:2]
    assert account_id is not None
    request = Request(account_id, subaccount_id, country)
    facts = store.load_facts([request])[request]
    assert isinstance(facts, Facts)
    return facts


def ids(facts: Facts) -> set[str | None]:
    return {sender.sender_id for sender in facts.senders}


@pytest.mark.parametrize(
    ("names", "senders", "borrowed"),
    [
        pytest.param(("acme",), {OWN, NAME, POOL}, set(), id="an account: its own and the pool"),
        pytest.param(("acme", "acme-shop"), {SUBS, OWN, NAME, POOL}, {"acme"}, id="a sub-account borrows"),
        pytest.param(("acme", "acme-strict"), {STRICT, POOL}, set(), id="a sub-account that may not borrow"),
        pytest.param(("acme-shop",), {SUBS, OWN, NAME, POOL}, {"acme"}, id="a sub-account in the account's place"),
        pytest.param(("other",), {FOREIGN, POOL}, set(), id="another account"),
    ],
)
def test_it_loads_the_senders_that_may_be_used(
    store: Store, names: tuple[str, ...], senders: set[Sender], borrowed: set[str]
) -> None:
    facts = facts_of(store, *names)
    assert ids(facts) == {sender.sender_id for sender in senders}
    assert facts.borrowed_from == borrowed


def test_it_gives_senders_back_as_they_were_added(store: Store) -> None:
    full = Sender(
        account_id="acme",
        sender_id="12345",
        sender_type=SenderType.SHORTCODE,
        country="AU",
        status=SenderStatus.SUSPENDED,
        purchased_at=NOW,
        activated_at=NOW + timedelta(hours=1),
        expires_at=NOW + timedelta(days=400),
        trust=0,
        two_way=False,
        mms=True,
        messages_per_second=2.5,
        traffic_classes=frozenset({TrafficClass.OTP, TrafficClass.TRANSACTIONAL}),
        registrations=(AU,),
    )
    Senders(store).add(full)
    assert full in facts_of(store, "acme").senders


def test_it_loads_only_the_registrations_of_the_country_asked(store: Store) -> None:
    in_au, in_sg = Request("acme", None, "AU"), Request("acme", None, "SG")
    together = store.load_facts([in_au, in_sg])
    for request, expected in ((in_au, (AU,)), (in_sg, (SG,))):
        facts = together[request]
        assert isinstance(facts, Facts)
        assert facts == store.load_facts([request])[request]
        assert next(sender for sender in facts.senders if sender.sender_id == "ACME").registrations == expected


def test_it_puts_the_nearer_default_first_and_strategies_in_order(store: Store) -> None:
    set_default(store, "acme", "+61491570156")
    set_default(store, "acme-shop", "first", "off", "second")
    set_default(store, "acme-shop", "elsewhere", country="NZ")
    of_the_account = DefaultSender("acme", "AU", Product.SMS, (SenderRef("+61491570156", SenderType.LONGCODE, "AU"),))
    refs = tuple(SenderRef(name, SenderType.LONGCODE, "AU") for name in ("first", "second"))
    of_the_subaccount = DefaultSender("acme-shop", "AU", Product.SMS, refs)
    assert facts_of(store, "acme").defaults == (of_the_account,)
    assert facts_of(store, "acme", "acme-shop").defaults == (of_the_subaccount, of_the_account)
    assert facts_of(store, "acme-shop").defaults == (of_the_subaccount, of_the_account)
    mms = Request("acme", None, "AU", Product.MMS)
    assert store.load_facts([mms])[mms].defaults == ()  # type: ignore[union-attr]


def test_it_leaves_out_disabled_defaults(store: Store) -> None:
    set_default(store, "acme", "+61491570156", status="DISABLED")
    assert facts_of(store, "acme").defaults == ()


@pytest.mark.parametrize(
    ("account_id", "subaccount_id", "field"),
    [
        pytest.param("nobody", None, "account_id", id="no such account"),
        pytest.param("nobody", "acme-shop", "account_id", id="no such account above a sub-account"),
        pytest.param("acme", "nobody", "subaccount_id", id="no such sub-account"),
        pytest.param("other", "acme-shop", "subaccount_id", id="sub-account of another account"),
        pytest.param("acme", "acme", "subaccount_id", id="an account is not its own sub-account"),
        pytest.param("acme", "other", "subaccount_id", id="an account as sub-account"),
        pytest.param("a\x00b", None, "account_id", id="NUL, which PostgreSQL cannot bind"),
        pytest.param("a\ud800b", None, "account_id", id="lone surrogate, which UTF-8 cannot write"),
        pytest.param("acme", "'; DROP TABLE accounts; --", "subaccount_id", id="SQL"),
    ],
)
def test_it_says_which_account_is_unknown(store: Store, account_id: str, subaccount_id: str | None, field: str) -> None:
    request = Request(account_id, subaccount_id, "AU")
    problem = store.load_facts([request])[request]
    assert isinstance(problem, AccountProblem)
    assert (problem.reason, problem.field) == (ParkReason.UNKNOWN_ACCOUNT, field)


@pytest.mark.parametrize(
    ("suspended", "names", "field"),
    [
        pytest.param("acme", ("acme", None), "account_id", id="the account"),
        pytest.param("acme", ("acme", "acme-shop"), "account_id", id="the account above"),
        pytest.param("acme-shop", ("acme", "acme-shop"), "subaccount_id", id="the sub-account"),
        pytest.param("acme", ("acme-shop", None), "account_id", id="the account above one in the account's place"),
    ],
)
def test_it_says_which_account_is_suspended(
    store: Store, suspended: str, names: tuple[str, str | None], field: str
) -> None:
    Accounts(store).suspend(suspended)
    request = Request(*names, "AU")
    problem = store.load_facts([request])[request]
    assert problem == AccountProblem(ParkReason.ACCOUNT_SUSPENDED, field, f"account {suspended!r} is suspended")
    Accounts(store).resume(suspended)
    assert isinstance(store.load_facts([request])[request], Facts)


def test_it_asks_once_however_many_requests_there_are(store: Store) -> None:
    requests = [Request(f"nobody-{n}", None, "AU") for n in range(200)]
    requests += [Request("acme", sub, country) for sub in (None, "acme-shop") for country in ("AU", "NZ", "SG")]
    with counted_statements(store.engine) as statements:
        found = store.load_facts(requests)
    assert list(found) == requests
    assert len(statements) == 1


def test_it_decides_a_cold_batch_in_two_statements(store: Store) -> None:
    with counted_statements(store.engine) as statements:
        store.load_facts([Request("acme", None, country) for country in ("AU", "NZ", "US")])
        store.save_decisions({f"dec_{n}": b'{"account_id": "acme"}' for n in range(300)}, NOW)
    assert len(statements) == 2


def test_it_decides_alone_in_two_statements_and_three_where_redis_has_forgotten_the_epoch(store: Store) -> None:
    store.ensure_rules()
    client = fakeredis.FakeRedis()
    cache = DecisionCache(store, client, Policy(), prefix="sa", size=10)
    cache.verdicts([Request("other", None, "AU")], NOW)
    RedisEpochs(client, "sa").publish({account_scope("acme-shop"): 1})
    counts = []
    for account_id in ("acme", "acme-shop"):
        with counted_statements(store.engine) as statements:
            cache.verdicts([Request(account_id, None, "AU")], NOW)
        counts.append(len(statements))
    assert counts == [3, 2]


def test_it_raises_the_epoch_of_an_account_and_its_sub_accounts(store: Store) -> None:
    scopes = [account_scope(name) for name in ("acme", "acme-shop", "acme-strict", "other")] + ["platform"]
    before = store.epochs(scopes)
    Senders(store).add(Sender("acme", "Shop2", SenderType.ALPHA_TAG))
    after = store.epochs(scopes)
    assert [after[scope] - before[scope] for scope in scopes] == [1, 1, 1, 0, 0]
    Senders(store).set_status(None, None, SenderStatus.SUSPENDED, SenderType.SHARED_LONGCODE)
    assert store.epochs(["platform"])["platform"] == before["platform"] + 1


def test_it_reads_a_hundred_thousand_accounts_by_index(database_url: str) -> None:
    with filled_schema(database_url) as engine:
        store = Store(engine)
        with store.writing() as write:
            accounts = [
                {"account_id": f"a{n}", "may_borrow": True, "status": "active", "created_at": NOW} for n in range(2000)
            ]
            write.connection.execute(insert(ACCOUNTS), accounts)
            senders = [
                {
                    "identity": f"{n % 2000 + 1}/longcode/{n}",
                    "account_ref": n % 2000 + 1,
                    "sender_id": str(n),
                    "sender_type": "longcode",
                    "status": "active",
                    "trust": 50,
                    "two_way": True,
                    "mms": False,
                }
                for n in range(20_000)
            ]
            write.connection.execute(insert(SENDERS), senders)
        dialect = engine.dialect.name
        asked = {"account_ids": ["a1", "a2"], "countries": ["AU"], "requesters": ["a1", "a2"]}
        plan = explained(store, FACTS[dialect], asked)
        for table in ("accounts", "senders"):
            assert f"seq scan on {table}" not in plan
            assert f"scan {table}\n" not in plan


def explained(store: Store, query: CompoundSelect[*tuple[Any, ...]], asked: dict[str, Any]) -> str:
    words = "EXPLAIN" if store.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        sent.append((statement, parameters))

    with store.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
        event.listen(connection, "before_cursor_execute", note)
        connection.execute(query, asked).all()
        cursor = connection.connection.cursor()
        cursor.execute(f"{words} {sent[0][0]}", sent[0][1])
        return "\n".join(str(row[-1]) for row in cursor.fetchall()).lower() + "\n"


class Receipts:
    """What is published, by owner and country; counts the questions."""

    def __init__(self, known: dict[tuple[str | None, str], dict[str, Evidence]] | None) -> None:
        self.known, self.asked = known, list[set[tuple[str | None, str]]]()

    def find(
        self, wanted: Collection[tuple[str | None, str]]
    ) -> dict[tuple[str | None, str], dict[str, Evidence]] | None:
        self.asked.append(set(wanted))
        return self.known


def test_it_gives_each_sender_what_is_published_of_it_in_the_recipients_country(store: Store) -> None:
    good, poor = (Evidence(trust, False, 1.0 * trust, 300, "days", NOW) for trust in (95, 40))
    published = {"longcode/61491570156": good}
    store.evidence = Receipts({("acme", "AU"): published, (None, "AU"): {"shared_longcode/": poor}})
    requests = [Request("acme", None, "AU"), Request("acme", None, "SG"), Request("other", None, "AU")]
    found = store.load_facts(requests)
    known = [[sender.evidence for sender in facts.senders] for facts in found.values() if isinstance(facts, Facts)]
    assert known == [[good, None, poor], [None, None, None], [None, poor]]
    assert store.evidence.asked == [{("acme", "AU"), (None, "AU"), ("acme", "SG"), (None, "SG"), ("other", "AU")}]


def test_it_says_that_what_is_published_could_not_be_read(store: Store) -> None:
    store.evidence = Receipts(None)
    request = Request("acme", None, "AU")
    facts = store.load_facts([request])[request]
    assert isinstance(facts, Facts)
    assert facts.evidence_away
    assert {sender.evidence for sender in facts.senders} == {None}
