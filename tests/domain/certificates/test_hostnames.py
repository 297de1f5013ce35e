"""How host names are compared, held against the standard's own words and another library."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from domain.certificates.hostnames import (
    CANONICAL,
    canonical,
    covers,
    covers_all,
    probe_name,
    to_ascii,
    why_not,
)
from domain.errors import BadInput

LABELS = st.sampled_from(["a", "b", "www", "example", "com", "xn--bcher-kva", "_dmarc", "a-b", "7"])
HOSTS = st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(canonical)
WILDCARDS = st.lists(LABELS, min_size=2, max_size=4).map(lambda it: "*." + ".".join(it))
NAMES = HOSTS | WILDCARDS.filter(canonical)


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
    ("written", "complaint"),
    [
        ("", "not a domain name"),
        (".", "not a domain name"),
        (".example.com", "not a domain name"),
        ("a..example.com", "not a domain name"),
        ("*", "'*' cannot be a part"),
        ("*.com", "too broad"),
        ("*.*.example.com", "'*' cannot be a part"),
        ("f*.example.com", "cannot be a part"),
        ("www.*.com", "cannot be a part"),
        ("a b.com", "cannot be a part"),
        ("-a.com", "cannot be a part"),
        ("a-.com", "cannot be a part"),
        ("www.example.com/path", "cannot be a part"),
        ("☃\N{ZERO WIDTH JOINER}.com", "not a domain name"),
        ("\N{ARABIC LETTER ALEF}a.com", "not a domain name"),
        ("\ufffe.com", "not a domain name"),
        ("192.0.2.1", "IP address"),
        ("*.0.2.1", "IP address"),
        ("2001:db8::1", "cannot be a part"),
        ("a" * 64 + ".com", "label longer than 63"),
        ("a." * 126 + "com", "longer than 253"),
        ("ü." * 60 + "com", "longer than 253"),
        ("*." + "a." * 124 + "com.", None),
    ],
)
def test_what_is_no_host_name_is_refused(written: str, complaint: str | None) -> None:
    if complaint is None:
        assert to_ascii(written) == written.removesuffix(".")
        return
    with pytest.raises(BadInput, match=r".") as refused:
        to_ascii(written)
    assert complaint in str(refused.value)
    assert canonical(written) is None


@given(st.text(max_size=80))
def test_any_text_has_a_form_that_is_its_own_form_or_is_refused(text: str) -> None:
    form = canonical(text)
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
        ours == theirs or (place == 0 and ours == "*")
        for place, (ours, theirs) in enumerate(zip(have, want, strict=True))
    )
    assert covers(pattern, host) is slow


@given(pattern=NAMES, host=NAMES, upper=st.booleans(), dot=st.booleans())
def test_case_and_a_dot_at_the_end_change_nothing(
    pattern: str, host: str, upper: bool, dot: bool
) -> None:
    written = (host.upper() if upper else host) + ("." if dot else "")
    assert covers(pattern, written) is covers(pattern, host)


def test_all_hosts_must_be_covered_and_none_is_not_all() -> None:
    names = ["*.example.com", "example.com"]
    assert covers_all(names, ["www.example.com", "example.com"])
    assert not covers_all(names, ["www.example.com", "example.org"])
    assert not covers_all(names, [])
    assert not covers_all([], ["www.example.com"])


@pytest.mark.parametrize(
    ("names", "host", "reason"),
    [
        (
            ["example.org", "*.example.com"],
            "a.b.example.com",
            "*.example.com does not cover a.b.example.com: a wildcard stands for exactly one label",
        ),
        (["*.example.com"], "example.com", "does not cover the bare domain"),
        (["example.com"], "*.example.com", "only *.example.com covers a wildcard"),
        (["example.com"], "www.example.org", "not among the certificate's names (example.com)"),
        (["*.example.com"], "www.example.org", "not among the certificate's names"),
        ([f"{n}.net" for n in "abcdefg"], "x.org", "(a.net, b.net, c.net, d.net, e.net and 2 more"),
        ([], "x.org", "(it has none)"),
        (["f*.example.com"], "foo.example.com", "(it has none)"),
        (["example.com"], ".example.com", "'.example.com' is not a domain name"),
    ],
)
def test_a_near_miss_is_explained(names: list[str], host: str, reason: str) -> None:
    assert reason in why_not(names, host)


@given(names=st.lists(NAMES, max_size=4), host=NAMES)
def test_whatever_is_not_covered_has_a_reason_that_names_the_host(
    names: list[str], host: str
) -> None:
    if not covers_all(names, [host]):
        assert host in why_not(names, host)


@given(NAMES)
def test_what_is_asked_for_in_a_handshake_is_concrete_and_covered(host: str) -> None:
    asked = probe_name(host)
    assert "*" not in asked
    assert covers(host, asked)


def test_a_wildcard_is_asked_for_by_a_label_of_our_own() -> None:
    assert probe_name("*.Example.com") == "certroll-probe.example.com"
    assert probe_name("www.Example.com.") == "www.example.com"


ODD = st.text(st.sampled_from("ab*.-_19Zé\n"), max_size=12) | NAMES


@given(name=ODD)
def test_what_is_canonical_at_a_glance_is_so_at_a_closer_look(name: str) -> None:
    try:
        slowly = to_ascii(name)
    except BadInput:
        slowly = None
    assert canonical(name) == slowly
    assert (CANONICAL.fullmatch(name) is not None) == (slowly == name)


@pytest.mark.parametrize("length", [62, 63, 64])
def test_a_label_has_at_most_63_characters_at_a_glance_too(length: int) -> None:
    name = f"{'a' * length}.example.com"
    assert (canonical(name) == name) is (length <= 63)
