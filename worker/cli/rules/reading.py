"""`smart-assign rules`: read the country rules, and their versions."""

from __future__ import annotations

from collections.abc import Iterable

import click

from core.engine.country_profile import CONTENT_FIELDS, CountryProfile, ProfileFact
from core.engine.country_rules import CountryRule, RuleBook
from core.errors import NotFoundError
from core.moments import rfc3339, second_text
from core.rules.diff import described_fact, described_rule
from core.rules.documents import profile_as_dict, rule_as_dict
from core.rules.store import RuleVersion
from core.sender import SenderType
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import country_option, known_country, sender_type_option
from worker.cli.session import open_session

_COLUMNS = ("country", "type", "from", "rule", "sources", "correction")


@click.command("list")
@country_option
@sender_type_option
@json_option
@command
def list_rules(country: str | None, sender_type: SenderType | None, as_json: bool) -> None:
    """List the rules in force now; of two for the same senders the local correction stands first."""
    with open_session(writes=False) as session:
        book, now = session.store.active_rules(), session.store.clock()
    countries = book.countries() if country is None else (_in_book(book, country),)
    found = [rule for each in countries for rule in book.rules_of(each, now) if sender_type in (None, rule.sender_type)]
    if as_json:
        print_json({"rules_version": book.version, "rules": [rule_as_dict(rule) for rule in found]})
    else:
        _print_rules(f"Rules {book.version}", found)


@click.command("show")
@click.argument("country")
@json_option
@command
def show(country: str, as_json: bool) -> None:
    """Show all rules of a country, past and to come, with what else is known of it."""
    with open_session(writes=False) as session:
        book, now = session.store.active_rules(), session.store.clock()
    code = _in_book(book, country)
    profile, held = book.profile(code, now), book.rules_of(code)
    if as_json:
        facts = {"country": code, "rules_version": book.version, "rules": [rule_as_dict(rule) for rule in held]}
        print_json(facts | {"profile": profile_as_dict(profile)})
        return
    _print_rules(f"{profile.name} ({code}), rules {book.version}", held)
    say(_described(profile))


@click.command("versions")
@json_option
@command
def versions(as_json: bool) -> None:
    """List the versions that the database holds; import the file of a former one to return to it."""
    with open_session(writes=False) as session:
        known = session.store.rule_versions()
    if as_json:
        print_json({"versions": [_version(each) for each in known]})
    else:
        print_table("", ("version", "origin", "imported", "by", "active"), [_version_row(each) for each in known])


def _in_book(book: RuleBook, country: str) -> str:
    code = known_country(country)
    if not book.knows(code):
        raise NotFoundError(f"the rules {book.version} do not speak of {code}")
    return code


def _print_rules(title: str, held: Iterable[CountryRule]) -> None:
    print_table(title, _COLUMNS, [_row(rule) for rule in held])


def _row(rule: CountryRule) -> tuple[object, ...]:
    told = f"{rule.confidence} of {rule.sources_total}" if rule.sources_total else ""
    told = f"{told}, {rule.certainty}" if rule.certainty else told
    return rule.country, rule.sender_type, rule.sender_country, described_rule(rule), told, rule.override_reason


def _described(profile: CountryProfile) -> str:
    unknown = "unknown"
    answers = {True: "yes", False: "no", None: unknown}
    preferred = ", ".join(profile.type_preference) or "the global order"
    words = f" (here also {', '.join(profile.generic_words)})" if profile.generic_words else ""
    return "\n".join(
        (
            f"calling codes: {', '.join(profile.calling_codes) or unknown}",
            f"names: {_form(profile)}; case counts: {answers[profile.alpha_case_sensitive]}",
            f"generic names blocked: {answers[profile.generic_senders_blocked]}{words}",
            f"promotion from names: {_promotion(profile)}",
            _content(profile),
            f"replies to long codes: {answers[profile.two_way_long_code]}; MMS: {answers[profile.mms]}",
            f"preference between types: {preferred}",
            f"sources: {', '.join(profile.sources) or unknown}",
            f"as of: {profile.as_of or unknown}",
            f"notes: {profile.notes or 'none'}",
            *(f"fact: {described_fact(fact)}{_source(fact)}" for fact in profile.facts),
        )
    )


def _content(profile: CountryProfile) -> str:
    said = (getattr(profile, name) or "unknown" for name in CONTENT_FIELDS.values())
    words = ("links in texts", "by a shortener", "telephone numbers")
    return "; ".join(f"{what}: {allowed}" for what, allowed in zip(words, said, strict=True))


def _form(profile: CountryProfile) -> str:
    parts = [f"{profile.alpha_min_length} to {profile.alpha_max_length} characters"]
    if profile.alpha_letters_only:
        parts.append("letters only")
    if profile.alpha_characters is not None:
        others = " ".join("space" if sign == " " else sign for sign in profile.alpha_characters)
        parts.append(f"letters, digits{' and' if others else ' only'} {others}".strip())
    if profile.alpha_needs_letter:
        parts.append("at least one letter")
    if profile.alpha_not_first:
        parts.append(f"not beginning with {profile.alpha_not_first}")
    return ", ".join(parts)


def _promotion(profile: CountryProfile) -> str:
    parts = [profile.promotional_allowed or "unknown"]
    if profile.promotional_affix:
        parts.append(f"marked {profile.promotional_affix}")
    if profile.promotional_window:
        parts.append(profile.promotional_window)
    return ", ".join(parts)


def _source(fact: ProfileFact) -> str:
    told = "; ".join(filter(None, (fact.as_of, fact.notes)))
    sure = f", certainty {fact.certainty}" if fact.certainty else ""
    return f" ({told}{sure})" if told else ""


def _version_row(known: RuleVersion) -> tuple[object, ...]:
    active = "yes" if known.active else ""
    return known.version, known.origin, second_text(known.imported_at), known.imported_by, active


def _version(known: RuleVersion) -> dict[str, object]:
    return {
        "version": known.version,
        "origin": known.origin,
        "imported_at": rfc3339(known.imported_at),
        "imported_by": known.imported_by,
        "active": known.active,
    }
