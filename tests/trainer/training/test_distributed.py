"""Two machines, played by two processes on the loopback, train one network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge_agent.contracts.core.errors import ConfigError
from trainer.run_folder.run import open_fitted_run
from trainer.training.checkpoints import CheckpointFiles
from trainer.training.distributed import Cluster, join_cluster
from trainer.training.gradient_exchange import EpochPlan, SharedTraining

MACHINE = """
import sys
import numpy as np
import trainer.workflow.experiment
from trainer.__main__ import main

fit = trainer.workflow.experiment.run_experiment

def kept(*given):
    experiment = fit(*given)
    np.savez(sys.argv[1], *experiment.fitted.model.get_weights())
    return experiment

trainer.workflow.experiment.run_experiment = kept
sys.exit(main(sys.argv[2:]))
"""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def machines(folder: Path, commands: list[list[str]]) -> list[subprocess.CompletedProcess[str]]:
    """Run one command on each machine of a cluster, and wait for all."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(len(commands))]
    running = []
    for index, words in enumerate(commands):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", MACHINE, str(folder / f"weights{index}.npz"), *words],
                env={**os.environ, "TF_CONFIG": json.dumps(task)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        said = [one.communicate(timeout=100) for one in running]
    finally:
        for one in running:
            one.kill()
    return [
        subprocess.CompletedProcess(one.args, one.returncode, *texts)
        for one, texts in zip(running, said, strict=True)
    ]


def weights(path: Path) -> list[np.ndarray]:
    with np.load(path) as content:
        return [content[name] for name in content.files]


@pytest.mark.slow
def test_two_machines_end_with_one_network_and_one_run(plates: Path, tmp_path: Path) -> None:
    config = tmp_path / "fit.toml"
    config.write_text("batch = 8\nepochs = 6\nmodel = 'cnn'\n[image]\nsize_px = 32\n")
    command = ["fit", str(plates), "--weights", "none", "--config", str(config), "--out"]
    first, second = machines(
        tmp_path, [[*command, str(tmp_path / name)] for name in ("chief", "other")]
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.strip() == str(tmp_path / "chief")
    assert second.stdout == ""
    assert "machine 2 of 2: the chief writes the run" in second.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "chief",
        "fit.toml",
        "weights0.npz",
        "weights1.npz",
    }
    mine, others = weights(tmp_path / "weights0.npz"), weights(tmp_path / "weights1.npz")
    for one, other in zip(mine, others, strict=True):
        np.testing.assert_array_equal(one, other)
    history = open_fitted_run(tmp_path / "chief").history()
    assert 3 <= len(history["loss"]) <= 6
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not understood"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "Index",
        ),
        ('{"cluster": {"ps": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}', "only chief"),
    ],
    ids=["no JSON", "no such machine", "parameter servers"],
)
def test_a_strange_tf_config_is_refused(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=said):
        join_cluster()


def test_one_machine_alone_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(alone))
    assert join_cluster() is None


def test_a_training_goes_on_from_what_the_chief_kept(tmp_path: Path) -> None:
    whole = learnt(CheckpointFiles(), epochs=4)
    place = CheckpointFiles(tmp_path / "training-1.npz")
    learnt(place, epochs=2)
    resumed = learnt(place, epochs=4)
    assert resumed[0] == whole[0]
    for one, other in zip(resumed[1], whole[1], strict=True):
        np.testing.assert_array_equal(one, other)


def learnt(
    place: CheckpointFiles, epochs: int
) -> tuple[list[Mapping[str, float]], list[np.ndarray]]:
    """A cluster of this machine alone learns which of two numbers is larger."""
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(1).normal(size=(24, 2)).astype(np.float32)
    y = x.argmax(axis=1).astype(np.int64)
    inputs = keras.Input((2,))
    hidden = keras.layers.Dropout(0.2)(keras.layers.Dense(8, activation="relu")(inputs))
    network = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    plan = EpochPlan(
        lambda epoch: np.random.default_rng(epoch).permutation(len(x)),
        lambda rows, epoch, number: (x[rows], y[rows], np.ones(len(rows), np.float32)),
        lambda: (-float((network(x).numpy().argmax(axis=1) == y).mean()), 0.0),
        batch=8,
    )
    alone = Cluster(tf.distribute.get_strategy(), 0)
    together = SharedTraining(alone, network, plan, keras.optimizers.Adam(0.05), place)
    rows = together.learn(epochs, patience=9, on_epoch=lambda row: None)
    return rows, network.get_weights()
