"""The files of docs/integrations fit what a station sends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from edge_agent.contracts.core.types import Verdict
from edge_agent.messaging.metrics import Metrics
from tests.edge_agent.contracts.wire.samples import SAMPLES
from tests.edge_agent.messaging.adapter_kit import decided, station

DOCS = Path(__file__).parents[2] / "docs"
FILES = DOCS / "integrations"
TYPES = {"string": str, "float": (int, float), "int": int}


def example(kind: str) -> Any:
    return json.loads((DOCS / "schemas" / "examples" / f"{kind}.json").read_text())


def expressions() -> list[str]:
    dashboard = json.loads((FILES / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_metric_of_the_dashboard_is_exported() -> None:
    metrics = Metrics(station())
    metrics.publish(decided(Verdict.FAIL, label="scratch"))
    metrics.publish(SAMPLES["health"])  # type: ignore[arg-type]
    metrics.publish(SAMPLES["state"])  # type: ignore[arg-type]
    exported = set(re.findall(r"^(lineside_\w+)", generate_latest(metrics.registry).decode(), re.M))
    asked = {name for text in expressions() for name in re.findall(r"(lineside_\w+)\{", text)}
    assert len(asked) >= 8
    assert asked <= exported


@pytest.mark.integrations
def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (apt install prometheus)")
    rules = [
        {"record": f"r{k}", "expr": text.replace("$station", ".*")}
        for k, text in enumerate(expressions())
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    words = ["promtool", "check", "rules", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_path_of_telegraf_is_in_its_payload() -> None:
    conf = tomllib.loads((FILES / "telegraf.conf").read_text())
    kinds = set()
    for consumer in conf["inputs"]["mqtt_consumer"]:
        kind = consumer["topics"][0].rsplit("/", 1)[1]
        kinds.add(kind)
        payload = example(kind)
        for parser in consumer["json_v2"]:
            assert isinstance(payload[parser["timestamp_path"]], int)
            for tag in parser["tag"]:
                assert isinstance(payload[tag["path"]], str)
            for field in parser["field"]:
                assert isinstance(payload[field["path"]], TYPES[field["type"]])
            for listed in parser.get("object", []):
                keys = {*listed["included_keys"], *listed["tags"]}
                assert keys <= set(payload[listed["path"]][0])
    assert kinds == {"verdict", "condition", "metrics"}


def flow() -> dict[str, Any]:
    return {n["id"]: n for n in json.loads((FILES / "node-red-flow.json").read_text())}


def test_every_wire_of_the_flow_leads_somewhere() -> None:
    nodes = flow()
    wires = [to for node in nodes.values() for out in node.get("wires", []) for to in out]
    assert set(wires) <= set(nodes)
    assert nodes["lineside-in"]["broker"] in nodes
    assert len(nodes["lineside-switch"]["wires"]) == nodes["lineside-switch"]["outputs"]


RUN = """
const [code, payloads] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const kept = {};
const context = { get: key => kept[key], set: (key, value) => { kept[key] = value; } };
const run = new Function('msg', 'context', code);
console.log(JSON.stringify(payloads.map(payload => run({ payload }, context) || null)));
"""


def test_the_flow_takes_each_verdict_once_and_nothing_else() -> None:
    if not shutil.which("node"):
        pytest.skip("node is not installed (apt install nodejs)")
    verdict = example("verdict")
    given = [verdict, verdict, {"kind": "check"}, verdict | {"event_id": "press-3/1/2"}]
    text = json.dumps([flow()["lineside-once"]["func"], given])
    out = subprocess.run(
        ["node", "-e", RUN], input=text, capture_output=True, text=True, check=True
    ).stdout
    first, again, check, second = json.loads(out)
    assert (again, check) == (None, None)
    assert first["payload"] == {
        "at": "2026-11-30T00:53:20.123456Z", "station": "press-3", "part": "4711",
        "verdict": "FAIL", "label": "blowhole", "reason": "top: blowhole 0.91, limit 0.62",
        "late": True,
    }  # fmt: skip
    assert second["payload"]["part"] == "4711"
