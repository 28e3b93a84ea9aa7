"""Which label names say that a part is good, or bad, in the languages of our users.

Exact words only: `non_ok` holds an `ok` and is bad. What is not in the tables is not guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Literal

Meaning = Literal["good", "bad", "unsure", "unknown"]

_GOOD = """
ok okay good goods normal healthy pass passed passing intact flawless undamaged acceptable accepted
accept conforming conform faultless faultfree defectfree nodefect nodefects nofault nofaults
nonedefect nondefective notdefective undefective free clean goodparts okparts nodamage nodamages
noanomaly noanomalies zerodefect zerodefects freeofdefects withoutdefect withoutdefects
withoutfault withoutfaults perfect flawfree
gut gute guter gutes gutteil gutteile io inordnung fehlerfrei einwandfrei bestanden mangelfrei
ohnefehler keinfehler keinefehler ohnebefund ohnemangel ohnemängel unbeschädigt gesund
bon bonne bons bonnes conforme conformes accepte acceptee sansdefaut sansdefauts
bueno buena buenos buenas bien correcto correcta apto apta aprobado aceptado sindefecto sindefectos
sano
buono buona buoni buone idoneo accettato integro sano senzadifetti senzadifetto
bom boa bons boas aprovado aprovada semdefeito semdefeitos
dobry dobra dobre poprawny poprawna zgodny zgodna bezwad
iyi saglam sağlam uygun kabul hatasız hatasiz
goed goede goedgekeurd
dobrý shodny vyhovujici
bra godkänd godkand felfri
godkjent godkendt godt
jo jó megfelelo megfelelő hibatlan
bun bune acceptat
hyva hyvä hyväksytty
dat đạt tot tốt
ок годен годная годный годные годно норма нормальный хорошо хороший исправен исправный исправно
безбрака бездефектов бездефекта добре справний придатний
dobro ispravan ispravno ispravni dober
baik bagus lulus
korras geras
καλο καλα καλη αποδεκτο תקין سالم سليمة
合格 合格品 良品 正常 正常品 好 好品 良 良好 通过 通過 完好 无缺陷 無缺陷 正品
問題なし 異常なし 欠陥なし 異常無し 欠陥無し 問題無し 無欠陥 无异常 無異常 异常无 ok品 ok件 可
양품 정상 정상품 합격 합격품 양호
سليم جيد मानक अच्छा ดี ปกติ
"""

_BAD = """
ng nok nogood notgood notok nonok unok bad defect defects defective fail failed failing faulty fault
faults reject rejected rejects abnormal anomaly anomalous anomalies unhealthy nonhealthy damaged
damage broken scrap nonconforming nonconform nonconformity notpassed unacceptable notacceptable
badparts ngparts nonnormal notnormal unnormal nothealthy failure failures nogo def
schlecht schlechte schlechtteil schlechtteile nio nichtio nichtinordnung nichtok nichtgut ungut
ausschuss defekt defekte fehler fehlerhaft mangelhaft nichtbestanden kaputt beschädigt krank
mauvais mauvaise mauvaises nonconforme nonconformes defaut defauts defectueux defectueuse rebut
rejete rejetee ko
malo mala malos malas noconforme nobueno defecto defectos defectuoso defectuosa rechazado noapto
rechazo
cattivo cattiva difettoso difettosa difetto difetti scarto scarti nonidoneo guasto
ruim mau ma defeito defeitos defeituoso defeituosa reprovado reprovada naoconforme rejeitado
zly zla zle wadliwy wadliwa wada wady niezgodny niezgodna brak braki niedobry
kotu kötü hatali hatalı hata uygunsuz uygundegil uygundeğil ret hurda kusurlu bozuk
slecht slechte fout fouten afgekeurd afkeur nietgoed
vadny vadná vadny zmetek neshodny
dalig dålig underkand underkänd fel
rossz hibas hibás selejt
rau defectuos respins
huono viallinen hylätty
loi lỗi hong hỏng khongdat khôngđạt
брак негоден негодный негодные дефект дефекты плохо плохой неисправен неисправный нетгодности
некондиция поганий несправний
不合格 不合格品 不良 不良品 异常 異常 异常品 缺陷 缺陷品 次品 废品 廢品 坏 壞 坏品 有缺陷 失败
不通过 欠陥 欠陥品 異常あり 不可 キズ ng品 ng件
불량 불량품 불합격 불합격품 비정상 이상 결함
lose neispravan neispravno
cacat rusak
vigane feil fejl
ελαττωματικο פגום معیوب
تالف معيب खराब เสีย
"""

_NEUTRAL = frozenset(
    [
        "part",
        "parts",
        "piece",
        "pieces",
        "sample",
        "samples",
        "image",
        "images",
        "img",
        "imgs",
        "picture",
        "pictures",
        "photo",
        "photos",
        "item",
        "items",
        "unit",
        "units",
        "product",
        "products",
        "class",
        "classes",
        "label",
        "data",
        "set",
        "front",
        "back",
        "top",
        "bottom",
        "side",
        "left",
        "right",
        "new",
        "old",
        "all",
        "only",
        "teil",
        "teile",
        "bild",
        "bilder",
    ]
)

NEGATIONS = frozenset(
    [
        "no",
        "not",
        "non",
        "un",
        "never",
        "without",
        "zero",
        "0",
        "kein",
        "keine",
        "ohne",
        "nicht",
        "sans",
        "pas",
        "sin",
        "senza",
        "sem",
        "nao",
        "nem",
        "nincs",
        "ei",
        "ikke",
        "inte",
        "niet",
        "geen",
        "khong",
        "degil",
        "tidak",
        "bukan",
        "ne",
        "fara",
        "bez",
        "nie",
        "zonder",
        "uten",
        "utan",
        "без",
        "не",
        "нет",
        "无",
        "無",
        "未",
        "非",
    ]
)
_WORD_ENDS = re.compile(r"[\W_]+|(?<=[A-Za-z][a-z])(?=[A-Z][A-Za-z])|(?<=[A-Z]{2})(?=[A-Z][a-z])")
"""Between words, also of one name in capitals: notOk, OKTeile; iO, niO and nOK are one word."""
_GOOD_ENDINGS = ("good", "normal", "healthy")


def _plain(text: str) -> str:
    """Without case, accents and the forms of one letter (Unicode NFKD)."""
    apart = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l").replace("ı", "i"))
    return "".join(c for c in apart if not unicodedata.combining(c) or "\u3099" <= c <= "\u309a")


GOOD_WORDS = frozenset(_plain(word) for word in _GOOD.split())
BAD_WORDS = frozenset(_plain(word) for word in _BAD.split())


def meaning(label: str) -> Meaning:
    """good or bad where the whole name says so; unsure where only a part of it does, as `OK_NG`,
    `never_good`; unknown where nothing does, as `scratch`."""
    words = [_plain(word) for word in _WORD_ENDS.split(label) if word]
    joined = "".join(words)
    if joined in GOOD_WORDS:
        return "unsure" if joined in BAD_WORDS or re.search("[?？]", label) else "good"
    if joined in BAD_WORDS:
        return "bad"
    telling = _telling(words)
    if telling and all(word in GOOD_WORDS for word in telling):
        return "good"
    negated = any(word in NEGATIONS for word in words)
    if telling and not negated and all(word in BAD_WORDS for word in telling):
        return "bad"
    if negated:
        told = [word for word in words if word in GOOD_WORDS or word in BAD_WORDS]
        return "unsure" if told else "unknown"
    if any(word in GOOD_WORDS or word.endswith(_GOOD_ENDINGS) for word in telling):
        return "unsure"
    return "bad" if any(word in BAD_WORDS for word in telling) else "unknown"


def told_by_all(name: str, good: Collection[str], bad: Collection[str]) -> Meaning:
    """good or bad where every word of a name that tells something is one of these, as
    `NormalSound_2` but not `bad_light`; else unknown.
    """
    words = [_plain(word) for word in _WORD_ENDS.split(name) if word]
    telling = set(_telling(words))
    if telling and telling <= set(good):
        return "good"
    return "bad" if telling and telling <= set(bad) else "unknown"


def _telling(words: Sequence[str]) -> list[str]:
    """The words of a name that are neither numbers nor without a meaning, their numbers off."""
    told = [word for word in words if word not in _NEUTRAL and not word.isdigit()]
    return [word.rstrip("0123456789") for word in told]
