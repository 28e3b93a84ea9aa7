"""What each situation of the cases folder must print, and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.cases_forged import FORGED


@dataclass(frozen=True)
class Expected:
    """What the output of a case shows where the product behaves right.

    must, never: regular expressions, multi-line; seconds: the time bound. traceback: whether the
    script itself may end in one, since what it tries is refused. figures: each an expression whose
    groups are numbers, and what holds of them wherever it is found, at least once.
    """

    must: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    seconds: float = 300.0
    traceback: bool = False
    figures: tuple[tuple[str, Callable[..., bool]], ...] = ()


TRACEBACK = r"Traceback \(most recent call last\)"

# fmt: off
EXPECTED: dict[str, Expected] = {
    "images/bundle-zipped-again": Expected((r"(?i)zip",), (r"convert (it )?again",)),
    "images/class-never-tested": Expected(
        (r"'scratch' (has no sample in the test|is not tested)",)
    ),
    "images/compare-several-tensors": Expected(
        (r"^output 1: the largest value agrees on 0\.0%",), (r"\bnan\b",)
    ),
    "images/foreign-keras": Expected(
        (r"model\.keras: is a network alone",), (r"no such run folder",)
    ),
    "images/huge-picture": Expected(
        (r"20000x20000 pixels are more than", r"^([0-9]{1,5}|1[0-9]{5}|200000) kB"),
    ),
    "images/inspect-lstm-macs": Expected((r"0\.1\d* million|107|108",)),
    "images/inspect-says-runs": Expected(
        (r"^- runtime: tensor .* is int32$", r"rc=1", r"runs here in litert"),
        (r"HELLO.TFLITE: .*(not|no) ",),
    ),
    "images/jpeg-lost-middle": Expected(
        (
            r"fault .*ok/lost\.jpg: unreadable",
            r"fault .*ok/dropped\.jpg: unreadable",
            r"fault .*ok/cut-and-closed\.jpg: unreadable",
            r"rc=3",
            r"rc=1",
            r"error: data/ok/lost\.jpg: damaged JPEG",
        ),
        (r"^PASS .*(lost|dropped|cut-and-closed)\.jpg",),
    ),
    "images/label-markup": Expected((r"scratch \[red\]", r"scratch \[blue\]", r"no faults")),
    "images/labels-csv-odds": Expected(
        (
            r"'OK' and 'ok' differ only",
            r"column 'label' is there twice",
            r"dot: image-class, 12",
            r"windows: image-class, 12",
            r"sep: image-class, 12",
            r"jpe: image-class, 12",
        )
    ),
    "images/left-out-silently": Expected(
        (
            r"dangling(.|\n)*a link whose target is not there",
            r"files \.gif are not read",
            r"dent: left out, a folder without a file",
            r"jfif: image-class, 12 samples",
            r"linked: image-class, 18 samples",
            r"predict rc=[013] for 3 frames",
            r"data_frames/scratch/000\.jfif",
        )
    ),
    "images/masks-as-pictures": Expected(
        (
            r"beside: image-class, 16 samples",
            r"suffix: image-class, 16 samples",
            r"folder: image-class, 16 samples",
        ),
        (r"│ masks ", r"SegmentationClass", r"│ images "),
    ),
    "images/mono12-in-16-bit": Expected(
        (r"16 bits a sample", r"bit_depth", r"rc=3"), (r"^PASS",), traceback=True
    ),
    "images/motion-photo": Expected((r"no faults", r"rc=0(.|\n)*motion\.jpg\nrc=0")),
    "images/name-not-utf8": Expected((r"(?s)not UTF-8.*rc=[0-3]",)),
    "images/nas-folders": Expected((r"data: image-class, 12 samples", r"^6$"), (r"#recycle *│",)),
    "images/negated-good": Expected(
        (r"│ non_ok *│ {6}│", r"│ un_healthy *│ {6}│", r"│ n_ok *│ {6}│"),
        (r"│ (non_ok|un_healthy|n_ok|ok_rejected|never_good) *│ good", r"non_ok,\S*PASS"),
    ),
    "images/own-runs-in-dataset": Expected((r": image-class, 24 samples",), (r"│ runs ",)),
    "images/pictures-beside-one-table": Expected((r"image-class, 12 samples",), (r"tabular",)),
    "images/small-words": Expected(
        (r"floating-point samples",), (r"unrecognized arguments",)
    ),
    "images/split-folders-as-classes": Expected(
        (
            r"flat-test: image-class, 18",
            r"lies in test without class folder",
            r"public: image-anomaly, 15",
            r"testing: image-class, 16",
        ),
        (r"│ (test|valid|Training|Testing|Train|Test|test_public) *│", r"│ Label *│"),
    ),
    "images/ssh-stdout-latin1": Expected((r"^push rc 0 ", r"^status rc 0 ", r"'current'")),
    "images/toml-bom": Expected(
        (r"bom: image-class, 12", r"utf16: image-class, 12", r"channel: is missing"),
        (r"is not TOML",),
    ),
    "images/trust-appledouble": Expected((), (r"is not a (public )?key",)),
    "images/umask-077": Expected((r"rc=0",), (r"Permission denied",)),
    "station/byte_order_mark": Expected(
        (r'name = "motor"', r"no samples"), (r"Not authorized", r"is not TOML")
    ),
    # Beside the two verdicts wait references to the evidence of their parts.
    "station/check_blind_to_a_refused_publish": Expected(
        (
            r"published, MQTT 5\nrun: .* 0 confirmed, [2-4] wait.*\ncheck: rc 1",
            r"published, 3\.1\.1\nrun: .*\ncheck: rc 1",
            r"^FAIL +topic verdict +the broker refuses it",
            r"^FAIL +topic verdict +\S+ acknowledged, but it does not come back",
            r"four streams\nrun: .*\ncheck: rc 0",
        ),
    ),
    "station/cut_mjpeg_frame_judged": Expected((r"NO-VERDICT .*line-1 ", r"6 parts")),
    "station/damaged_outbox": Expected(
        (r"whole, run 1: .* new 3 of 3", r"header, run 1: .* new 3 of 3", r"0 failed"),
        (r"run 2: .* new [0-2] of 3", r"no JSON [1-9]"),
        figures=(
            (
                r"run 1: old verdicts heard (\d+) of 200, .* gaps \[(\d+)\]",
                lambda heard, gap: heard > 150 and heard + gap == 200,
            ),
        ),
    ),
    "station/duplicate_axis_names": Expected((r"column 'x' is there twice",), (r"mm/s",)),
    "station/encrypted_client_key": Expected(
        (r"no terminal\): rc 1", r"the key is encrypted", r"openssl pkey"), (r"after 1[0-9] s",)
    ),
    "station/locked_outbox_drops_verdicts": Expected((r"^verdicts heard 300 of 300; gaps \[\]",)),
    "station/nothing_came_although_it_came": Expected(
        (
            r"another case\n.*did you mean 'Torque \[Nm\]'\?",
            r"nesting\n.*did you mean 'fields\.torque \[Nm\]'\?",
            r"retained message\n.*only a retained message came.*stale_s = 0",
            r"byte order mark\n.*(PASS|FAIL) ",
        ),
        (r"nothing came on",),
    ),
    "station/numeric_header_is_a_sample": Expected(
        (r"with_header\.csv .*rms 0\.04852 g", r"without\.csv .*rms 0\.04852 g")
    ),
    "station/one_long_cell_eats_the_memory": Expected(
        (r"one_long_note: ([0-9]{1,5}|1[0-4][0-9]{4}) kB resident",)
    ),
    "station/open_quote_kills_the_file": Expected(
        (
            r"b\.csv: line 2: a quotation mark opens a cell",
            r"PASS .*a1 ",
            r"PASS .*c1 ",
            r"NO-VERDICT .*b\.csv",
        )
    ),
    "station/overwritten_snapshot_never_judged": Expected(
        # The third picture equals the second: it is looked at, and named for it.
        (r"3 parts: 1 PASS, 1 FAIL, 1 NO-VERDICT", r"snapshot\.png#3 .*frozen camera"),
    ),
    "station/receiver_away_flood": Expected(
        figures=(
            (
                r"queued for the receiver: (\d+) messages of (\d+) verdicts",
                lambda messages, verdicts: 0 < verdicts <= messages < 1.2 * verdicts + 5,
            ),
        ),
    ),
    "station/reconnect_storm": Expected(
        (r"^same name: .* confirmed",),
        figures=(
            (
                r"^(?:rights|size limit): in 12 s (\d+) log lines, (\d+) connections",
                lambda lines, connections: lines < 40 and 0 < connections < 10,
            ),
            (r"^same name: in 12 s (\d+) log lines", lambda lines: lines < 150),
        ),
    ),
    "station/slow_upload_judged_half": Expected((r"1 parts: 1 PASS", r"the file is whole")),
    "station/unreadable_recording_leaves_no_verdict": Expected(
        (
            r"station, npz(.|\n)*5 parts: 2 PASS, 0 FAIL, 3 NO-VERDICT",
            r"station, mat(.|\n)*5 parts: 2 PASS, 0 FAIL, 3 NO-VERDICT",
            r"ok/1\.npz: contradiction",
        )
    ),
    "station/wav_of_unknown_length": Expected(
        (
            r"ffmpeg_pipe\.wav  axis 0",
            r"recorder_lost_power\.wav  axis 0",
            r"rf64\.wav  axis 0",
            r"arecord_killed\.wav  axis 0",
        ),
        (r"truncated",),
    ),
    "attacks/ack_flood.py": Expected(
        (r"40 x 1 MB: .* log grew \d{1,2} kB", r"40 acks x 10,000 .* log grew \d{1,2} kB"),
        figures=(
            (r"^rubbish .* log grew (\d+) kB", lambda kilobytes: kilobytes < 100),
            (r"^(?:quiet|rubbish|8 s|40).* received ([\d.]+)/s", lambda rate: rate > 4),
            (r"made (\d+) left on disk \d+ should be about \d+", lambda made: made > 0),
            (r"left on disk (\d+) should be about (\d+)", lambda left, right: left >= right - 20),
        ),
    ),
    # Evidence, to which that auditor does not subscribe, may wait.
    "attacks/ack_overflow.py": Expected(
        (r"holes 0 ",),
        (r"does not end on SIGTERM", r"gaps [1-9]"),
        figures=(
            (
                r"(?s)^after stop: received (\d+) .* health parts (\d+) ",
                lambda received, parts: received >= parts,
            ),
            (r"^8 s after: (\d+) next 8 s: (\d+)", lambda one, two: one > 50 and two > 50),
            (r"^(\d+) parts: .* (\d+) confirmed", lambda parts, confirmed: confirmed == parts),
        ),
    ),
    # Only what a broker without persistence forgets may be lost: not under (b) and (c).
    "attacks/broker_kill.py": Expected(
        (r"^persist_autosave1: .* lost -?\d+$",), seconds=400,
        # Below 0: references to evidence wait, to which that auditor does not subscribe.
        figures=((r"^application: .* lost (-?\d+)$", lambda lost: lost <= 0),),
    ),
    "attacks/broker_says_yes.py": Expected(
        figures=(
            (
                r"(?:no_subscriber_v5|acl_v311|acl_v5): rc 0 made (\d+) left in outbox (\d+)",
                lambda made, left: made >= left >= 60,  # made: evidence, too
            ),
        ),
    ),
    # The metadata is real (benchmarks/cases_signing.py); what is wrong is what it is wrapped round.
    "attacks/bundles_hostile.py": Expected(
        FORGED,
        (r"!! |HANG", "513 MiB read"),
        # What is offered lies in memory already (up to 101 MB); nothing is a gigabyte of it.
        figures=((r"^\S.* [\d.]+ s +(\d+) MB  ", lambda megabytes: megabytes < 300),),
    ),
    "attacks/check_says.py": Expected((
        r"^1$", r"^FAIL +topic verdict ", r"^FAIL +topic gap ", r"^OK +topic state ",
        r"^WARN +confirmations +a broker of MQTT 3\.1\.1 confirms what it refuses",
    )),
    "attacks/damaged_outbox.py": Expected(
        (r"\('bit', 'clean'\)", r"\('bit', 'killed'\)"),
        (r"start: ", r"reader stuck", r"keeps new: no", r"some bad payload",
         r"sent (0|some), NO gap told"),
        seconds=900,
    ),
    "attacks/double_frame.py": Expected(
        (r"^\[<Verdict\.FAIL: 'FAIL'>, <Verdict\.PASS: 'PASS'>\] \(<Verdict\.FAIL",
         r"console: '.*p1\\\\n.*\\\\x1b\["),
        (r"part-8\\n", r"[^\\]\\x1b"),
    ),
    "attacks/double_frame_e2e.py": Expected((
        r"\('once', 'FAIL', \[\('a', 'FAIL'\), \('b', 'PASS'\)\]\), "
        r"\('twice', 'FAIL', \[\('a', 'FAIL'\), \('b', 'PASS'\)\]\)",
    )),
    "attacks/frozen.py": Expected((
        r"^one frame repeated 20x .* 1 of 20",
        r"^ring of 2 .* 2 of 20",
        r"^ring of 4 .* 4 of 20",
        r"^frozen, overlay clock corner .* 1 of 20",
        r"^frozen, only unsampled differ.* 1 of 20",
        r"^lower half grey .* 0 of 20",
        r"^lower 4/5 green .* 0 of 20",
        r"^lower 90% black .* 0 of 20",
        r"^lamp out, .* 0 of 20",
        r"^86 % saturated .* 0 of 20",
    )),
    "attacks/kill_window.py": Expected(
        (r"^kills 12 ",),
        # What was acted on and is lost is named by gaps.
        figures=(
            (r"acted (\d+), lost (\d+) ", lambda acted, lost: acted > 100 and lost <= acted / 5),
            (r"lost (\d+) .* holes visible in SEQ (\d+)", lambda lost, holes: lost <= holes),
            (
                r"lost (\d+) .*; gap messages (\d+); holes",
                lambda lost, gaps: lost == 0 or gaps > 0,
            ),
        ),
        seconds=600,
    ),
    "attacks/packet_too_large.py": Expected(
        figures=(
            (r"^made (\d+) left/max .* received (\d+) ", lambda made, got: got > 0.8 * made > 10),
            (r"biggest received (\d+)", lambda size: 0 < size <= 4096),
        ),
    ),
    "attacks/puback_0x10.py": Expected((r"^\[\('No matching subscribers', 16, False\)\]",)),
    "attacks/push_shell.sh": Expected((r"^rc 0 ",), (r"^!!! ran",), 600),
    "attacks/reconnects.py": Expected(
        (r"holes 0 ",),
        # A FAIL is a line of the journal; whatever else 150 reconnects say fits on a page.
        figures=(
            (
                r"log \d+ bytes, (\d+) lines\n.*PASS, (\d+) FAIL",
                lambda lines, fails: lines - fails < 20,
            ),
        ),
    ),
    "attacks/slots_symlink.sh": Expected(
        (r"after a push by root:(.|\n)*/etc/ssh/host_key(.|\n)*/etc/systemd/x\.service",),
        traceback=True,  # of the attacker, who may not rename the folder
    ),
    "attacks/stranger_bundle.py": Expected((), (r" rc -", r" traceback ")),
    "attacks/stuck_worker.py": Expected((
        r"parts without any verdict: 0$", r"\('disarmed', 'top: not judged within 200 ms",
    )),
    "attacks/swap_alarm.py": Expected(
        (r"^\[(\('r000[01]\.csv', '1\.0\.0', 'PASS', [^)]*\),? ?){2}\] FAIL: \d+",
         r"1\.0\.2 in the place of",),
    ),
    "attacks/tags_hostile.py": Expected(
        (
            r"^good row at the end +\[\('ok3', 'PASS'",
            r"^bad row +\[\('hot', 'FAIL'",
            *(
                rf"^{what} +\[\(.*'NO-VERDICT'"
                for what in (
                    r"torque 10\^400", "torque 1e999", "torque NaN", "torque -Infinity",
                    r"torque as Arabic digits text \(20\)", 'torque "2_0"',
                    "torque twice: 20 then 90", "deep JSON", "bytes that are no text", "3 MB",
                    "empty", "null", "list", "another unit in the key", r"speed 10\^400 .*",
                )
            ),
            r"^agent alive True",
        ),
    ),
    "attacks/tls.py": Expected(
        (
            r"^good .*3 parts: 3 PASS",
            r"^wrong host .*CERTIFICATE_VERIFY",
            r"^stranger's CA .*CERTIFICATE_VERIFY",
            r"^expired .*CERTIFICATE_VERIFY",
            r"world-readable password_file says: \['WARN",
            r"^password without TLS, check says: \['WARN +broker password",
        ),
        (r"secret(?: in log)?: True",),
    ),
    "attacks/trigger_storm.py": Expected(
        (r"^10000 triggers .* without any 0; .* gaps \[\]", r"holes in SEQ: 0"),
    ),
    "attacks/two_agents.py": Expected(
        (
            r"^second on the same state_dir: None .*another agent uses this folder",
            r"a second agent starts: None .*disarmed: .*state: another",
        ),
        seconds=400,
        # Every part but the last is confirmed, though evidence waits that nobody takes; of each
        # epoch every number from 0 on has come.
        figures=(
            (
                r"^first agent.s last line: (\d+) parts: .*; (\d+) confirmed, (\d+) wait",
                lambda parts, confirmed, wait: 0 < parts <= confirmed + min(wait, parts / 100),
            ),
            (
                r"outbox\.db deleted .* epochs \{\d+: \(0, (\d+), (\d+)\), \d+: \(0, \d+, \d+\)\}",
                lambda last, count: count == last + 1,
            ),
        ),
    ),
    "attacks/throughput.py": Expected(
        (r"^received 12000 of 12000",),
        seconds=400,
        figures=((r"\(ratio ([\d.]+)\)", lambda ratio: ratio > 0),),  # a figure, not a pass
    ),
}
# fmt: on
"""Folder or script below the cases folder -> its outcome; a traceback is wrong everywhere."""


def expected(name: str) -> Expected:
    """The outcome of a case; one without a row must only end, and without a traceback."""
    return EXPECTED.get(name, Expected())
