"""Ask of every locked package whether a vulnerability of it is known: `make audit`, which gives this pip-audit.

Exit code 1 where one is known. Where the database cannot be asked, this says so, and for how many packages; what is
installed is verified by the hashes of the locks all the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.lock import LOCKS, ROOT

#: Seconds that the database may take for all packages of a lock.
PATIENCE_S = 300


def asked(pip_audit: str, lock: str) -> Sequence[Mapping[str, Any]] | None:
    """What is known of each package of a lock; None: the database cannot be asked."""
    command = [pip_audit, "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(  # noqa: S603  # our own words
            [*command, "--requirement", str(ROOT / lock)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        found: Sequence[Mapping[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return None
    return found


def told(lock: str, packages: Sequence[Mapping[str, Any]] | None) -> tuple[list[str], bool]:
    """What to say of a lock, and whether something is known against it."""
    if packages is None:
        return [f"{lock}: the database of vulnerabilities cannot be reached, so nothing was audited."], False
    lines = [
        f"{lock}: {package['name']} {package['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'none'}"
        for package in packages
        for known in package.get("vulns", ())
    ]
    unknown = sum("skip_reason" in package for package in packages)
    if unknown:
        words = "the database of vulnerabilities knows nothing of them, or cannot be reached"
        lines.append(f"{lock}: {unknown} of {len(packages)} packages could not be audited: {words}.")
    if len(lines) == bool(unknown) and unknown < len(packages):
        lines.append(f"{lock}: nothing is known against the {len(packages) - unknown} packages that were audited.")
    return lines, any(package.get("vulns") for package in packages)


def main() -> None:
    """Audit every lock."""
    [pip_audit] = sys.argv[1:]
    answers = [told(lock, asked(pip_audit, lock)) for lock in LOCKS]
    for lines, _ in answers:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(any(vulnerable for _, vulnerable in answers))


if __name__ == "__main__":
    main()
