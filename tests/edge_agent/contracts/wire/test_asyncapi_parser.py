"""The AsyncAPI document before AsyncAPI's own parser, from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_agent.contracts.wire.asyncapi import asyncapi
from edge_agent.contracts.wire.streams import STREAMS

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(600)]
PARSE = """
const { Parser } = require('@asyncapi/parser');
(async () => {
  const text = require('fs').readFileSync(process.argv[2], 'utf8');
  const { document, diagnostics } = await new Parser().parse(text);
  const messages = document ? document.messages().all().map(m => m.name()) : null;
  console.log(JSON.stringify({ messages, faults: diagnostics.filter(d => d.severity < 2) }));
})();
"""


def test_the_parser_finds_no_fault(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed (apt install npm)")
    (tmp_path / "package.json").write_text("{}")
    words = ["npm", "install", "--silent", "--no-audit", "@asyncapi/parser@3.6.6"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install @asyncapi/parser: {done.stderr[-200:]}")
    (tmp_path / "parse.js").write_text(PARSE)
    (tmp_path / "asyncapi.json").write_text(asyncapi())
    words = ["node", "parse.js", "asyncapi.json"]
    out = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    found = json.loads(out)
    assert found["faults"] == []
    assert sorted(found["messages"]) == sorted(STREAMS)
