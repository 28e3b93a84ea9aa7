"""What of the tree is written to lies on the partition of the state."""

from __future__ import annotations

from pathlib import Path

from deploy.image.tree import split_state


def test_var_home_and_root_move_to_the_state_and_leave_mount_points(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name in ("var/lib/dpkg", "home", "root", "etc"):
        (root / name).mkdir(parents=True)
    (root / "root").chmod(0o700)
    (root / "var/lib/dpkg/status").write_text("Package: x\n")
    state = split_state(root, tmp_path / "state")
    assert (state / "var/lib/dpkg/status").read_text() == "Package: x\n"
    assert (state / "root").stat().st_mode & 0o777 == 0o700
    assert all(list((root / name).iterdir()) == [] for name in ("var", "home", "root"))
    assert (root / "etc").is_dir()
    assert all((state / "overlay" / name / "work").is_dir() for name in ("etc", "opt"))
