"""A cause holds what a person needs of an error."""

from domain.cause import Cause
from domain.errors import BadInput, CertrollError, NeedsOperator, NotServed, Permanent


def test_the_cause_of_a_cloud_error_has_the_providers_code_and_request_id() -> None:
    error = Permanent("gone", code="NotFound", request_id="R-7", advice="Look.")
    cause = Cause(code="NotFound", message="gone", advice="Look.", request_id="R-7")
    assert Cause.from_error(error) == cause


def test_only_an_error_that_needs_an_operator_is_marked_so() -> None:
    assert Cause.from_error(NeedsOperator("no permission", code="Forbidden")).needs_operator
    assert not Cause.from_error(Permanent("gone", code="NotFound")).needs_operator


def test_bad_input_keeps_its_code_and_its_fix_becomes_the_advice() -> None:
    error = BadInput("taken", where="--name", fix="Take another.", code="name-taken")
    assert Cause.from_error(error) == Cause(
        code="name-taken", message="taken", advice="Take another."
    )


def test_any_other_error_has_its_type_as_the_code() -> None:
    assert Cause.from_error(CertrollError("sealed by key kek-9")) == Cause(
        code="CertrollError", message="sealed by key kek-9"
    )


def test_the_text_of_a_cause_is_code_message_and_advice() -> None:
    assert str(Cause(code="NotFound", message="gone", advice="Look.")) == "NotFound: gone. Look."
    assert str(Cause(code="NotFound", message="gone")) == "NotFound: gone"


def test_a_change_that_is_not_served_names_all_endpoints_and_certificates() -> None:
    error = NotServed(
        "a:443", "old", "new", 30, other_failures=("b:443 serves old",), served_at=("c:443",)
    )
    cause = Cause.from_error(error)
    assert cause.code == "NotServed"
    for part in ("a:443", "old", "new", "30 s", "b:443", "c:443"):
        assert part in cause.message
