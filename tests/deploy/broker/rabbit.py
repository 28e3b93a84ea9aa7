"""RabbitMQ 4 of Debian 13 in a folder of its own, whatever Debian this is.

Needs root and mmdebstrap. The folder is made once (two minutes, 180 MB) and kept below
~/.cache/lineside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path.home() / ".cache" / "lineside" / "rabbitmq4"
PACKAGES = "rabbitmq-server,erlang-base,bash,coreutils,libc-bin,sed,grep"
SUITE = "trixie"
START_S = 90.0
ENTER = """
mount --bind /dev {tree}/dev && mount -t proc proc {tree}/proc && mount --bind {place} {tree}/rb &&
exec chroot {tree} /usr/bin/env -i HOME=/rb/home PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
 RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT={amqp} \
 RABBITMQ_DIST_PORT={dist} RABBITMQ_MNESIA_BASE=/rb/data RABBITMQ_LOG_BASE=/rb/log \
 RABBITMQ_ENABLED_PLUGINS_FILE=/rb/enabled_plugins RABBITMQ_CONFIG_FILE=/rb/rabbitmq.conf \
 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1 +sbwt none' \
 /bin/bash /usr/lib/rabbitmq/bin/rabbitmq-server
"""


def tree() -> Path:
    """The folder; skips the test, loudly, where it cannot be made."""
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        pytest.skip("needs root and mmdebstrap (apt install mmdebstrap)")
    if not (TREE / "complete").is_file():
        shutil.rmtree(TREE, ignore_errors=True)
        TREE.parent.mkdir(parents=True, exist_ok=True)
        words = ["mmdebstrap", "--mode=root", "--variant=extract", f"--include={PACKAGES}"]
        done = subprocess.run(
            [*words, SUITE, str(TREE)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"Debian 13 is not reachable: {done.stderr[-200:]}")
        (TREE / "complete").touch()
    for name in ("proc", "dev", "rb"):
        (TREE / name).mkdir(exist_ok=True)
    if not (TREE / "usr" / "bin" / "sh").exists():
        (TREE / "usr" / "bin" / "sh").symlink_to("bash")
    (TREE / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    (TREE / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/bash\nrabbitmq:x:101:101::/var/lib/rabbitmq:/bin/sh\n"
    )
    return TREE


@contextlib.contextmanager
def running(place: Path, amqp: int, dist: int) -> Iterator[None]:
    """A node with the configuration of `place`, which it sees as /rb; it ends with the block."""
    (place / "home").mkdir(exist_ok=True)
    script = ENTER.format(tree=tree(), place=place, amqp=amqp, dist=dist)
    # A mount and a process namespace of its own: mounts and Erlang's port mapper end with it.
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    out = place / "out.log"
    with out.open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            until = time.monotonic() + START_S
            while b"completed with" not in out.read_bytes():
                if process.poll() is not None or time.monotonic() > until:
                    raise TimeoutError(out.read_text(errors="replace")[-2000:])
                time.sleep(0.3)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
