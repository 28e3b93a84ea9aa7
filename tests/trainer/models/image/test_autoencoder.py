"""What the autoencoder's graph is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.int8 import convert_images
from edge_agent.contracts.image.input import ImageInput
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.converter import static_batch
from quantize.convert.postprocess import in_order
from quantize.graph.read import read_graph
from quantize.targets.op_support import cpu_faults
from trainer.config.fit import FitConfig
from trainer.models.image import autoencoder


def test_its_int8_file_has_no_tensor_that_a_station_refuses(tmp_path: Path) -> None:
    spec = ImageInput(width_px=32, height_px=32, channels=3)
    options = autoencoder.AutoencoderOptions(code=4)
    network = autoencoder.build(spec, 1, FitConfig(), options)
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    path = tmp_path / "model.tflite"
    path.write_bytes(convert_images(network, images))
    assert {fault.rule for fault in cpu_faults(read_graph(path))} <= {"integers only"}


def test_its_float_file_gives_the_score_before_the_heat_map() -> None:
    import tensorflow as tf

    spec = ImageInput(width_px=32, height_px=32, channels=3)
    network = autoencoder.build(spec, 1, FitConfig(), autoencoder.AutoencoderOptions(code=4))
    payload = bytes(tf.lite.TFLiteConverter.from_keras_model(static_batch(network)).convert())
    runtime = open_runtime(in_order(payload))
    assert [output.shape for output in runtime.outputs] == [[1, 1], [1, 8, 8, 1]]
    image = np.full((1, 32, 32, 3), 90.0, np.float32)
    score, heat = runtime.invoke([image])
    runtime.close()
    assert float(score[0, 0]) == float(heat.max())
