"""`lineside-deploy`: the verbs of every file in deploy/cli/."""

from __future__ import annotations

import sys

from edge_agent.contracts.core.command import Program

EPILOG = """examples:
  lineside-deploy keys init keys
  lineside-deploy release caps-1.0.0.bundle
  lineside-deploy push caps-1.0.0.bundle --to station --trust keys/root.json
  lineside-deploy push caps-1.1.0.bundle --to pi@line3:/var/lib/lineside
  lineside-deploy status pi@line3:/var/lib/lineside
  lineside-deploy rollback pi@line3:/var/lib/lineside caps
  lineside-deploy flash pios-lite.img.xz /dev/sdb --dry-run
  lineside-deploy collect --host broker --db history.db
  lineside-deploy watch --db history.db

exit codes: 0 ok, 1 failed, 2 misuse, 3 a station is not armed, 4 host not reached, or a disk that
must not be written
"""

PROGRAM = Program(
    name="lineside-deploy",
    package="deploy.cli",
    description="Release bundles, install them on stations, flash cards, collect verdicts.",
    epilog=EPILOG,
)
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
