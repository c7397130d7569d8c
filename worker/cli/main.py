"""The group that all commands hang on."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="smart-assign")
def main() -> None:
    """Give every outgoing SMS the most compliant Sender ID that its account owns."""
