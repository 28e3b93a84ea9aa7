"""What each situation of the cases folder must print, and what it must not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """must, never: regular expressions of the output, multi-line; seconds: its time bound;
    traceback: whether the script itself may end in one, since it imports a module that has moved.
    """

    must: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    seconds: float = 300.0
    traceback: bool = False


TRACEBACK = r"Traceback \(most recent call last\)"

# fmt: off
EXPECTED: dict[str, Expected] = {
    "images/bundle-zipped-again": Expected((r"(?i)zip",), (r"convert (it )?again",)),
    "images/class-never-tested": Expected(
        (r"'scratch' (has no sample in the test|is not tested)",)
    ),
    "images/compare-several-tensors": Expected((), (r"\bnan\b",)),
    "images/foreign-keras": Expected((), (r"no such run folder",)),
    "images/huge-picture": Expected(
        (r"20000x20000 pixels are more than", r"^([0-9]{1,5}|1[0-9]{5}|200000) kB"),
    ),
    "images/inspect-lstm-macs": Expected((r"0\.1\d* million|107|108",)),
    "images/inspect-says-runs": Expected((), (r"HELLO.TFLITE: .*(not|no) ",)),
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
    "images/small-words": Expected((r"floating-point samples",)),
    "images/split-folders-as-classes": Expected(
        (
            r"flat-test: image-class, 18",
            r"lies in test without class folder",
            r"public: image-anomaly, 15",
            r"testing: image-class, 16",
        ),
        (r"│ (test|valid|Training|Testing|Train|Test|test_public) *│", r"│ Label *│"),
    ),
    "images/ssh-stdout-latin1": Expected(),
    "images/toml-bom": Expected(
        (r"bom: image-class, 12", r"utf16: image-class, 12", r"channel: is missing"),
        (r"is not TOML",),
    ),
    "images/trust-appledouble": Expected((), (r"is not a (public )?key",)),
    "images/umask-077": Expected((r"rc=0",), (r"Permission denied",)),
    "station/byte_order_mark": Expected(
        (r'name = "motor"', r"no samples"), (r"Not authorized", r"is not TOML")
    ),
    "station/check_blind_to_a_refused_publish": Expected(),
    "station/cut_mjpeg_frame_judged": Expected((r"NO-VERDICT .*line-1 ", r"6 parts")),
    "station/damaged_outbox": Expected(),
    "station/duplicate_axis_names": Expected((r"column 'x' is there twice",), (r"mm/s",)),
    "station/encrypted_client_key": Expected(),
    "station/locked_outbox_drops_verdicts": Expected(),
    "station/nothing_came_although_it_came": Expected(),
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
    "station/overwritten_snapshot_never_judged": Expected((r"3 parts: 1 PASS, 2 FAIL",)),
    "station/receiver_away_flood": Expected(),
    "station/reconnect_storm": Expected(),
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
    "attacks/throughput.py": Expected((), (), 400),
}
# fmt: on
"""Folder or script below the cases folder -> its outcome; a traceback is wrong everywhere."""


def expected(name: str) -> Expected:
    """The outcome of a case; one without a row must only end, and without a traceback."""
    return EXPECTED.get(name, Expected())
