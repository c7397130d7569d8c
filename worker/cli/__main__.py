"""`python -m worker.cli`: the same as `smart-assign`."""

from worker.cli import main

main()
