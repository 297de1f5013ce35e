"""The roots of each trust profile."""

import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.errors import BadInput
from operations.tls.trust_store import load_roots
from tests.support.factory import Authority


def test_a_file_of_roots_is_a_profile(tmp_path: Path) -> None:
    roots = [Authority.root("One"), Authority.root("Two")]
    path = tmp_path / "roots.pem"
    path.write_bytes(b"".join(root.pem for root in roots))
    assert load_roots(str(path)) == tuple(root.certificate for root in roots)


@pytest.mark.parametrize("profile", ["certifi", "mozilla"])
def test_the_roots_of_mozilla_come_with_certroll(profile: str) -> None:
    roots = load_roots(profile)
    assert roots is not None
    assert any("ISRG Root X1" in root.subject.rfc4514_string() for root in roots)


def test_the_roots_of_the_system_are_found_where_python_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, bundle = Authority.root("One"), tmp_path / "ca-certificates.crt"
    bundle.write_bytes(root.pem)
    for paths in ({"cafile": str(bundle)}, {"cafile": None, "capath": str(tmp_path)}):
        found = SimpleNamespace(**{"capath": None, **paths})
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda found=found: found)
        load_roots.cache_clear()
        assert load_roots("system") == (root.certificate,)
    bundle.rename(tmp_path / "one.pem")
    load_roots.cache_clear()
    assert load_roots("system") == (root.certificate,), "a folder of single files"
    (tmp_path / "one.pem").unlink()
    load_roots.cache_clear()
    with pytest.raises(BadInput) as caught:
        load_roots("system")
    assert caught.value.code == "no-trust-bundle"
    load_roots.cache_clear()


def test_none_has_no_roots() -> None:
    assert load_roots("none") is None


@pytest.mark.parametrize("data", [None, b"no certificate"])
def test_a_file_without_a_certificate_is_refused(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "roots.pem"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        load_roots(str(path))
    assert (caught.value.where or "").startswith("CERTROLL_TRUST")
