"""Our payloads before npm's sparkplug-payload, and its commands before ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_agent.contracts.core.types import Verdict
from edge_agent.messaging.sparkplug.node import BD_SEQ, REBIRTH, EdgeNode
from edge_agent.messaging.sparkplug.payload import commands
from edge_agent.messaging.sparkplug.station_metrics import NODE
from tests.edge_agent.messaging.adapter_kit import decided

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(300)]
DECODE = """
const sparkplug = require('sparkplug-payload').get('spBv1.0');
const fs = require('fs');
const whole = (key, value) => (value && value.low !== undefined && value.high !== undefined)
  ? Number(BigInt(value.high >>> 0) * 4294967296n + BigInt(value.low >>> 0)) : value;
for (const line of fs.readFileSync(process.argv[2], 'utf8').trim().split('\\n'))
  console.log(JSON.stringify(sparkplug.decodePayload(Buffer.from(line, 'hex')), whole));
const asked = { timestamp: 1, metrics: [
  { name: 'Node Control/Rebirth', type: 'Boolean', value: true, timestamp: 1 } ] };
console.log(JSON.stringify(Buffer.from(sparkplug.encodePayload(asked)).toString('hex')));
"""


def test_a_decoder_of_the_field_reads_what_was_meant(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed (apt install npm)")
    (tmp_path / "package.json").write_text("{}")
    words = ["npm", "install", "--silent", "--no-audit", "sparkplug-payload@1.0.3"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install sparkplug-payload: {done.stderr[-200:]}")
    node = EdgeNode("G", "test")
    sent = [*node.births(3, 1_796_000_000_123), *node.data(decided(Verdict.FAIL, latency_ms=41.5))]
    sent.append(node.death(3, 1_796_000_000_124))
    (tmp_path / "payloads").write_text("\n".join(one.payload.hex() for one in sent))
    (tmp_path / "decode.js").write_text(DECODE)
    words = ["node", "decode.js", "payloads"]
    out = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    *payloads, command = [json.loads(line) for line in out.splitlines()]
    birth, data, device, death = payloads
    assert [m["name"] for m in birth["metrics"]] == [BD_SEQ, REBIRTH, *NODE]
    assert (birth["seq"], birth["timestamp"]) == (0, 1_796_000_000_123)
    latency = next(m for m in data["metrics"] if m["name"] == "Part/Latency ms")
    assert (latency["type"], latency["value"]) == ("Double", 41.5)
    assert next(m for m in device["metrics"] if m["name"] == "Verdict")["value"] == "FAIL"
    assert death["metrics"][0]["value"] == 3
    assert commands(bytes.fromhex(command)) == {REBIRTH: True}
