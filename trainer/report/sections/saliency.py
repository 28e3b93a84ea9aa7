"""The report's section on where the network looked."""

from __future__ import annotations

import base64
from html import escape

from trainer.run_folder.reading import read_object
from trainer.run_folder.run import Run

SUSPICIOUS = 0.7


def looked(run: Run) -> str:
    """The overlays of `fit` or `explain RUN`, and whether random weights give other maps."""
    folder = run.path / "explained"
    if not (folder / "explained.json").is_file():
        return ""
    kinds = {"pictures": list, "sanity": float}
    document = read_object(folder / "explained.json", kinds, "lineside-train explain RUN")
    items = "".join(_figure(run, row) for row in document["pictures"])
    agreement = document["sanity"]
    warning = (
        " <b>That is much: do not read these maps as what was learnt.</b>"
        if agreement > SUSPICIOUS
        else ""
    )
    return (
        "<h2>Where the network looked</h2><p>The worst held-out mistakes, then defects that were "
        "found; red is where the evidence for a defect lies. Evidence beside the part means that "
        f'the network learnt the background.</p><div class="gallery">{items}</div>'
        '<p class="note">With random weights '
        f"the maps agree with these by a rank correlation of {agreement:.2f}.{warning}</p>"
    )


def _figure(run: Run, row: dict[str, str]) -> str:
    payload = (run.path / "explained" / row["overlay"]).read_bytes()
    source = f"data:image/png;base64,{base64.b64encode(payload).decode()}"
    return (
        f'<figure><img src="{source}" alt=""><figcaption>{escape(row["label"])}: '
        f'{escape(row["verdict"])}<br><span class="file">{escape(row["path"])}</span>'
        "</figcaption></figure>"
    )
