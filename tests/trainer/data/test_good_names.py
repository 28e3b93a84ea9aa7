from __future__ import annotations

import pytest

from trainer.data.layouts.good_names import BAD_WORDS, GOOD_WORDS, meaning

GOOD = [
    "good", "OK", "ok_front", "Good Parts", "pass", "normal", "no_defect", "defect-free",
    "gut", "Gutteile", "i.O.", "iO", "in Ordnung", "bon", "bonnes", "conforme", "bueno", "buona",
    "aprovado", "dobry", "sağlam", "goed", "godkänd", "годен", "хорошо", "合格", "良品", "正常",
    "양품", "정상", "đạt", "0_good", "good2", "ＯＫ",
    "kein Fehler", "ohne Fehler", "unbeschädigt", "sin defectos", "zero_defects", "no damage",
    "OK品", "无异常", "無欠陥", "ОК", "OKTeile", "okParts", "NoDefect", "Ohne Befund",
    "без дефектов", "καλό", "תקין", "سالم", "dobro", "baik", "Gut.",
    "iO_Teile", "iO-Teile", "iO_1", "OKParts", "defectFree",
]  # fmt: skip
BAD = [
    "ng", "NOK", "not_ok", "non_ok", "n_ok", "un_healthy", "not good", "bad", "def_front",
    "defects",
    "schlecht", "n.i.O.", "nicht i.O.", "Ausschuss", "mauvais", "non conforme", "défaut", "malo",
    "difettoso", "reprovado", "não conforme", "wadliwy", "zły", "hatalı", "fout", "брак",
    "негодный",
    "不合格", "不良", "不良品", "NG品", "異常", "불량", "불합격", "비정상", "abnormal",
    "fault_inner", "defekt", "n. i. O.", "不良_2", "beschädigt", "NG件", "afkeur", "Badparts",
    "NGTeile", "notOK", "NotOk", "nOK", "NiO", "ελαττωματικό", "פגום", "neispravan", "cacat",
]  # fmt: skip
UNSURE = [
    "OK_NG", "pass_fail", "ok_rejected", "never_good", "not_bad", "almost ok", "good or bad",
    "MT_Free", "ok?", "0_defects", "не ок", "ohne_defekt", "very_good_maybe", "notgood_ok",
    "iyi değil", "hatalı değil", "ei ok", "ikke godkendt", "tidak_baik", "passFail", "OkNg",
]  # fmt: skip
UNKNOWN = ["scratch", "token", "class_1", "A", "crazing", "dent", "Kratzer", "n", "book_7",
           "iPhone", "bonding", "gutter", "OKNG"]  # fmt: skip


@pytest.mark.parametrize("label", GOOD)
def test_a_good_name_in_any_language_is_good(label: str) -> None:
    assert meaning(label) == "good"


@pytest.mark.parametrize("label", BAD)
def test_a_bad_name_is_never_good(label: str) -> None:
    assert meaning(label) in ("bad", "unsure", "unknown")
    assert meaning(label) != "good"


@pytest.mark.parametrize("label", ["nOK_1", "NOk_1", "niO_1", "nOKTeile", "notOk"])
def test_a_short_negation_is_one_word_and_bad(label: str) -> None:
    assert meaning(label) == "bad"


@pytest.mark.parametrize("label", UNSURE)
def test_half_a_good_name_is_asked_for(label: str) -> None:
    assert meaning(label) == "unsure"


@pytest.mark.parametrize("label", UNKNOWN)
def test_a_defect_has_any_name(label: str) -> None:
    assert meaning(label) == "unknown"


def test_no_word_is_both() -> None:
    assert frozenset() == GOOD_WORDS & BAD_WORDS
