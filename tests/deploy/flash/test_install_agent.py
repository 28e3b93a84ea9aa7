"""The step from one set of wheels to the next, as root, in a copy of /opt and /etc."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploy.flash.boot_files import AGENT_SCRIPT, script_text

NEW = "b" * 64
RUN = """
set -eu
mount -t tmpfs tmpfs {work}
mkdir {work}/upper {work}/work
mount -t overlay overlay -o lowerdir=/etc,upperdir={work}/upper,workdir={work}/work /etc
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /var/lib
mkdir /opt/lineside-aaaaaaaaaaaa /opt/lineside-bbbbbbbbbbbb /opt/lineside-cccccccccccc
echo {new} >/opt/lineside-bbbbbbbbbbbb/wheels.sha256
{before}
here={here}
. {here}/install-agent.sh
readlink /opt/lineside
ls -A /opt /opt/lineside/ | sort
"""


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (
            "ln -s lineside-aaaaaaaaaaaa /opt/lineside; ln -s /opt/lineside-a /opt/lineside.new",
            "lineside-aaaaaaaaaaaa",
        ),
        (
            "ln -s lineside-aaaaaaaaaaaa /opt/lineside; "
            "ln -s /opt/lineside-cccccccccccc /opt/lineside.new",
            "lineside-aaaaaaaaaaaa",
        ),
        ("mkdir /opt/lineside; touch /opt/lineside/by-hand", "lineside-before"),
        ("mkdir /opt/lineside /opt/lineside.new /opt/lineside-before", "lineside-before"),
    ],
    ids=["dead-link-left", "link-left", "folder", "folder-and-exchange-cut"],
)
def test_the_link_leads_to_the_new_set_whatever_was_left(
    before: str, kept: str, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: the script needs root")
    here, work = tmp_path / "here", tmp_path / "work"
    (here / "wheels").mkdir(parents=True)
    work.mkdir()
    (here / "wheels/wheels.sha256").write_text(NEW)
    (here / AGENT_SCRIPT).write_bytes(script_text(AGENT_SCRIPT))
    script = RUN.format(work=work, here=here, new=NEW, before=before)
    words = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    if "overlay" in done.stderr:
        pytest.skip(f"NOT TESTED: no overlay here: {done.stderr[-300:]}")
    place, *found = done.stdout.split()
    assert place == "/opt/lineside-bbbbbbbbbbbb", done.stderr
    listed = {"/opt:", "/opt/lineside/:", "lineside", "wheels.sha256", "lineside-bbbbbbbbbbbb"}
    assert set(found) == listed | {kept}
