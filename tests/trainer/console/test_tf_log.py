from __future__ import annotations

import os
import subprocess
import sys

ADVICE = "import tensorflow as tf; tf.get_logger().warning('retracing'); tf.get_logger().error('!')"


def test_tensorflow_says_errors_only() -> None:
    surroundings = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    code = f"from trainer.console.tf_log import quiet_tensorflow; quiet_tensorflow(); {ADVICE}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=surroundings
    )
    assert done.stderr == "ERROR:tensorflow:!\n"
