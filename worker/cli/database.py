"""`smart-assign db`: the schema."""

from __future__ import annotations

import click

from core.storage.schema import newest_version
from worker.addresses import masked
from worker.cli.output import command, json_option, print_json, say
from worker.cli.session import database_version, migrate, open_session


@click.command("upgrade")
@json_option
@command
def upgrade(as_json: bool) -> None:
    """Bring schema and country rules up to date; run it before the programs of a new version.

    Programs that do so at the same time wait for each other. Rules that an operator imported stay.
    """
    with open_session(ready=False) as session:
        before = database_version(session.store)
        migrate(session.store)
        rules = session.store.ensure_rules()
    url = masked(session.settings.database_url or str(session.store.engine.url))
    if as_json:
        print_json({"database": url, "from": before, "to": newest_version(), "rules_version": rules})
    else:
        words = "is up to date" if before == newest_version() else f"went from {before or 'empty'}"
        say(f"{url} {words} (version {newest_version()}, rules {rules})")
