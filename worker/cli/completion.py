"""`smart-assign completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from worker.cli.output import command, json_option, print_json

PROGRAM, VARIABLE = "smart-assign", "_SMART_ASSIGN_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@command
def completion(shell: str, as_json: bool) -> None:
    """Print a script that completes commands and options in a shell: `source <(smart-assign completion bash)`."""
    completer = get_completion_class(shell)
    assert completer is not None, shell
    script = completer(click.Command(PROGRAM), {}, PROGRAM, VARIABLE).source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
