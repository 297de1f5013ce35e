"""What a plan's file names and is not known here: told at its place."""

from domain.plans.file import PlanFile, differs, read, unknown
from domain.plans.request import PlanRequest
from domain.plans.yaml_source import Fault, refused
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Resource
from tests.domain.plans.test_file import FILE
from tests.support.stored_examples import NEW, NOW, OLD


def stranger(file: PlanFile, *, gone: bool = False, accounts: tuple[str, ...] = ("main",)) -> str:
    place = Resource(account="main", service="alibaba.cdn", key="host1.example.com")
    item = InventoryItem(
        resource=place, binding=None, binding_known=True, seen_at=NOW, vanished_at=NOW
    )
    faults = unknown(file, {place.id: item} if gone else {}, {NEW: "other"}, accounts)
    return str(refused(FILE, "plan.yaml", faults))


def test_strangers_are_told_with_their_place() -> None:
    file, _ = read(FILE.encode(), "plan.yaml")
    assert "line 5, column 9: this certificate is called 'other' here, not 'new'" in stranger(file)
    assert "line 7, column 13: the resource" in stranger(file)
    assert "has vanished" in stranger(file, gone=True)
    assert "there is no account 'main'" in stranger(file, accounts=())
    faults = unknown(file, {}, {}, ("main",))
    assert "upload it first" in faults[0].what
    wishing = file.model_copy(update={"wish": PlanRequest(certificates=(NEW, OLD))})
    paths = [each.path for each in unknown(wishing, {}, {NEW: "new"}, ())]
    assert ("wish", "certificates", 1) in paths


def test_a_digest_that_is_not_the_plans_is_a_fault_at_its_place() -> None:
    file, _ = read(f"digest: {OLD}\n{FILE}".encode(), "plan.yaml")
    assert differs(file, OLD) == []
    (fault,) = differs(file, NEW)
    message = str(refused(f"digest: {OLD}\n{FILE}", "plan.yaml", [fault]))
    assert "line 1, column 9: the plan of this file has digest abababababab here" in message
    assert differs(file.model_copy(update={"digest": None}), NEW) == []


def test_a_fault_of_something_that_is_not_there_is_at_what_lacks_it() -> None:
    error = refused(FILE, "plan.yaml", [Fault(("changes", 0, "before", "ref", "store"), "missing")])
    assert "line 9, column 5" in str(error)
