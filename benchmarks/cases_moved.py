"""What the scripts of the cases call by names that have changed since they were written.

Only names, signatures and the number of repetitions are replaced here, never what a script looks
at: a script is copied, its words are replaced, and its own figures are judged.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.cases_signing import SigningRing
from edge_agent.contracts.wire.streams import outbound

MODULES = {
    "edge_agent.config": "edge_agent.station.config",
    "edge_agent.console": "edge_agent.outputs.console",
    "edge_agent.station": "edge_agent.station.station",
    "edge_agent.cli_slots": "edge_agent.cli.slots",
    "edge_agent.cli_run": "edge_agent.cli.run",
    "edge_agent.contracts.bundle": "edge_agent.contracts.model.bundle",
    "edge_agent.contracts.clock": "edge_agent.contracts.core.clock",
    "edge_agent.contracts.errors": "edge_agent.contracts.core.errors",
    "edge_agent.contracts.messages": "edge_agent.contracts.wire.kinds.verdict",
    "edge_agent.contracts.signature": "edge_agent.contracts.model.signature",
    "edge_agent.decide.assembly": "edge_agent.decide.open_parts",
    "edge_agent.decide.health": "edge_agent.health.frame",
    "edge_agent.infer.inspector": "edge_agent.infer.bundle_inspector",
    "edge_agent.report.ledger": "edge_agent.messaging.outbox_store",
    "edge_agent.report.mqtt": "edge_agent.messaging.mqtt.sender",
    "edge_agent.report.outbox": "edge_agent.messaging.outbox",
}
"""Module that a script imports -> where it is now."""

NAMES = (
    (r"import Assembler$", "import OpenParts as Assembler"),
    (r"import Ledger, Row", "import OutboxStore as Ledger, Row"),
    (r"import Ledger$", "import OutboxStore as Ledger"),
    (
        r"from edge_agent\.decide\.fusion import Decision",
        "from edge_agent.contracts.wire.decision import Decision",
    ),
    (
        r"from edge_agent\.station\.config import MqttTable",
        "from edge_agent.messaging.config import MqttTable",
    ),
    (
        r"from edge_agent\.station\.config import FrameHealthTable",
        "from edge_agent.health.frame import FrameHealthTable",
    ),
    (
        r"import stop_on_signals, start_log",
        "import stop_on_signals; from edge_agent.station.log import start_log",
    ),
    (r"Outbox\(Ledger\((\w+),64\),", r"Outbox(Ledger(\1,64),ActedCounter(Path(\1)),"),
    (
        r"^(from edge_agent\.messaging\.outbox import Outbox)$",
        r"\1; from edge_agent.messaging.acted_counter import ActedCounter",
    ),
    (r"\$PROJECT/demo-output", "$WORK/demo"),
    (r"lineside-deploy sign ", "lineside-deploy release "),
    (r'\["sign",', '["release",'),
    (r"keys/\*\.pub", "keys/root.json"),
    (r"""glob\((['"])\*\.pub\1\)""", r"glob(\1root.json\1)"),
    (r'o\.put\("verdict",verdict\)', "o.put(verdict())"),
)
"""Patterns of every script and what they are now."""

AGENT = """
def agent(toml, log=None, *words, **named):
    past = Path(log).stat().st_size if log and Path(log).exists() else 0
    begun = begin_agent(toml, log, *words, **named)
    end = time.time() + 60
    while log and begun.poll() is None and time.time() < end:
        if b" armed" in Path(log).read_bytes()[past:]: break
        time.sleep(.05)
    time.sleep(1)
    return begun

"""
START_OF_A_STATION = (
    (r"-s TERM \d+ lineside", "-s TERM 30 lineside"),
    (r"& sleep 4$", "& sleep 16"),
)
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    # It forged a signature of one key: now the whole TUF metadata, of real and of stolen keys.
    "attacks/bundles_hostile.py": (
        (r"^from deploy\.keys import .*$", "from benchmarks.cases_signing import *"),
        (r"^from deploy\.sign import .*$", ""),
        (r"^from edge_agent\.contracts\.model\.signature import Signature$", ""),
        (r"read_keys\(", f"{SigningRing.__name__}("),
        (r"Signature\(key_id=.*\)\.model_dump_json\(\)\.encode\(\)$", "sign.sign(text)"),
        # Each name on a station of its own that trusts the keys: what is refused is the name.
        (r'root=f/f"st2"\)', 'root=f/f"st{ord(n[0])}{len(n)}",trust=pub)'),
    ),
    "attacks/kit.py": (
        # A busy machine needs longer than the few seconds that the scripts wait for a station.
        (r"^def agent\(", "def begin_agent("),
        (r"^def publisher\(", AGENT + "def publisher("),
    ),
    "station/kit.py": ((r"str\(t\),BIN", "str(t+START_S),BIN"), (r"^BIN=", "START_S=14\nBIN=")),
    # Rights on exactly what a station writes: these were the streams then.
    "check_blind_to_a_refused_publish/case.py": (
        (r'\("verdict","gap","state","health"\)', repr(tuple(outbound()))),
    ),
    "damaged_outbox/case.py": (
        # Pages of the outbox have 8 KiB, and rows lie in leaves of a table (type 13).
        (r"4096", "8192"),
        (r"\[i\*8192\]==10", "[i*8192]==13"),
    ),
    "locked_outbox_drops_verdicts/case.py": ((r"time\.sleep\(6\)", "time.sleep(18)"),),
    "nothing_came_although_it_came/case.py": (
        (r'"TERM","9"', '"TERM","40"'),
        (r"time\.sleep\(2\)$", ""),
        (r"range\(10\)", "range(70)"),
    ),
    "reconnect_storm/case.py": ((r'"TERM","13"', '"TERM","40"'),),
    "overwritten_snapshot_never_judged/cmd.sh": START_OF_A_STATION,
    "slow_upload_judged_half/cmd.sh": START_OF_A_STATION,
    "attacks/double_frame.py": (
        (r'a\.add\((v\("\w+","\w+"\)),("[^"]+"),(\d[\d_]*)\)', r"once(\1,\2,\3)"),
        (
            r"^(v=lambda .*)$",
            r"\1"
            "\nfrom edge_agent.decide.open_parts import Grab"
            "\ndef once(verdict,part,at): g=Grab(verdict.channel,part,at); a.begin(g); "
            "return a.add(verdict,g)",
        ),
    ),
    "attacks/damaged_outbox.py": (
        (r"while o\._queue and", "while not o._queue.empty and"),
        (r"key=\(-1,-1\)", "key=-1"),
        (r"more=r\.after\(key,100\)", "page=r.after(key,100); more=page.rows"),
        (r"rows\+=more; key=more\[-1\]\.key", "rows+=more; key=page.end"),
    ),
    "attacks/throughput.py": (
        # The broker has all of them by then; the subscriber may need longer on a busy machine.
        (
            r'^time\.sleep\(1\); (?=print\("received")',
            "end=time.time()+60\nwhile len(a.events)<2*N and time.time()<end: time.sleep(.1)\n",
        ),
        (
            r"e=l\.open\(5\); from \S+ import Row",
            "l.open(); from edge_agent.messaging.row import Row",
        ),
        (
            r'l\.commit\(e,n\+1,\[Row\(e,n,"verdict",pay\)\]\)',
            'l.commit([Row(n+1,"1",n,"verdict",pay)],[])',
        ),
    ),
    "attacks/stuck_worker.py": (
        (r"inspect_image", "inspect"),
        (r"I\.Inspector\b", "I.BundleInspector"),
        # The station, not the clock, knows how many of the 60 files were grabbed in 8 s.
        (r"60-len\(", "st.grabbed-len("),
    ),
    # Each FAIL is a line of the log now: the change of the bundle lies further back.
    "attacks/swap_alarm.py": ((r"\[-500:\]", ""),),
}
"""Script (folder/file) -> its own patterns: what it calls otherwise now."""

WORDS = {
    "attacks/kill_window.py": ("12", "100"),
    "attacks/reconnects.py": ("150",),
    "attacks/trigger_storm.py": ("10000",),
}
"""Case -> the words of its command line."""


def follow_moves(folder: Path) -> None:
    """Replace in every script below `folder` what has moved."""
    for path in (*folder.rglob("*.py"), *folder.rglob("*.sh")):
        text = path.read_text()
        moved = replaced(text, "/".join(path.parts[-2:]))
        if moved != text:
            path.write_text(moved)


def replaced(text: str, name: str) -> str:
    """The text of the script `name` (folder/file) with today's names."""
    for old, new in MODULES.items():
        text = re.sub(rf"\b(from|import) {re.escape(old)}(?=\s)", rf"\1 {new}", text)
    for pattern, new in (*NAMES, *CALLS.get(name, ())):
        text = re.sub(pattern, new, text, flags=re.M)
    return text
