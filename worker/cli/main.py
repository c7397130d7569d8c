"""The group that all commands hang on."""

from __future__ import annotations

import click

from worker.cli.accounts import accounts
from worker.cli.campaign.send import campaign
from worker.cli.check import check
from worker.cli.database import database
from worker.cli.defaults.commands import defaults
from worker.cli.dispatch import dispatch
from worker.cli.explain import explain
from worker.cli.inventory import inventory
from worker.cli.parked import parked
from worker.cli.roles.api import api
from worker.cli.roles.celery_programs import flower, scheduler, worker
from worker.cli.roles.demo import demo
from worker.cli.roles.up import up
from worker.cli.rules.commands import rules
from worker.cli.send import send
from worker.cli.senders import senders
from worker.cli.spread import spread


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="smart-assign")
def main() -> None:
    """Give every outgoing SMS the most compliant Sender ID that its account owns."""


main.add_command(accounts)
main.add_command(api)
main.add_command(campaign)
main.add_command(check)
main.add_command(database)
main.add_command(defaults)
main.add_command(demo)
main.add_command(dispatch)
main.add_command(explain)
main.add_command(inventory)
main.add_command(parked)
main.add_command(flower)
main.add_command(rules)
main.add_command(scheduler)
main.add_command(up)
main.add_command(worker)
main.add_command(send)
main.add_command(senders)
main.add_command(spread)
