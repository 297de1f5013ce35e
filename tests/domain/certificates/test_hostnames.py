"""Host names are compared as the standard says and as another library does."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from domain.certificates.hostnames import (
    CANONICAL,
    NameMismatch,
    classify_mismatch,
    covers,
    covers_all,
    explain_not_covered,
    to_ascii,
    to_canonical,
    to_probe_name,
)
from domain.errors import BadInput

LABELS = st.sampled_from(["a", "b", "www", "example", "com", "xn--bcher-kva", "_dmarc", "a-b", "7"])
HOSTS = st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(to_canonical)
WILDCARDS = st.lists(LABELS, min_size=2, max_size=4).map(lambda it: "*." + ".".join(it))
NAMES = HOSTS | WILDCARDS.filter(to_canonical)


@pytest.mark.parametrize(
    ("written", "canonical_form"),
    [
        ("WWW.Example.COM", "www.example.com"),
        ("www.example.com.", "www.example.com"),
        ("*.Example.com.", "*.example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("\N{FULLWIDTH ASTERISK}\N{FULLWIDTH FULL STOP}example.com", "*.example.com"),
        ("straße.de", "xn--strae-oqa.de"),
        ("_dmarc.my_app.example.com", "_dmarc.my_app.example.com"),
        ("localhost", "localhost"),
    ],
)
def test_every_way_to_write_a_name_has_one_form(written: str, canonical_form: str) -> None:
    assert to_ascii(written) == canonical_form


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "invalid-hostname"),
        (".", "invalid-hostname"),
        (".example.com", "invalid-hostname"),
        ("a..example.com", "invalid-hostname"),
        ("*", "invalid-hostname"),
        ("*.com", "wildcard-too-broad"),
        ("*.*.example.com", "invalid-hostname"),
        ("f*.example.com", "invalid-hostname"),
        ("www.*.com", "invalid-hostname"),
        ("a b.com", "invalid-hostname"),
        ("-a.com", "invalid-hostname"),
        ("a-.com", "invalid-hostname"),
        ("www.example.com/path", "invalid-hostname"),
        ("☃\N{ZERO WIDTH JOINER}.com", "invalid-hostname"),
        ("\N{ARABIC LETTER ALEF}a.com", "invalid-hostname"),
        ("\ufffe.com", "invalid-hostname"),
        ("192.0.2.1", "hostname-is-ip-address"),
        ("*.0.2.1", "hostname-is-ip-address"),
        ("2001:db8::1", "invalid-hostname"),
        ("a" * 64 + ".com", "hostname-too-long"),
        ("a." * 126 + "com", "hostname-too-long"),
        ("ü." * 60 + "com", "hostname-too-long"),
    ],
)
def test_a_text_that_is_not_a_host_name_is_refused(written: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        to_ascii(written)
    assert refused.value.code == code
    assert to_canonical(written) is None


def test_a_dot_at_the_end_does_not_count_for_the_length() -> None:
    longest = "*." + "a." * 124 + "com"
    assert to_ascii(f"{longest}.") == longest


@given(st.text(max_size=80))
def test_any_text_has_a_form_that_is_its_own_form_or_is_refused(text: str) -> None:
    form = to_canonical(text)
    assert form is None or (to_ascii(form) == form and form.isascii() and form == form.lower())


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("example.com", "EXAMPLE.com.", True),
        ("*.example.com", "www.example.com", True),
        ("*.example.com", "WWW.EXAMPLE.COM.", True),
        ("*.example.com", "xn--bcher-kva.example.com", True),
        ("*.bücher.example", "www.xn--bcher-kva.example", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "*.a.example.com", False),
        ("*.example.com", ".example.com", False),
        ("www.example.com", "*.example.com", False),
        ("example.com", "*.example.com", False),
        ("*.com", "example.com", False),
        ("w*.example.com", "www.example.com", False),
        ("*.example.com", "wwwexample.com", False),
        ("*.2.3.4", "1.2.3.4", False),
    ],
)
def test_a_wildcard_stands_for_exactly_one_label(pattern: str, host: str, covered: bool) -> None:
    assert covers(pattern, host) is covered


@given(pattern=NAMES, host=HOSTS)
def test_another_library_agrees(pattern: str, host: str) -> None:
    # It refuses wildcards over A-labels, which the standard no longer asks for.
    assume(not (pattern.startswith("*") and host.startswith("xn--")))
    try:
        expected = DNS_ID(host).verify(DNSPattern.from_bytes(pattern.encode()))
    except CertificateError:
        expected = False
    assert covers(pattern, host) is expected


@given(pattern=NAMES, host=NAMES)
def test_label_by_label_gives_the_same_answer(pattern: str, host: str) -> None:
    have, want = pattern.split("."), host.split(".")
    slow = len(have) == len(want) and all(
        ours == theirs or (index == 0 and ours == "*")
        for index, (ours, theirs) in enumerate(zip(have, want, strict=True))
    )
    assert covers(pattern, host) is slow


@given(pattern=NAMES, host=NAMES, upper=st.booleans(), dot=st.booleans())
def test_case_and_a_dot_at_the_end_change_nothing(
    pattern: str, host: str, upper: bool, dot: bool
) -> None:
    written = (host.upper() if upper else host) + ("." if dot else "")
    assert covers(pattern, written) is covers(pattern, host)


def test_all_hosts_must_be_covered_and_without_hosts_none_is() -> None:
    names = ["*.example.com", "example.com"]
    assert covers_all(names, ["www.example.com", "example.com"])
    assert not covers_all(names, ["www.example.com", "example.org"])
    assert not covers_all(names, [])
    assert not covers_all([], ["www.example.com"])


@pytest.mark.parametrize(
    ("name", "host", "miss"),
    [
        ("*.example.com", "a.b.example.com", NameMismatch.SEVERAL_LABELS),
        ("*.example.com", "example.com", NameMismatch.BARE_DOMAIN),
        ("example.com", "*.example.com", NameMismatch.WILDCARD_HOST),
        ("*.example.com", "www.example.org", None),
        ("example.com", "www.example.com", None),
    ],
)
def test_a_near_miss_is_classified(name: str, host: str, miss: NameMismatch | None) -> None:
    assert classify_mismatch(name, host) is miss


@pytest.mark.parametrize(
    ("names", "host", "parts"),
    [
        (
            ["example.org", "*.example.com"],
            "a.b.example.com",
            ["*.example.com", "a.b.example.com", NameMismatch.SEVERAL_LABELS.value],
        ),
        (["example.com"], "www.example.org", ["www.example.org", "(example.com)"]),
        ([f"{n}.net" for n in "abcdefg"], "x.org", ["a.net, b.net, c.net, d.net, e.net", "2"]),
        ([], "x.org", ["x.org"]),
        (["f*.example.com"], "foo.example.com", ["foo.example.com"]),
        (["example.com"], ".example.com", ["'.example.com'"]),
    ],
)
def test_the_reason_names_the_nearest_miss_or_all_names(
    names: list[str], host: str, parts: list[str]
) -> None:
    reason = explain_not_covered(names, host)
    assert all(part in reason for part in parts)


@given(names=st.lists(NAMES, max_size=4), host=NAMES)
def test_the_reason_for_a_host_that_is_not_covered_names_it(names: list[str], host: str) -> None:
    if not covers_all(names, [host]):
        assert host in explain_not_covered(names, host)


@given(NAMES)
def test_a_probe_name_is_concrete_and_covered(host: str) -> None:
    name = to_probe_name(host)
    assert "*" not in name
    assert covers(host, name)


def test_the_probe_name_of_a_wildcard_has_our_own_label() -> None:
    assert to_probe_name("*.Example.com") == "certroll-probe.example.com"
    assert to_probe_name("www.Example.com.") == "www.example.com"


ODD = st.text(st.sampled_from("ab*.-_19Zé\n"), max_size=12) | NAMES


@given(name=ODD)
def test_the_fast_check_for_canonical_names_agrees_with_the_slow_one(name: str) -> None:
    try:
        slowly = to_ascii(name)
    except BadInput:
        slowly = None
    assert to_canonical(name) == slowly
    assert (CANONICAL.fullmatch(name) is not None) == (slowly == name)


@pytest.mark.parametrize("length", [62, 63, 64])
def test_the_fast_check_limits_a_label_to_63_characters(length: int) -> None:
    name = f"{'a' * length}.example.com"
    assert (to_canonical(name) == name) is (length <= 63)
