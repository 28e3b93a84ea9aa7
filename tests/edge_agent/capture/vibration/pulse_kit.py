"""A sound server with a tone of 440 Hz as its input, for ALSA's own program to record."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLUGIN = Path("/usr/lib/x86_64-linux-gnu/alsa-lib/libasound_module_pcm_pulse.so")
CONFIG = """
pcm.tone {{ type pulse server "unix:{socket}" device "wire.monitor" }}
ctl.tone {{ type pulse server "unix:{socket}" }}
"""


def missing_sound() -> str:
    """Why there is no sound here, or nothing."""
    for program in ("arecord", "pulseaudio"):
        if shutil.which(program) is None:
            return f"no {program}: apt install alsa-utils pulseaudio libasound2-plugins"
    return "" if PLUGIN.exists() else "no ALSA plugin: apt install libasound2-plugins"


@contextmanager
def tone(room: Path) -> Iterator[subprocess.Popen[bytes]]:
    """PCM `tone` of ALSA, while ALSA_CONFIG_PATH is what this sets."""
    room.mkdir(exist_ok=True)
    socket = room / "pulse.socket"
    extra = room / "asound.conf"
    extra.write_text("</usr/share/alsa/alsa.conf>\n" + CONFIG.format(socket=socket))
    before = os.environ.get("ALSA_CONFIG_PATH")
    os.environ["ALSA_CONFIG_PATH"] = str(extra)
    process = start(room)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        if before is None:
            del os.environ["ALSA_CONFIG_PATH"]
        else:
            os.environ["ALSA_CONFIG_PATH"] = before


def start(room: Path) -> subprocess.Popen[bytes]:
    """The sound server of that folder."""
    socket = room / "pulse.socket"
    socket.unlink(missing_ok=True)
    words = [
        "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
        "--disable-shm=yes", "--realtime=no", "--high-priority=no",
        "-L", "module-null-sink sink_name=wire rate=48000 channels=1",
        "-L", "module-sine sink=wire frequency=440",
        "-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
    ]  # fmt: skip
    env = os.environ | {"HOME": str(room), "XDG_RUNTIME_DIR": str(room)}
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 15
    while not socket.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return process
