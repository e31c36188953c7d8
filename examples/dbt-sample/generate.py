"""Write the seeds: six weeks of invented people at four invented systems. The same every time.

    python generate.py [FOLDER]

A café is full on working days, and a shop on Saturdays; a campaign in the fifth week brings people back. Places are in
San Francisco, Lisbon and Tokyo, so that their days are not those of UTC, and clocks change in two of them. The tables
have the columns that the models read, as PyAirbyte writes them.
"""

import csv
import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

FIRST_DAY, WEEKS, CAMPAIGN_WEEK = datetime(2026, 3, 2), 6, 4
PRAGUE = ZoneInfo("Europe/Prague")

# Name, zone, hours when it is open, and how many come on each weekday, from Monday.
PLACES = [
    ("Ferry Café", "America/Los_Angeles", (7, 19), (4, 4, 5, 4, 3, 1, 0)),
    ("Baixa Shop", "Europe/Lisbon", (10, 20), (1, 1, 1, 2, 2, 6, 2)),
    ("Shibuya Lounge", "Asia/Tokyo", (15, 23), (0, 1, 1, 2, 4, 3, 1)),
]
WHERE = [(37.795, -122.394), (38.711, -9.139), (35.659, 139.7)]
NAMES_NOW = {"Ferry Café": "Ferry Café, Pier 3"}
"""Places that have got another name since."""
HOMES = [9, 9, 6]
"""How many people are at home at each place; the rest have signed up only."""

EVENT_TYPES = {"login": "web", "newsletter": "web", "purchase": "shop", "complaint": "shop"}
NAMES = {"login": "Přihlášení", "newsletter": "Odběr novinek", "purchase": "Nákup", "complaint": "Reklamace"}


def identifier(*parts: object) -> str:
    return hashlib.md5(":".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def instant(local: datetime, zone: str | ZoneInfo) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone) if isinstance(zone, str) else zone).astimezone(timezone.utc)


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def days():
    for number in range(7 * WEEKS):
        yield number // 7, FIRST_DAY + timedelta(days=number)


def cloud4wi(random):
    """People sign up, most log in, and then come back to the place that is theirs."""
    people = [[identifier("guest", place, number) for number in range(count + 3)] for place, count in enumerate(HOMES)]
    rows = []

    def add(kind, guest, place, local, **parts):
        name, zone, _, _ = PLACES[place]
        created = instant(local, zone)
        rows.append(
            {
                "id": identifier("cloud4wi", len(rows)) + "l",
                "provider": "cloud4wi",
                "type": kind,
                "createdat": created,
                "organizationid": identifier("organisation"),
                "contactid": guest,
                "event": {"type": kind, **parts},
                # Some accounts have these at the top level instead of in `event`.
                "visit": None,
                "signup": None,
                "email": None,
                "sms": None,
                "survey": None,
                "promo": None,
                "where": {} if kind.endswith("_email") else {"locationId": identifier(name), "locationName": name},
                "when": {"createdAt": text(created), "createdAtLocal": text(local), "timezone": zone},
            }
        )

    for place, guests in enumerate(people):
        for number, guest in enumerate(guests):
            arrival = FIRST_DAY + timedelta(days=number, hours=PLACES[place][2][0], minutes=random.randrange(60))
            add("signup", guest, place, arrival, signup={"source": "wifi"})
            if number < HOMES[place] + 1:
                add("login", guest, place, arrival + timedelta(minutes=random.randrange(1, 9)))
    for week, day in days():
        for place, (_, zone, (opens, closes), visitors) in enumerate(PLACES):
            known = people[place][: min(HOMES[place], 2 + 2 * (day - FIRST_DAY).days)]
            count = round(visitors[day.weekday()] * (1.6 if week == CAMPAIGN_WEEK else 1))
            for guest in random.sample(known, min(count, len(known))):
                minutes = random.randrange(15, 150)
                begin = day + timedelta(hours=opens, minutes=random.randrange((closes - opens) * 60))
                end = begin + timedelta(minutes=minutes)
                stay = {"startAt": text(instant(begin, zone)), "startAtLocal": text(begin), "timezone": zone}
                if random.random() < 0.4:
                    add("login", guest, place, begin + timedelta(minutes=2))
                add("visit", guest, place, end, visit={**stay, "duration": minutes})
        if week == CAMPAIGN_WEEK and day.weekday() == 0:
            campaign = {"campaignId": identifier("campaign"), "campaignName": "We miss you"}
            for place, guests in enumerate(people):
                for guest in guests:
                    sent = day + timedelta(hours=9)
                    add("send_email", guest, place, sent, email=campaign)
                    if random.random() < 0.6:
                        opened = sent + timedelta(minutes=random.randrange(5, 600))
                        add("open_email", guest, place, opened, email=campaign)
                        if random.random() < 0.5:
                            add("click_email", guest, place, opened + timedelta(minutes=1), email=campaign)
    return rows


def swipe_one(random):
    """People open an e-mail, follow its link, look around, and one in four orders."""
    rows = []

    def add(kind, number, moment, **properties):
        rows.append(
            {
                "id": hashlib.sha256(f"swipe_one {len(rows)}".encode()).hexdigest(),
                "provider": "swipe_one",
                "type": kind,
                "createdat": moment,
                "organizationid": "sample-workspace",
                "contactid": identifier("lead", number)[:24],
                "properties": properties,
                "createdby": {"id": "automation", "name": "Newsletter", "type": "automation"},
            }
        )

    for number in range(30):
        home = random.choice(("New York", "São Paulo", "東京"))
        add("form_submitted", number, instant(FIRST_DAY + timedelta(hours=12 * number), "UTC"), form="newsletter")
        for week in range(1, WEEKS):
            if random.random() > 0.5:
                continue
            moment = instant(FIRST_DAY + timedelta(weeks=week, minutes=random.randrange(7 * 1440)), "UTC")
            add("email_opened", number, moment, email_subject=f"Letter {week}", location=home)
            if random.random() < 0.6:
                add("link_clicked", number, moment + timedelta(minutes=1), device="mobile", location=home)
                for page in range(random.randrange(1, 5)):
                    add("page_viewed", number, moment + timedelta(minutes=2 + 4 * page), page=page, location=home)
                if random.random() < 0.25:
                    add("order_placed", number, moment + timedelta(minutes=25), total=random.randrange(10, 90))
    return rows


def app_market(random):
    """Customers of two shops: some order, some come and buy, with a coupon or without."""
    rows = []

    def add(kind, number, moment, **content):
        rows.append(
            {
                "id": identifier("app_market", len(rows)),
                "provider": "app_market",
                "type": kind,
                "createdat": moment,
                "organizationid": "sample-instance",
                "contactid": identifier("customer", number),
                "scope": "app",
                "content": content,
                "properties": None,
            }
        )

    for number in range(24):
        shop = ("Groningen", "Boston")[number % 2]
        moment = instant(FIRST_DAY + timedelta(days=number, hours=10), "UTC")
        add("new_contact", number, moment, store_id=shop)
        while random.random() < 0.75:
            moment += timedelta(days=random.randrange(1, 9), minutes=random.randrange(480))
            if moment >= instant(FIRST_DAY + timedelta(weeks=WEEKS), "UTC"):
                break
            if random.random() < 0.4:
                add("coupon_used", number, moment - timedelta(minutes=3), store_id=shop)
            kind = random.choice(("store_purchase", "store_purchase", "new_order"))
            total = {"amount": random.randrange(500, 9000) / 100, "currency": "EUR"}
            add(kind, number, moment, store_id=shop, total=total)
    return rows


def carecloud(random):
    """Members of a club: purchases with a store and an amount. A few events are deleted, and one has no time."""
    rows, records = [], []

    def add(kind, number, local, state=1, **properties):
        event_id = identifier("carecloud", len(rows))[:26]
        moment = local and instant(local, PRAGUE)
        customer, type_id = identifier("member", number)[:26], identifier("type", kind)[:26]
        common = {"provider": "carecloud", "organizationid": "club.example.com", "contactid": customer}
        rows.append(
            {
                **common,
                "id": event_id,
                "type": type_id,
                "createdat": moment,
                "created_at": f"{local:%Y-%m-%d %H:%M:%S}" if local else "0000-00-00 00:00:00",
                "state": state,
                "external_id": f"till-{len(rows)}",
                "secondary_external_id": None,
                "data": json.dumps('{"till": 3}') if kind == "purchase" else None,
            }
        )
        for name, value in properties.items():
            records.append(
                {
                    **common,
                    "id": f"{event_id}:{name}",
                    "createdat": moment,
                    "eventid": event_id,
                    "property_id": name,
                    "property_name": {"store": "Prodejna", "amount": "Částka", "delivered": "Doručeno"}[name],
                    "property_value": value,
                }
            )

    for number in range(28):
        store = ("Praha", "Brno", "Praha")[number % 3]
        joined = FIRST_DAY + timedelta(days=number, hours=18)
        add("newsletter", number, joined)
        if random.random() < 0.8:
            add("login", number, joined + timedelta(minutes=4))
        for week in range(1 + number // 7, WEEKS):
            if random.random() < 0.4:
                # Late in the evening: in UTC, and on the clock of the club, these are different days.
                day = FIRST_DAY + timedelta(weeks=week, days=random.choice((3, 4, 5, 5)))
                local = day + timedelta(hours=random.choice((0, 11, 17, 20)), minutes=random.randrange(60))
                amount = random.randrange(5000, 250000) / 100
                state = 0 if random.random() < 0.05 else 1
                add("purchase", number, local, state, store=store, amount=amount, delivered=random.random() < 0.7)
                if random.random() < 0.1:
                    add("complaint", number, local + timedelta(days=2))
    add("login", 0, None)
    return rows, records


def write(folder, name, rows):
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows({column: cell(value) for column, value in row.items()} for row in rows)


def cell(value):
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S+00:00}"
    if isinstance(value, dict | bool | float):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "seeds"
    members, records = carecloud(Random(4))
    # A value is JSON, because a property may be of any type.
    records = [{**row, "property_value": json.dumps(row["property_value"], ensure_ascii=False)} for row in records]
    types = [
        {
            "event_type_id": identifier("type", name)[:26],
            "provider": "carecloud",
            "organizationid": "club.example.com",
            "event_group_id": identifier("group", group)[:26],
            "event_group_text_id": group,
            "name": NAMES[name],
            "text_id": name,
            "state": 1,
        }
        for name, group in EVENT_TYPES.items()
    ]
    locations = [
        {
            "id": identifier(name),
            "provider": "cloud4wi",
            "organizationid": identifier("organisation"),
            "name": NAMES_NOW.get(name, name),
            "lat": latitude,
            "lng": longitude,
            "timezone": zone,
            "externalid": f"store-{number}",
            "tags": {},
        }
        for number, ((name, zone, _, _), (latitude, longitude)) in enumerate(zip(PLACES, WHERE, strict=True), 1)
    ]
    tables = {
        "cloud4wi_org_events": cloud4wi(Random(1)),
        "cloud4wi_locations": locations,
        "swipe_one_contact_events": swipe_one(Random(2)),
        "app_market_org_events": app_market(Random(3)),
        "carecloud_org_events": members,
        "carecloud_property_records": records,
        "carecloud_event_types": types,
    }
    for name, rows in tables.items():
        write(folder, name, rows)


if __name__ == "__main__":
    main()
