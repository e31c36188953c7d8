"""Invented events in the published form: the same arguments always give the same bytes.

Sub-objects follow the declared schema. What Cloud4Wi nowhere publishes is invented here: everything in `survey` after
the campaign's name, and all of `promo`. Times are whole seconds, local times carry the wrong `Z` that the published
example has, and names contain the characters that break careless clients.
"""

import datetime as clock
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sandbox.cloud4wi import ORGANIZATION_ID
from sandbox.cloud4wi.feed import Row
from sandbox.cloud4wi.times import SECOND, format_time, parse_time

# Every change of any zone's offset falls on a multiple of half an hour.
HALF_HOUR = 1800

UTC = clock.timezone.utc


class Place(NamedTuple):
    name: str
    timezone: str
    longitude: float
    latitude: float


PLACES = (
    Place("Milano Centrale, Piazza Duca d'Aosta 1", "Europe/Rome", 9.204, 45.486),
    Place('Caffè "Da Gino" \\ Trastevere, Roma', "Europe/Rome", 12.469, 41.889),
    Place("San Francisco Flagship Store, Union Square", "America/Los_Angeles", -122.407, 37.788),
    Place("New York — Grand Central\u2028Terminal", "America/New_York", -73.977, 40.752),
    Place("渋谷スクランブル交差点店", "Asia/Tokyo", 139.7, 35.659),
    Place("Kolkata Park Street\tLevel 2", "Asia/Kolkata", 88.352, 22.553),
    Place("काठमाडौं Durbar Marg", "Asia/Kathmandu", 85.317, 27.712),
    Place("Lord Howe Island 🏝 Visitor Centre", "Australia/Lord_Howe", 159.077, -31.528),
    Place("São Paulo, Avenida Paulista 1578", "America/Sao_Paulo", -46.655, -23.561),
)


class Draw(NamedTuple):
    """What is drawn for one event before its type decides the form."""

    random: Random
    contact: int
    place: int
    created: int


class Form(NamedTuple):
    """How events of one type look: the part of `event` after its id, and `where` for each place."""

    type: str
    weight: int
    event: Callable[[Draw], str]
    where: Sequence[bytes]
    organization: str = f'"organizationId":"{ORGANIZATION_ID}",'
    suffix: str = "l"


def generate(events: int, contacts: int, seed: int, start: str, end: str) -> Iterator[Row]:
    """Generate events in ascending order of `createdAt`, spread over the time between start and end inclusive."""
    first, last = parse_time(start) // SECOND, parse_time(end) // SECOND
    if events < 0 or contacts < 1 or first > last:
        raise ValueError("events must be at least 0, contacts at least 1, and start not after end")
    ids = [contact_id(number) for number in range(contacts)]
    random = Random(seed)
    forms = random.choices(FORMS, weights=[form.weight for form in FORMS], k=events)
    step = (last - first + 1) / max(events, 1)
    for number, form in enumerate(forms):
        created = min(last, first + int((number + random.random()) * step))
        contact = int(random.random() * contacts)
        place = int(random.random() * len(PLACES))
        yield _row(form, Draw(random, contact, place, created), ids[contact])


def contact_id(number: int) -> str:
    """The id of a generated contact; the same for every seed, so that later events belong to the same people."""
    return hashlib.md5(f"contact {number}".encode(), usedforsecurity=False).hexdigest()


def _row(form: Form, draw: Draw, contact: str) -> Row:
    event_id = f"{draw.random.getrandbits(128):032x}{form.suffix}"
    timezone = PLACES[draw.place].timezone
    local = draw.created + utc_offset(timezone, draw.created)
    event = (
        f'{form.organization}"customerId":"{contact}",'
        f'"event":{{"type":"{form.type}","id":"{event_id}"{form.event(draw)}}}'
    )
    when = (
        f'{{"createdAt":"{format_time(draw.created)}","createdAtLocal":"{format_time(local)}","timezone":"{timezone}"}}'
    )
    # Bytes, because a text with a single character beyond ASCII takes several times as long to join and encode.
    text = b'{%b,"where":%b,"when":%b}' % (event.encode(), form.where[draw.place], when.encode())
    return Row(text, event_id, form.type, contact, draw.created * SECOND, local * SECOND)


_offsets: dict[tuple[str, int], int] = {}


def utc_offset(timezone: str, moment: int) -> int:
    """Seconds from UTC to the local time of a moment in seconds."""
    key = timezone, moment // HALF_HOUR
    offset = _offsets.get(key)
    if offset is None:
        delta = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(timezone)).utcoffset()
        offset = _offsets[key] = int(delta.total_seconds()) if delta else 0
    return offset


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


LOCATIONS = [{"locationId": _digest(place.name), "locationName": place.name} for place in PLACES]
LOCATION = [_json(location).encode() for location in LOCATIONS]
HOTSPOT = [
    _json({**location, "hotspotId": _digest(f"hotspot {number}")}).encode() for number, location in enumerate(LOCATIONS)
]
GEOFENCE = [
    _json(
        {
            "geofenceName": place.name,
            "geofenceMetadata": [],
            "geofenceId": _digest("geofence " + place.name),
            "geofenceExtId": f"ext-{number}",
            "geofenceJSON": {"type": "Circle", "coordinates": [place.longitude, place.latitude], "radius": 100},
        }
    ).encode()
    for number, place in enumerate(PLACES)
]
NOWHERE = [b"{}"] * len(PLACES)
APP = _json(
    {
        "appId": "62d86f755d146f00012297ea",
        "appBundle": "com.cloud4wi.toolkit",
        "projectId": "62d86f0068c4fc0001c4d63f",
        "appOs": "android",
    }
)
CAMPAIGNS = [
    f'"campaignId":"{_digest(f"campaign {number}")}","campaignName":{_json(name)}'
    for number, name in enumerate(("Welcome back — 10 % off", "Win-back “VIP” customers", "Summer/Estate ☀ 2024"))
]
ANSWERS = ("Very satisfied", "Così così", "Would not\nrecommend")


def _nothing(draw: Draw) -> str:
    return ""


def _visit(draw: Draw) -> str:
    # A visit is reported when the contact leaves; its duration is in whole minutes, rounded down.
    seconds = int(draw.random.random() * 4 * 3600)
    return f',"visit":{{{_stay(draw, seconds)},"duration":{seconds // 60}}}'


def _geo_visit(draw: Draw) -> str:
    seconds = int(draw.random.random() * 12 * 3600)
    return f',"visit":{{{_stay(draw, seconds)},"duration":{seconds // 60},"properties":{APP}}}'


def _geo_arriving(draw: Draw) -> str:
    return f',"visit":{{{_stay(draw, 0)},"properties":{APP}}}'


def _stay(draw: Draw, seconds: int) -> str:
    timezone = PLACES[draw.place].timezone
    start = draw.created - seconds
    local = start + utc_offset(timezone, start)
    return f'"startAt":"{format_time(start)}","startAtLocal":"{format_time(local)}","timezone":"{timezone}"'


def _signup(draw: Draw) -> str:
    source = ("wifi", "kiosk", "api")[int(draw.random.random() * 3)]
    return f',"signup":{{"source":"{source}"}}'


def _email(draw: Draw) -> str:
    return (
        f',"email":{{{_campaign(draw)},"communicationId":"{draw.random.getrandbits(128):032x}",'
        f'"channel":"email","email":"contact-{draw.contact}@example.com"}}'
    )


def _sms(draw: Draw) -> str:
    return (
        f',"sms":{{{_campaign(draw)},"communicationId":"{draw.random.getrandbits(128):032x}",'
        f'"channel":"sms","phone":"555{draw.contact:07d}","prefix":"+39"}}'
    )


def _survey(draw: Draw) -> str:
    answer = _json(ANSWERS[int(draw.random.random() * len(ANSWERS))])
    answers = f'[{{"question":"How was your visit?","answer":{answer}}},{{"question":"Anything else?","answer":null}}]'
    return f',"survey":{{{_campaign(draw)},"answers":{answers}}}'


def _promo(draw: Draw) -> str:
    return f',"promo":{{{_campaign(draw)},"url":"https://example.com/promo?contact={draw.contact}&from=wifi#offer"}}'


def _campaign(draw: Draw) -> str:
    return CAMPAIGNS[int(draw.random.random() * len(CAMPAIGNS))]


# Weighted towards the types with large sub-objects, for about 640 bytes an event. Geofence events have no organization.
FORMS = (
    Form("arriving", 4, _nothing, HOTSPOT),
    Form("login", 9, _nothing, HOTSPOT),
    Form("signup", 2, _signup, HOTSPOT),
    Form("visit", 18, _visit, LOCATION),
    Form("geo_arriving", 29, _geo_arriving, GEOFENCE, organization="", suffix="g"),
    Form("geo_visit", 36, _geo_visit, GEOFENCE, organization="", suffix="g"),
    Form("send_email", 8, _email, LOCATION),
    Form("open_email", 5, _email, NOWHERE),
    Form("click_email", 3, _email, NOWHERE),
    Form("send_sms", 4, _sms, LOCATION),
    Form("click_sms", 3, _sms, NOWHERE),
    Form("survey", 3, _survey, HOTSPOT),
    Form("promo", 3, _promo, HOTSPOT),
)
