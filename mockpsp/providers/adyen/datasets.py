"""What a form loads besides: countries, states and telephone prefixes, and texts that differ from the package's own.

The lists are of our own making and short: the countries of the euro and their neighbours, and those whose addresses
have states. Formats: ``core/Services/get-dataset`` and ``utils/fetch…`` of adyen-web 6.45.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from json import loads
from pathlib import Path
from typing import Any

_FRENCH = Path(__file__).parent / "dropin_fr.json"
_LOCALE = re.compile(r"([a-z]{2,3})(?:-[A-Za-z0-9]{2,8})*\.json")

_COUNTRIES: tuple[tuple[str, str, str, str], ...] = (
    ("AD", "Andorra", "Andorre", "376"),
    ("AT", "Austria", "Autriche", "43"),
    ("AU", "Australia", "Australie", "61"),
    ("BE", "Belgium", "Belgique", "32"),
    ("BG", "Bulgaria", "Bulgarie", "359"),
    ("BR", "Brazil", "Brésil", "55"),
    ("CA", "Canada", "Canada", "1"),
    ("CH", "Switzerland", "Suisse", "41"),
    ("CY", "Cyprus", "Chypre", "357"),
    ("CZ", "Czechia", "Tchéquie", "420"),
    ("DE", "Germany", "Allemagne", "49"),
    ("DK", "Denmark", "Danemark", "45"),
    ("EE", "Estonia", "Estonie", "372"),
    ("ES", "Spain", "Espagne", "34"),
    ("FI", "Finland", "Finlande", "358"),
    ("FR", "France", "France", "33"),
    ("GB", "United Kingdom", "Royaume-Uni", "44"),
    ("GF", "French Guiana", "Guyane française", "594"),
    ("GP", "Guadeloupe", "Guadeloupe", "590"),
    ("GR", "Greece", "Grèce", "30"),
    ("HR", "Croatia", "Croatie", "385"),
    ("HU", "Hungary", "Hongrie", "36"),
    ("IE", "Ireland", "Irlande", "353"),
    ("IS", "Iceland", "Islande", "354"),
    ("IT", "Italy", "Italie", "39"),
    ("LI", "Liechtenstein", "Liechtenstein", "423"),
    ("LT", "Lithuania", "Lituanie", "370"),
    ("LU", "Luxembourg", "Luxembourg", "352"),
    ("LV", "Latvia", "Lettonie", "371"),
    ("MA", "Morocco", "Maroc", "212"),
    ("MC", "Monaco", "Monaco", "377"),
    ("MQ", "Martinique", "Martinique", "596"),
    ("MT", "Malta", "Malte", "356"),
    ("NC", "New Caledonia", "Nouvelle-Calédonie", "687"),
    ("NL", "Netherlands", "Pays-Bas", "31"),
    ("NO", "Norway", "Norvège", "47"),
    ("PF", "French Polynesia", "Polynésie française", "689"),
    ("PL", "Poland", "Pologne", "48"),
    ("PT", "Portugal", "Portugal", "351"),
    ("RE", "Réunion", "La Réunion", "262"),
    ("RO", "Romania", "Roumanie", "40"),
    ("SE", "Sweden", "Suède", "46"),
    ("SI", "Slovenia", "Slovénie", "386"),
    ("SK", "Slovakia", "Slovaquie", "421"),
    ("TN", "Tunisia", "Tunisie", "216"),
    ("US", "United States", "États-Unis", "1"),
)
"""Code, English name, French name, telephone prefix."""

_STATES: Mapping[str, str] = {
    "AU": "ACT Australian Capital Territory|NSW New South Wales|NT Northern Territory|QLD Queensland|"
    "SA South Australia|TAS Tasmania|VIC Victoria|WA Western Australia",
    "BR": "AC Acre|AL Alagoas|AP Amapá|AM Amazonas|BA Bahia|CE Ceará|DF Distrito Federal|ES Espírito Santo|GO Goiás|"
    "MA Maranhão|MT Mato Grosso|MS Mato Grosso do Sul|MG Minas Gerais|PA Pará|PB Paraíba|PR Paraná|PE Pernambuco|"
    "PI Piauí|RJ Rio de Janeiro|RN Rio Grande do Norte|RS Rio Grande do Sul|RO Rondônia|RR Roraima|SC Santa Catarina|"
    "SP São Paulo|SE Sergipe|TO Tocantins",
    "CA": "AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|"
    "NT Northwest Territories|NS Nova Scotia|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|"
    "YT Yukon",
    "US": "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|"
    "DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|"
    "KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|"
    "MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|"
    "NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|"
    "RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|"
    "WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming",
}

Rows = list[dict[str, str]]


def dataset(name: str, country: str, file: str) -> Rows | None:
    """``countries/{locale}.json``, ``states/{country}/{locale}.json``, ``phonenumbers.json``; None for any other."""
    if not name:
        return _prefixes() if file == "phonenumbers.json" else None
    found = _LOCALE.fullmatch(file)
    if found is None:
        return None
    if name == "countries" and not country:
        return _countries(french=found[1] == "fr")
    if name == "states" and len(country) == 2:
        return _states(country)
    return None


def _countries(*, french: bool) -> Rows:
    rows = [{"id": code, "name": in_french if french else name} for code, name, in_french, _ in _COUNTRIES]
    return sorted(rows, key=lambda each: each["name"].replace("É", "E"))


def _states(country: str) -> Rows:
    listed = _STATES.get(country)
    pairs = (each.split(" ", 1) for each in listed.split("|")) if listed else ()
    return [{"id": code, "name": name} for code, name in pairs]


def _prefixes() -> Rows:
    return [{"id": code, "prefix": f"+{prefix}"} for code, _, _, prefix in _COUNTRIES]


def translations(file: str) -> Mapping[str, Any] | None:
    """Texts by key for a locale's file: version 6 has English alone, and we have the French of the usual forms."""
    found = _LOCALE.fullmatch(file)
    if found is None:
        return None
    return _french() if found[1] == "fr" else {}


@cache
def _french() -> Mapping[str, str]:
    texts: dict[str, str] = loads(_FRENCH.read_text(encoding="utf-8"))
    return texts
