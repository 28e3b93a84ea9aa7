"""Power is cut in the first boot, after any command: the next one ends where it would have.

The scripts run as root in a copy of this system (overlay, chroot). Bash counts their commands and
kills all of them at once; the boot that follows starts what systemd would: the script of the boot
partition while the kernel's command line names it, or the unit.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from deploy.flash.boot_files import Contents, hook_files, station_files
from tests.deploy.flash.stations import make_board

PREPARE = """
set -e
mount -t tmpfs tmpfs {work}
mkdir {work}/lower
mkdir -p {work}/lower/boot {work}/lower/etc/NetworkManager {work}/lower/cut
cp -R {cut}/. {work}/lower/cut/
cp -R {card}/. {work}/lower/boot/
"""
FRESH = """
mkdir -p {work}/{n}/upper {work}/{n}/work {work}/{n}/root
mount -t overlay overlay \
    -o lowerdir={work}/lower:/,upperdir={work}/{n}/upper,workdir={work}/{n}/work {work}/{n}/root
mount -t devtmpfs none {work}/{n}/root/dev 2>/dev/null || mount --rbind /dev {work}/{n}/root/dev
mount -t tmpfs tmpfs {work}/{n}/root/run
"""
BOOT = "echo {left} >{work}/{n}/root/cut/left; setsid -w chroot {work}/{n}/root /cut/boot || true\n"
SAVE = "cp -a {work}/{n}/upper {out}/{n}\numount -R {work}/{n}/root; rm -rf {work}/{n}\n"

SHELL = '#!/bin/bash\nexport BASH_ENV=/cut/count\nexec /bin/bash "$@"\n'
COUNT = """\
set -T
trap 'read -r left </cut/left; echo $((left - 1)) >/cut/left; [ "$left" != 0 ] || kill -9 0' DEBUG
"""
ON = """\
#!/bin/sh
export PATH=/cut/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
unit=/etc/systemd/system/multi-user.target.wants/lineside-first-boot.service
if grep -q systemd.run /boot/cmdline.txt; then
    exec sh /boot/firstrun.sh
elif [ -e "$unit" ]; then
    exec $(sed -n 's|^ExecStart=/bin/||p' "$unit")
fi
"""
ENOUGH = 100_000
PASSED_OVER = ("var/log/", "var/cache/", "cut/", "root/.")


def _card(folder: Path) -> Path:
    contents = Contents(make_board(folder), folder, folder / "station.toml")
    found = {
        **station_files(contents),
        **hook_files("systemd", "press3", b"console=tty1 rootwait"),
        "lineside/bundles/caps-1.0.0.bundle": b"no bundle",
    }
    for name, content in found.items():
        path = folder / "card" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    return folder / "card"


def _cut_folder(folder: Path) -> Path:
    cut = folder / "cut"
    (cut / "bin").mkdir(parents=True)
    for name, text in (("bin/sh", SHELL), ("count", COUNT), ("boot", ON)):
        (cut / name).write_text(text)
        (cut / name).chmod(0o755)
    return cut


def _run(folder: Path, cuts: range | list[int]) -> dict[int, Path]:
    """What each system changed in /: number 0 was never cut, n before its n-th command."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: the first boot's scripts need root")
    work, out = folder / "work", folder / "out"
    for path in (work, out):
        path.mkdir()
    place = {"work": work, "out": out, "card": _card(folder), "cut": _cut_folder(folder)}
    script = PREPARE.format(**place)
    for n in (0, *cuts):
        boots = [ENOUGH] if n == 0 else [n - 1, ENOUGH]
        script += FRESH.format(n=n, **place)
        script += "".join(BOOT.format(left=left, n=n, **place) for left in boots)
        script += SAVE.format(n=n, **place)
    (folder / "run.sh").write_text(script)
    words = ["unshare", "--mount", "sh", str(folder / "run.sh")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: no overlay of / here: {done.stderr[-300:]}")
    return {n: out / str(n) for n in (0, *cuts)}


def _content(system: Path) -> dict[str, str]:
    """Path -> mode, owner and hash of every file, without logs, backups and counters."""
    found = {}
    for path in sorted(system.rglob("*")):
        name = str(path.relative_to(system))
        if name.startswith(PASSED_OVER) or name.endswith("-") or path.is_dir():
            continue
        state = path.lstat()
        content = str(path.readlink()).encode() if path.is_symlink() else b""
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:8]
        found[name] = f"{state.st_mode:o} {state.st_uid}:{state.st_gid} {digest}"
    return found


def _commands(system: Path) -> int:
    """How many commands the first boot that was not cut has run."""
    return ENOUGH - int((system / "cut/left").read_text())


def _refuse_differences(systems: dict[int, Path]) -> None:
    whole = _content(systems[0])
    assert "var/lib/lineside/station.toml" in whole
    for n, system in systems.items():
        assert _content(system) == whole, f"cut before command {n}"


def test_a_first_boot_goes_on_after_a_power_cut(tmp_path: Path) -> None:
    systems = _run(tmp_path, [20, 75])
    assert _commands(systems[0]) > 100
    _refuse_differences(systems)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_first_boot_goes_on_wherever_power_is_cut(tmp_path: Path) -> None:
    for name in ("one", "all"):
        (tmp_path / name).mkdir()
    commands = _commands(_run(tmp_path / "one", [])[0])
    _refuse_differences(_run(tmp_path / "all", range(1, commands + 1)))
