"""What a station says of each forged, damaged or bloated bundle of attacks/bundles_hostile.py."""

from __future__ import annotations

import re

# fmt: off
FORGED = (
    r"^good, first with --trust +.* INSTALLED 1\.0\.0 changed True$",
    r"^good again +.* INSTALLED 1\.0\.0 changed False$",
    r"^downgrade 1\.0\.0 \(replay\) +.* RollbackError: timestamp metadata 1 is older",
    r"^same version, other content +.* RollbackError: .* another bundle of the same ",
    r"^version in Arabic digits +.* BundleError: version: ",
    r"^unsigned +.* SignatureError: not signed$",
    r"^stranger's key +.* SignatureError: .*\(timestamp was signed by 0/1 keys\)$",
    r"^stranger's key id on our signature +.* SignatureError: targets is not the one",
    r"^our key id on the stranger's signature +.* SignatureError: .*signed by 0/1 keys",
    r"^file swapped under a good signature +.* BundleError: model\.tflite was altered$",
    r"^an extra file +.* BundleError: extra\.txt is not in the manifest$",
    r"^signature of another manifest +.* (RollbackError|SignatureError): ",
    *(
        rf"^signed, file {re.escape(repr(name))} +.* BundleError: .* leads outside"
        for name in ("../../evil", "/etc/x", "a\\b", "C:x", "a//b", "./a", "a/../b")
    ),
    *(
        rf"^signed, file {re.escape(repr(name))} +.* BundleError: "
        for name in ("manifest.json ", "MANIFEST.JSON", "model.tflite\u202e")
    ),
    *(
        rf"^{what} +[\d.]+ s +\d+ MB  BundleError: "
        for what in (
            "trailing byte", "leading bytes", "cut in half", "two entries of one name",
            "deflate bomb 500 MB", r"manifest of 100 MB '\['", "manifest of 80 MB numbers",
            "200,000 empty files", r"100 overlapping entries over 40 MB \(4 GB\)",
            r"vectors.npz claims 1e9, has 1000 \(signed\)",
            r"vectors.npz unpacks to 1e9 bytes \(signed\)",
        )
    ),
    r"^513 MiB: 513 MiB, a bundle has at most 512$",
    r"^installed names now: \['brightness 4\.0\.0'\]$",
)
# fmt: on
"""One regular expression a bundle: its label, and what refuses it."""
