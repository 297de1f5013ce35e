"""The certificate store: found by fingerprint, uploaded once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._stores.cas import (
    CasStore,
    build_name,
    build_reference,
    build_token,
    read_digests,
)
from connectors.alibaba.waf import Waf
from domain.errors import Permanent, Transient
from tests.connectors.lab import Lab, Material, build_material
from tests.support.factory import CA
from tests.support.sm2_factory import Sm2Authority, build_pair

Row = dict[str, object]
NUMBERS = count()
MADE = build_material(CA().leaf(["www.example.com"]), "shop")


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as running:
        yield running


def store_of(lab: Lab) -> CasStore:
    return CasStore(AlibabaSettings.model_validate(lab.settings))


def sent(lab: Lab, action: str, field: str) -> set[str]:
    """The values of a field in all requests of this account for an action; "" where it lacks."""
    rows = lab.cloud.list_requests(lab.account)
    queries = [
        dict(parse_qsl(row["query"])) for row in rows if row["headers"]["x-acs-action"] == action
    ]
    return {query.get(field, "") for query in queries}


def put(lab: Lab, name: str, *made: Material) -> None:
    rows = [{"name": f"{name}{n}" if n else name, **one.seed} for n, one in enumerate(made)]
    lab.cloud.seed("cas", account=lab.account, certificates=rows)


class Counted:
    """A rate limit that only counts its permits."""

    def __init__(self) -> None:
        self.calls = 0

    def wait(self) -> None:
        self.calls += 1

    def pause(self, seconds: float) -> None:
        raise AssertionError("nothing asked for it")


def test_the_detail_of_a_certificate_has_its_own_rate_budget(lab: Lab) -> None:
    put(lab, "one", lab.issue("www.example.com"))
    listing, details = Counted(), Counted()
    store = CasStore(AlibabaSettings.model_validate(lab.settings), listing, details)
    cert_id = store.probe()
    assert cert_id is not None
    assert (store.get_detail(cert_id)["Name"], listing.calls, details.calls) == ("one", 1, 1)
    rates: dict[str, float] = {}

    def paces(name: str, rate: float) -> Counted:
        rates[name] = rate
        return Counted()

    Waf("main", AlibabaSettings.model_validate(lab.settings), rate_limits=paces)
    assert rates == {"alibaba.waf": 5, "alibaba.cas": 10, "alibaba.cas/details": 100}


def test_connectors_of_an_account_list_its_store_once(lab: Lab) -> None:
    made = lab.issue("www.example.com")
    put(lab, "one", made)
    found = [store_of(lab).install(made.certificate, made.key) for _ in range(3)]
    (row,) = lab.list_stored(made)
    assert [each.fields["cert_id"] for each in found] == [str(row["id"])] * 3
    assert len(listings(lab)) == 1
    newer = lab.issue("api.example.com")
    first = store_of(lab).install(newer.certificate, newer.key)
    leaf = read_leaf(newer.certificate.chain_pem)
    assert leaf is not None
    assert store_of(lab).find(leaf) == first, "what was uploaded since is known"
    assert len(listings(lab)) == 1


def test_what_was_listed_and_is_gone_since_is_uploaded_again(lab: Lab) -> None:
    made = lab.issue("www.example.com")
    first = store_of(lab).install(made.certificate, made.key)
    deleting = {"CertId": first.fields["cert_id"]}
    store_of(lab).client.call("DeleteUserCertificate", deleting)
    again = store_of(lab).install(made.certificate, made.key)
    assert [row["id"] for row in lab.list_stored(made)] == [int(again.fields["cert_id"])]
    assert again != first


def listings(lab: Lab) -> list[Row]:
    rows = lab.cloud.list_requests(lab.account)
    return [row for row in rows if row["headers"]["x-acs-action"] == "ListUserCertificateOrder"]


def test_a_certificate_beyond_the_first_page_is_found(lab: Lab) -> None:
    oldest, newest = lab.issue("www.example.com"), lab.issue("www.example.com")
    put(lab, "oldest", oldest)
    put(lab, "other", *(lab.issue(f"n{n}.example.com") for n in range(50)))
    put(lab, "newest", newest)
    for made in (oldest, newest):
        found = store_of(lab).install(made.certificate, made.key)
        assert [row["id"] for row in lab.list_stored(made)] == [int(found.fields["cert_id"])]
        assert made.opened == 0


def test_eight_at_once_upload_one(lab: Lab) -> None:
    made = lab.issue("www.example.com")
    store = store_of(lab)
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(store.install, made.certificate, made.key) for _ in range(8)]
    assert len({call.result().fields["cert_id"] for call in calls}) == 1
    assert len(lab.list_stored(made)) == 1
    (token,) = sent(lab, "UploadUserCertificate", "ClientToken")
    assert token == build_token(made.certificate)


@pytest.mark.parametrize(("algorithm", "label"), [("rsa", "RSA"), ("ec", "EC")])
def test_keys_are_sent_in_the_form_that_all_products_take(
    lab: Lab, algorithm: str, label: str
) -> None:
    made = lab.issue("www.example.com", algorithm=algorithm)
    store_of(lab).install(made.certificate, made.key)
    (key,) = sent(lab, "UploadUserCertificate", "Key")
    assert key.startswith(f"-----BEGIN {label} PRIVATE KEY-----")


def test_no_private_key_is_ever_asked_for(lab: Lab) -> None:
    made = lab.issue("www.example.com")
    store_of(lab).install(made.certificate, made.key)
    assert sent(lab, "GetUserCertificateDetail", "CertFilter") == {"True"}


def test_a_token_marks_repeats_of_one_upload() -> None:
    renamed = MADE.certificate.model_copy(update={"name": "other"})
    assert build_token(MADE.certificate) == build_token(MADE.certificate.model_copy())
    assert build_token(MADE.certificate) != build_token(renamed)
    assert len(build_token(MADE.certificate)) <= 64


def test_a_name_that_another_certificate_has_is_an_error(lab: Lab) -> None:
    made = lab.issue("www.example.com")
    put(lab, build_name(made.certificate), lab.issue("www.example.com"))
    with pytest.raises(Transient) as failure:
        store_of(lab).install(made.certificate, made.key)
    assert failure.value.code == "NameRepeat"
    assert failure.value.__context__ is None


def test_many_searches_share_one_listing(lab: Lab) -> None:
    made = lab.issue("www.example.com")
    put(lab, "own", made)
    leaf = read_leaf(made.certificate.chain_pem)
    assert leaf is not None
    store = store_of(lab)
    assert all(store.find(leaf) is not None for _ in range(5))
    assert len(lab.cloud.list_requests(lab.account)) == 1


@pytest.mark.parametrize(
    ("row", "mine"),
    [
        ({"Sha2": MADE.certificate.fingerprint.upper()}, True),
        (
            {"Fingerprint": ":".join(MADE.certificate.sha1[n : n + 2] for n in range(0, 40, 2))},
            True,
        ),
        ({"SerialNo": MADE.certificate.serial.zfill(48).upper()}, True),
        ({"SerialNo": "0"}, False),
        ({}, False),
        ({"Sha2": "00" * 32, "SerialNo": MADE.certificate.serial}, False),
    ],
    ids=["sha256", "sha1", "serial", "no serial", "nothing", "other digest"],
)
def test_a_listed_certificate_is_recognized_by_the_digest_of_the_store(
    server: HTTPServer, row: dict[str, str], mine: bool
) -> None:
    cloud = Scripted(server, [{"CertificateId": 7, **row}])
    found = cloud.store.install(MADE.certificate, MADE.key)
    assert found.fields["cert_id"] == ("7" if mine else "8")


def test_a_former_answer_for_a_deleted_certificate_is_not_believed(server: HTTPServer) -> None:
    cloud = Scripted(server, [])
    cloud.deleted = 1
    found = cloud.store.install(MADE.certificate, MADE.key)
    assert found.fields["cert_id"] == "9"


@pytest.mark.parametrize(
    "refusal",
    [
        {"Code": "NameRepeat", "Message": "repeated"},
        {"Code": "400", "Message": "The certificate name already exists."},
    ],
    ids=["by code", "by words"],
)
def test_a_taken_name_means_that_a_lost_upload_had_arrived(
    server: HTTPServer, refusal: Row
) -> None:
    cloud = Scripted(server, [])
    cloud.refusal = refusal
    found = cloud.store.install(MADE.certificate, MADE.key)
    assert (found.fields["cert_id"], cloud.uploads) == ("5", 1)


@pytest.mark.parametrize("listed", [True, False])
def test_a_pair_is_known_by_its_name_where_the_store_shows_another_digest(
    server: HTTPServer, listed: bool
) -> None:
    pair = build_pair("shop", "www.example.com", issuer=Sm2Authority.root().sub())
    row = {"CertificateId": 5, "Sha2": "00" * 32, "Name": build_name(pair.certificate)}
    cloud = Scripted(server, [row] if listed else [])
    cloud.detail = row
    found = cloud.store.install(pair.certificate, pair.key)
    assert (found.fields["cert_id"], cloud.uploads) == (("5", 0) if listed else ("8", 1))


def test_each_pair_has_its_own_token() -> None:
    pair = build_pair("shop", "www.example.com", issuer=Sm2Authority.root().sub()).certificate
    other = pair.model_copy(update={"encrypt_pem": MADE.certificate.chain_pem})
    assert build_token(pair) == build_token(pair.model_copy())
    assert build_token(pair) != build_token(other)


def test_any_other_refusal_is_passed_on(server: HTTPServer) -> None:
    cloud = Scripted(server, [])
    cloud.refusal = {"Code": "InvalidCertificate", "Message": "malformed"}
    with pytest.raises(Permanent) as refused:
        cloud.store.install(MADE.certificate, MADE.key)
    assert refused.value.code == "InvalidCertificate"


def test_references_hold_both_ways_of_naming_it() -> None:
    found = build_reference("12", Site.INTL)
    assert found.store == "alibaba.cas/intl"
    assert found.fields == {
        "cert_id": "12",
        "identifier": "12-ap-southeast-1",
        "region": "ap-southeast-1",
    }


@given(st.text(max_size=100))
def test_names_fit_the_store_and_tell_certificates_apart(name: str) -> None:
    made = build_name(MADE.certificate.model_copy(update={"name": name}))
    assert len(made) <= 63
    assert made.startswith("certroll")
    assert made.endswith(f"-{MADE.certificate.fingerprint[:12]}")
    assert made.isascii()


def test_digests_are_compared_in_one_form() -> None:
    assert read_digests({"Sha2": "AB:CD", "Fingerprint": None, "CertSha2": ""}) == {"abcd"}


class Scripted:
    """A store that answers as no practice cloud does: rows without digests, stale tokens."""

    def __init__(self, server: HTTPServer, rows: list[Row]) -> None:
        self.rows = rows
        self.deleted = 0  # how many of the first uploads answer with a certificate that is gone
        self.refusal: Row | None = None  # how uploads are refused, which then show in the listing
        self.uploads = 0
        self.detail: Row = {"CertSha2": MADE.certificate.fingerprint}
        server.clear()
        server.expect_request("/").respond_with_handler(self.answer)
        keys = {"access_key_id": f"id{next(NUMBERS)}", "access_key_secret": "secret"}
        settings = AlibabaSettings.model_validate({**keys, "endpoint": server.url_for("")})
        self.store = CasStore(settings)

    def answer(self, request: Request) -> Response:
        status, body = self.build_answer(request.headers["x-acs-action"])
        return Response(json.dumps(body), status, content_type="application/json")

    def build_answer(self, action: str) -> tuple[int, Row]:
        if action == "ListUserCertificateOrder":
            return 200, {"CertificateOrderList": self.rows, "TotalCount": len(self.rows)}
        if action == "UploadUserCertificate":
            return self.uploaded()
        if self.uploads and self.uploads <= self.deleted:
            return 404, {"Code": "NotFound", "Message": "gone"}
        return 200, self.detail

    def uploaded(self) -> tuple[int, Row]:
        self.uploads += 1
        if self.refusal is not None:
            self.rows.append({"CertificateId": 5, "Sha2": MADE.certificate.fingerprint})
            return 400, self.refusal
        return 200, {"CertId": 7 + self.uploads}
