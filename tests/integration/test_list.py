"""GET /api/sms: pages, the links between them, and filters, checked against a model in Python."""

import contextlib
import itertools
import json
import sqlite3
import subprocess
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from harness.phone import Phone
from harness.raw_http import ask
from harness.waiting import LIMIT_SECONDS, wait_for

NUMBERS = ("+1234567890", "+4915112345678", "+8613912345678", "+390612345678")
PHONES = ("phone-a", "phone-b", "Phone_C")
REPORTS = ("accepted", "sending", "sent", "delivered", "failed")
WITH_PHONES, TOTAL = 45, 137
UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


class Filled:
    """A gateway with 137 messages, and what a test must find there, newest first."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.api = gateway.api
        self.messages = []
        phones = [Phone(gateway, device_id) for device_id in PHONES]
        self._send(WITH_PHONES)
        for phone in phones:
            self._take_and_report(phone)
            phone.close()
        wait_for(lambda: not self.api.devices(), "the phones to be gone")
        self._send(TOTAL - WITH_PHONES)
        self.messages.sort(key=lambda message: message["message_id"], reverse=True)

    def _send(self, count):
        for index in range(count):
            sent = self.api.send(NUMBERS[index % len(NUMBERS)], f"Message {index}")
            self.messages.append({"message_id": sent["message_id"], "status": "queued",
                                  "device_id": None, "phone_number": sent["phone_number"],
                                  "created_at": sent["created_at"]})

    def _take_and_report(self, phone):
        known = {message["message_id"]: message for message in self.messages}
        wait_for(lambda: not self.gateway.query("SELECT 1 FROM message WHERE status = 0"),
                 "the messages to be with the phones")
        [(count,)] = self.gateway.query("SELECT count(*) FROM message WHERE device_id = ?",
                                        phone.device_id)
        assert count > 0
        for index in range(count):
            message_id = phone.receive_sms()["message_id"]
            status = REPORTS[index % len(REPORTS)]
            if status != "accepted":
                phone.report(message_id, status)
            self.api.wait_status(message_id, status)
            known[message_id] |= {"status": status, "device_id": phone.device_id}

    def ids(self, **filters):
        """The ids of the messages that pass, newest first."""
        return [message["message_id"] for message in self.messages
                if all(passes(message, name, value) for name, value in filters.items())]


def passes(message, name, value):
    if value is None:
        return True
    if name == "created_after":
        return moment(message["created_at"]) >= moment(value)
    if name == "created_before":
        return moment(message["created_at"]) < moment(value)
    return message[name] == value


def moment(text):
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def filled(module_gateway):
    return Filled(module_gateway(DEVICE_WINDOW=256).start())


def ids_of(page):
    return [message["message_id"] for message in page["messages"]]


def get_page(api, link):
    """A page; its links in the body and in the header must agree."""
    answer = api.get(link)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    in_header = {relation: found["url"] for relation, found in answer.links.items()}
    in_body = {"next": page["next"], "prev": page["previous"]}
    assert in_header == {relation: url for relation, url in in_body.items() if url is not None}
    assert page["count"] == len(page["messages"]) <= page["limit"]
    assert ids_of(page) == sorted(set(ids_of(page)), reverse=True)
    return page


def walk(api, link, direction="next"):
    """The pages from a link on."""
    while link:
        page = get_page(api, link)
        yield page
        link = page[direction]


def list_url(parameters):
    return "/api/sms?" + urlencode(parameters)


def all_ids(pages):
    return [message_id for page in pages for message_id in ids_of(page)]


# ---- Pages ----

def test_the_curl_line_of_the_description_lists_messages(filled):
    key = filled.gateway.api_key()
    line = (f'curl "{filled.gateway.url}/api/sms?limit=10&offset=0"'
            f" -H 'Authorization: Bearer {key}'")
    curl = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    page = json.loads(curl.stdout)
    assert ids_of(page) == filled.ids()[:10]
    assert (page["count"], page["total"], page["limit"], page["offset"]) == (10, TOTAL, 10, 0)


def test_an_empty_list_is_one_page_without_neighbours(make_gateway):
    gateway = make_gateway().start()
    for link in ("/api/sms", "/api/sms?limit=1&offset=0", f"/api/sms?cursor=before-{UNKNOWN_ID}",
                 f"/api/sms?cursor=after-{UNKNOWN_ID}", "/api/sms?status=sent"):
        page = get_page(gateway.api, link)
        assert (page["messages"], page["count"], page["total"]) == ([], 0, 0)
        assert (page["next"], page["previous"]) == (None, None)


def test_a_page_has_fifty_messages_by_default(filled):
    page = get_page(filled.api, "/api/sms")
    assert (page["limit"], page["count"], page["total"], page["offset"]) == (50, 50, TOTAL, 0)
    assert ids_of(page) == filled.ids()[:50]
    assert page["previous"] is None


def test_an_entry_of_the_list_is_the_message_itself(filled):
    def differing():
        return [message for message in get_page(filled.api, "/api/sms?limit=1000")["messages"]
                if filled.api.message(message["message_id"]) != message]

    wait_for(lambda: differing() == [], "both to know what a message waits for")


@pytest.mark.parametrize("limit", [1, 10, 50, 136, 137, 138, 1000])
@pytest.mark.parametrize("first", ["/api/sms?limit={}", "/api/sms?limit={}&offset=0"],
                         ids=["by cursor", "by offset"])
def test_walking_next_to_the_end_and_back_meets_each_message_once(filled, first, limit):
    pages = list(walk(filled.api, first.format(limit)))
    assert all_ids(pages) == filled.ids()
    assert len(pages) == -(-TOTAL // limit)
    assert {page["total"] for page in pages} == {TOTAL}
    assert {page["limit"] for page in pages} == {limit}
    offsets = [page["offset"] for page in pages]
    if "offset" in first:
        assert offsets == list(range(0, TOTAL, limit))
    else:
        assert offsets == [0] + [None] * (len(pages) - 1)

    if len(pages) > 1:
        back = list(walk(filled.api, pages[-1]["previous"], "previous"))
        assert all_ids(reversed(back)) == filled.ids()[:-pages[-1]["count"]]
        assert {page["total"] for page in back} == {TOTAL}


@pytest.mark.parametrize("filters", [
    {"status": "queued"}, {"device_id": "phone-b"}, {"phone_number": NUMBERS[1]},
    {"phone_number": NUMBERS[0], "status": "queued"}], ids=str)
@pytest.mark.parametrize("first", [{}, {"offset": 0}], ids=["by cursor", "by offset"])
def test_the_links_keep_the_filters(filled, filters, first):
    pages = list(walk(filled.api, list_url(filters | first | {"limit": 4})))
    assert len(pages) > 2
    assert all_ids(pages) == filled.ids(**filters)
    back = list(walk(filled.api, pages[-1]["previous"], "previous"))
    assert all_ids(reversed(back)) == filled.ids(**filters)[:-pages[-1]["count"]]
    for page in pages[:-1]:
        link = parse_qs(urlsplit(page["next"]).query, strict_parsing=True)
        assert link.pop("limit") == ["4"]
        assert len(link.pop("offset" if first else "cursor")) == 1
        assert link == {name: [value] for name, value in filters.items()}
    assert {page["total"] for page in pages} == {len(filled.ids(**filters))}


def test_the_links_keep_a_span_of_time(filled):
    times = [message["created_at"] for message in filled.messages]
    span = {"created_after": times[100], "created_before": times[20]}
    pages = list(walk(filled.api, list_url(span | {"limit": 7})))
    assert all_ids(pages) == filled.ids(**span)
    back = list(walk(filled.api, pages[-1]["previous"], "previous"))
    assert all_ids(reversed(back)) == filled.ids(**span)[:-pages[-1]["count"]]


@pytest.mark.parametrize("offset, count", [(0, 50), (100, 37), (136, 1), (137, 0), (100000, 0)])
def test_an_offset_skips_so_many(filled, offset, count):
    page = get_page(filled.api, f"/api/sms?offset={offset}")
    assert ids_of(page) == filled.ids()[offset:offset + 50]
    assert (page["count"], page["offset"], page["total"]) == (count, offset, TOTAL)
    assert (page["next"] is None) == (offset + 50 >= TOTAL)
    assert (page["previous"] is None) == (offset == 0)


@pytest.mark.parametrize("written", ["limit=5", "limit=005", "limit=%35", "&&limit=5&",
                                     "%6Cimit=5"])
def test_a_parameter_may_be_written_in_any_way_a_query_allows(filled, written):
    assert ids_of(ask(filled.gateway, "GET", f"/api/sms?{written}").json()) == filled.ids()[:5]


def test_a_cursor_is_a_place_and_needs_no_message_there(filled):
    ids = filled.ids()
    for place in (ids[60], ids[60].upper()):
        older = get_page(filled.api, f"/api/sms?limit=5&cursor=before-{place}")
        newer = get_page(filled.api, f"/api/sms?limit=5&cursor=after-{place}")
        assert ids_of(older) == ids[61:66]
        assert ids_of(newer) == ids[55:60]
    # A place is the time, the counter and the first eight random bits of an id (message_id_seq): another of these bits.
    between = f"{ids[60][:20]}{'0' if ids[60][20] != '0' else '1'}{ids[60][21:]}"
    at = 60 if between < ids[60] else 59  # the last message that is newer
    assert ids_of(get_page(filled.api, f"/api/sms?limit=5&cursor=before-{between}")) \
        == ids[at + 1:at + 6]


def test_a_cursor_may_lie_before_and_after_all_messages(filled):
    ids = filled.ids()
    lowest, highest = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
    assert ids_of(get_page(filled.api, f"/api/sms?limit=5&cursor=before-{highest}")) == ids[:5]
    assert ids_of(get_page(filled.api, f"/api/sms?limit=5&cursor=after-{lowest}")) == ids[-5:]
    for beyond in (f"before-{lowest}", f"after-{highest}"):
        page = get_page(filled.api, f"/api/sms?cursor={beyond}")
        assert (page["count"], page["total"]) == (0, TOTAL)


def test_new_messages_neither_shift_nor_repeat_a_walk_by_cursor(make_gateway):
    gateway = make_gateway().start()
    ids = sorted((gateway.api.send()["message_id"] for _ in range(25)), reverse=True)
    visited, link = [], "/api/sms?limit=4"
    while link:
        page = get_page(gateway.api, link)
        visited += ids_of(page)
        ids.insert(0, gateway.api.send()["message_id"])
        link = page["next"]
    assert visited == ids[-25:]

    back, link = [], page["previous"]
    for _ in range(3):  # some more while it goes back
        page = get_page(gateway.api, link)
        back = ids_of(page) + back
        ids.insert(0, gateway.api.send()["message_id"])
        link = page["previous"]
    back = all_ids(reversed(list(walk(gateway.api, link, "previous")))) + back
    assert back == ids[:-1]  # all but the last page, which had the last of 25 = 6 * 4 + 1


# ---- Filters ----

@pytest.mark.parametrize("device_id", [None, "phone-a", "Phone_C", "nobody", "PHONE-A"])
@pytest.mark.parametrize("status", [None, "queued", "dispatched", "accepted", "sending", "sent",
                                    "delivered", "failed", "expired", "cancelled", "unknown"])
def test_every_combination_of_filters_finds_what_the_model_finds(filled, status, device_id):
    times = [message["created_at"] for message in filled.messages]
    numbers = (None, NUMBERS[0], NUMBERS[3], "+1999999999")
    after = (None, times[-1], times[110])
    before = (None, times[0], times[70])
    for number, start, end in itertools.product(numbers, after, before):
        filters = {"status": status, "device_id": device_id, "phone_number": number,
                   "created_after": start, "created_before": end}
        given = {name: value for name, value in filters.items() if value is not None}
        page = filled.api.get("/api/sms", params=given | {"limit": 5}).json()
        expected = filled.ids(**filters)
        assert (ids_of(page), page["total"]) == (expected[:5], len(expected)), filters


def test_the_model_has_something_in_every_status_it_can_have(filled):
    assert {message["status"] for message in filled.messages} == {"queued", *REPORTS}
    assert {message["device_id"] for message in filled.messages} == {None, *PHONES}
    assert len(filled.messages) == TOTAL


@pytest.mark.parametrize("written", [
    "%2B4915112345678", "+4915112345678", "%204915112345678", "%2B49%20(151)%20123-456%2078",
    "+49+151.123/45678", "%20%2B4915112345678", "%2B49%2F151%2F12345678"])
def test_a_number_may_be_written_as_for_sending_and_with_a_bare_plus(filled, written):
    answer = ask(filled.gateway, "GET", f"/api/sms?limit=5&phone_number={written}")
    assert answer.status == 200
    expected = filled.ids(phone_number="+4915112345678")
    assert (ids_of(answer.json()), answer.json()["total"]) == (expected[:5], len(expected))
    following = filled.api.get(answer.json()["next"]).json()
    assert ids_of(following) == expected[5:10]


def test_created_after_includes_its_moment_and_created_before_does_not(filled):
    at = filled.messages[60]["created_at"]
    same = [message["message_id"] for message in filled.messages if message["created_at"] == at]
    after = filled.api.get("/api/sms", params={"created_after": at, "limit": 1000}).json()
    before = filled.api.get("/api/sms", params={"created_before": at, "limit": 1000}).json()
    assert set(same) <= set(ids_of(after))
    assert not set(same) & set(ids_of(before))
    assert after["total"] + before["total"] == TOTAL
    both = {"created_after": at, "created_before": at}
    assert filled.api.get("/api/sms", params=both).json()["total"] == 0


def spellings(at):
    """One moment as RFC 3339 lets people write it."""
    def there(hours, minutes=0):
        zone = timezone(timedelta(hours=hours, minutes=minutes))
        return at.astimezone(zone).isoformat(timespec="milliseconds")

    zulu = there(0).replace("+00:00", "Z")
    return {"Z": zulu, "small letters": zulu.lower(), "a space": zulu.replace("T", " "),
            "more digits": zulu.replace("Z", "000000Z"), "+00:00": zulu.replace("Z", "+00:00"),
            "-00:00": zulu.replace("Z", "-00:00"), "east": there(5, 45), "west": there(-11)}


@pytest.mark.parametrize("form", spellings(datetime.now(timezone.utc)))
def test_a_time_means_the_same_however_it_is_written(filled, form):
    written = spellings(moment(filled.messages[60]["created_at"]))[form]
    found = filled.api.get("/api/sms", params={"created_after": written, "limit": 1000}).json()
    assert ids_of(found) == filled.ids(created_after=filled.messages[60]["created_at"])


@pytest.mark.parametrize("written, total", [
    ("0000-01-01T00:00:00Z", TOTAL), ("0000-01-01T00:00:00%2B23:59", TOTAL),
    ("1970-01-01T00:00:00Z", TOTAL), ("2024-02-29T00:00:00Z", TOTAL),
    ("2016-12-31T12:00:00.5Z", TOTAL), ("2016-12-31T23:59:60Z", TOTAL),  # a leap second that was
    ("9999-12-31T23:59:59Z", 0), ("9999-12-31T23:59:59-23:59", 0)])
def test_every_time_of_rfc_3339_is_taken(filled, written, total):
    answer = ask(filled.gateway, "GET", f"/api/sms?limit=1&created_after={written}")
    assert answer.status == 200
    assert answer.json()["total"] == total


# ---- Parameters that are not valid ----

INVALID, RANGE, UNKNOWN = "invalid_value", "out_of_range", "unknown_field"
BAD_TIMES = ("", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
             "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
             "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
             "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
             "2026-01-01T00:00Z", "2026-1-1T0:0:0Z", "2026-01-01T00:00:00%2B0200",
             "2026-01-01T00:00:00%2B24:00", "2026-01-01T00:00:00%2B02", "2026-01-01T00:00:00Zx",
             "2026-01-01T00:00:00+02:00",  # a + that is not escaped is a space
             "%2B2026-01-01T00:00:00Z", "-2026-01-01T00:00:00Z", "1700000000", "2026%0A", "%FF")
BAD_QUERIES = [
    *[(f"limit={value}", [("limit", INVALID)])
      for value in ("", "abc", "1.5", "1e2", "0x10", "%2B5", "+5", "5+", "5%0A", "--5", "-", "5,5",
                    "%D9%A5")],
    ("limit", [("limit", INVALID)]),
    *[(f"limit={value}", [("limit", RANGE)])
      for value in ("0", "-0", "-1", "1001", "99999999999999999999", "-99999999999999999999")],
    *[(f"offset={value}", [("offset", INVALID)]) for value in ("", "abc", "1.5", "%20")],
    *[(f"offset={value}", [("offset", RANGE)])
      for value in ("-1", "100001", "99999999999999999999")],
    *[(f"cursor={value}", [("cursor", INVALID)])
      for value in ("", "garbage", "before-", "after-", "before-x", UNKNOWN_ID, f"-{UNKNOWN_ID}",
                    f"Before-{UNKNOWN_ID}", f"between-{UNKNOWN_ID}", f"before-{UNKNOWN_ID}0",
                    f"before-{UNKNOWN_ID[:-1]}", f"before-{UNKNOWN_ID[:-1]}g",
                    f"before-after-{UNKNOWN_ID}", "before-%27;--", "before-%00")],
    (f"cursor=before-{UNKNOWN_ID}&offset=0", [("offset", INVALID)]),
    (f"offset=5&cursor=after-{UNKNOWN_ID}", [("offset", INVALID)]),
    *[(f"status={value}", [("status", INVALID)])
      for value in ("", "nonsense", "Queued", "queue", "queued,sent", "queued%20", "0",
                    "%27%20OR%201=1", "x" * 500)],
    *[(f"device_id={value}", [("device_id", INVALID)])
      for value in ("", "a%20b", "a.b", "a/b", "%C3%A4", "a" * 65, "a" * 500, "*", "%25", "a+b")],
    *[(f"phone_number={value}", [("phone_number", "invalid_phone_number")])
      for value in ("", "abc", "1234567890", "%2B123456", "%2B1234567890123456", "%2B0123456789",
                    "%2B%2B1234567890", "%2B123456789%25")],
    *[(f"{name}={value}", [(name, INVALID)])
      for name in ("created_after", "created_before") for value in BAD_TIMES],
    ("unknown=1", [("unknown", UNKNOWN)]),
    ("unknown", [("unknown", UNKNOWN)]),
    ("Limit=1", [("Limit", UNKNOWN)]),
    ("limit%20=1", [("limit ", UNKNOWN)]),
    ("limit[]=1", [("limit[]", UNKNOWN)]),
    ("=1", [("", UNKNOWN)]),
    ("/limit=1", [("/limit", UNKNOWN)]),
    ("%2Flimit=1", [("/limit", UNKNOWN)]),
    ("%22%0D%0A%5C=1", [('"\r\n\\', UNKNOWN)]),
    ("%C3%A4=1", [("ä", UNKNOWN)]),
    ("limit=1&limit=1", [("limit", INVALID)]),
    ("limit=1&limit=2", [("limit", INVALID)]),
    ("limit=1&%6Cimit=2", [("limit", INVALID)]),
    ("status=sent&limit=5&status=failed", [("status", INVALID)]),
    *[(f"limit={value}", [("limit", INVALID)])
      for value in ("%", "%2", "%zz", "%2g", "%00", "1%00", "%FF", "%C3", "%C0%AF", "%ED%A0%80")],
    *[(f"{name}={value}", [(name, INVALID)])
      for name in ("offset", "status", "device_id", "phone_number") for value in ("%zz", "%00")],
    ("limit=0&offset=x&status=x&nothing=x",
     [("nothing", UNKNOWN), ("limit", RANGE), ("offset", INVALID), ("status", INVALID)]),
]


@pytest.mark.parametrize("query, errors", BAD_QUERIES, ids=lambda value: str(value)[:50])
def test_each_parameter_that_is_not_valid_is_named(gateway, query, errors):
    answer = ask(gateway, "GET", f"/api/sms?{query}")
    assert (answer.status, answer.code) == (422, "validation_failed")
    found = [(error["parameter"], error["code"]) for error in answer.json()["errors"]]
    assert found == errors


@pytest.mark.parametrize("query, words", [
    ("created_after=2026-01-01T00:00:00+01:00", "write %2B"),
    ("created_before=2026-01-01T00:00:00.5+14:00", "write %2B"),
    ("created_after=2026-01-01T00:00:00", "has no UTC offset"),
    ("created_before=2026-01-01%2009:45:00.123456", "has no UTC offset"),
    ("created_before=2026-01-01T09:45:00%2B0100", "needs a colon in its UTC offset"),
    ("created_before=2026-01-01T09:45:00.5-0800", "needs a colon in its UTC offset"),
    ("created_before=2026-01-01T09:45:00+0100", "needs a colon in its UTC offset"),
    ("created_before=2026-01-01T09:45:00%2B9900", "must be an RFC 3339 time"),
    ("created_before=2026-01-0112345", "must be an RFC 3339 time"),
    ("created_after=2026-01-01", "has no time of day"),
    ("created_after=2026-02-30T00:00:00", "must be an RFC 3339 time"),
    ("limit=", "or give a number"), ("Limit=5", "did you mean limit?"), ("page_size=5", "did you mean limit?"),
    ("page=2", "did you mean offset?"), ("since=x", "did you mean created_after?"),
    ("to=%2B49", "did you mean phone_number?"), ("phoneNumber=%2B49", "did you mean phone_number?"),
    ("statsu=sent", "did you mean status?"), ("_=1", "remove it"), ("limit=1&limit=1", "more than once"),
    ("phone_number=12345", "short codes are not supported"),
    ("phone_number=tel:%2B4915112345678", "is a URI")])
def test_an_invalid_parameter_is_explained(gateway, query, words):
    [error] = ask(gateway, "GET", f"/api/sms?{query}").json()["errors"]
    assert words in error["detail"]


@pytest.mark.parametrize("name", ["%FF", "x%FF", "%C3", "%zz", "limit%00", "x" * 31, "x" * 32,
                                  "x" * 500, "%C3%A4" * 40, "%F0%9F%98%80" * 20])
def test_a_name_that_cannot_be_a_parameter_is_refused_in_a_readable_answer(gateway, name):
    answer = ask(gateway, "GET", f"/api/sms?{name}=1")
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert len(answer.json()["errors"]) == 1


@pytest.mark.parametrize("count", [10, 100, 300, 2000])
def test_many_unknown_parameters_are_refused_in_a_readable_answer(gateway, count):
    answer = ask(gateway, "GET", "/api/sms?" + "&".join(["a=1"] * count))
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert 1 <= len(answer.json()["errors"]) <= count


# ---- Pages that are too long ----

LONGEST = "\r" * (255 * 153)  # MAX_MESSAGE_SEGMENTS at its most; each is six bytes in JSON
MANY = 400  # three pages of them


@pytest.fixture(scope="module")
def heavy(module_gateway):
    """A gateway with the longest page there can be. The texts come by SQL, which is quicker."""
    gateway = module_gateway().start()
    ids = [gateway.api.send(message="x")["message_id"] for _ in range(MANY)]
    gateway.api_fcgi.stop()
    gateway.ws_broker.stop()
    with contextlib.closing(sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)) as database, database:
        database.execute("UPDATE message SET text = ?, segments = 255", (LONGEST,))
    gateway.ws_broker.start()
    gateway.api_fcgi.start()
    return gateway, sorted(ids, reverse=True)


@pytest.mark.parametrize("first", ["/api/sms?limit=1000", "/api/sms?limit=1000&offset=0"],
                         ids=["by cursor", "by offset"])
def test_many_of_the_longest_messages_come_in_pages_that_end_early(heavy, first):
    gateway, ids = heavy
    link, found = first, []
    while link:
        answer = gateway.api.get(link)
        assert answer.status_code == 200
        assert len(answer.content) < 32 << 20
        page = answer.json()
        assert 0 < page["count"] == len(page["messages"]) < page["limit"] == 1000
        assert page["total"] == MANY and page["messages"][0]["message"] == LONGEST
        if page["offset"] is not None:
            assert page["offset"] == len(found)
        found += ids_of(page)
        link, last = page["next"], page
    assert found == ids
    back, link = [], last["previous"]
    while link:
        page = gateway.api.get(link).json()
        back = ids_of(page) + back
        link = page["previous"]
    assert back == ids[:-last["count"]]


def test_the_tool_lists_many_of_the_longest_messages(heavy):
    gateway, ids = heavy
    status, out, errors = gateway.command("messages", "list", "--limit", str(MANY), "--json")
    assert status == 0, errors
    page = json.loads(out)
    assert ids_of(page) == ids and page["count"] == page["total"] == page["limit"] == MANY
    assert {message["message"] for message in page["messages"]} == {LONGEST}
    status, out, errors = gateway.command("messages", "list", "--limit", "300")
    assert status == 0, errors
    assert out.endswith(f"\n300 of {MANY} messages.\n")
    assert [line[:36] for line in out.splitlines()[1:-1]] == ids[:300]
