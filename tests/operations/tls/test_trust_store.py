"""Whose roots are trusted, by the profile that was chosen."""

import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.errors import BadInput
from operations.tls.trust_store import roots_of
from tests.support.factory import Authority


def test_a_file_of_roots_is_a_profile(tmp_path: Path) -> None:
    roots = [Authority.root("One"), Authority.root("Two")]
    path = tmp_path / "roots.pem"
    path.write_bytes(b"".join(root.pem for root in roots))
    assert roots_of(str(path)) == tuple(root.certificate for root in roots)


@pytest.mark.parametrize("profile", ["certifi", "mozilla"])
def test_the_roots_of_mozilla_come_with_certroll(profile: str) -> None:
    roots = roots_of(profile)
    assert roots is not None
    assert any("ISRG Root X1" in root.subject.rfc4514_string() for root in roots)


def test_the_roots_of_the_system_are_found_where_python_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, bundle = Authority.root("One"), tmp_path / "ca-certificates.crt"
    bundle.write_bytes(root.pem)
    for places in ({"cafile": str(bundle)}, {"cafile": None, "capath": str(tmp_path)}):
        look = SimpleNamespace(**{"capath": None, **places})
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda look=look: look)
        roots_of.cache_clear()
        assert roots_of("system") == (root.certificate,)
    bundle.unlink()
    roots_of.cache_clear()
    with pytest.raises(BadInput, match="ca-certificates"):
        roots_of("system")
    roots_of.cache_clear()


def test_none_means_that_nobody_is_asked() -> None:
    assert roots_of("none") is None


@pytest.mark.parametrize("data", [None, b"no certificate"])
def test_a_file_that_is_none_is_bad_input(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "roots.pem"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        roots_of(str(path))
    assert "CERTROLL_TRUST" in str(caught.value)
