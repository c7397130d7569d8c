"""`python -m worker.cli`: the same as `smart-assign`."""

from worker.cli.main import main

main(prog_name="smart-assign")
