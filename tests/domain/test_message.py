"""What contacts are told: the status, the counts, and why some resources are not as wanted."""

from domain.message import CAUSES_SHOWN, task_message, trial_message
from domain.record import OutcomeRecord, TaskRecord
from domain.status import OutcomeStatus, Tally, TaskStatus
from tests.storage.examples import CAUSE, LATER, NOW, change, plan, record

S = OutcomeStatus


def task(status: TaskStatus, **tally: int) -> TaskRecord:
    return record(plan()).model_copy(update={"status": status, "tally": Tally(**tally)})


def outcome(number: int, status: OutcomeStatus, *, known: bool = True) -> OutcomeRecord:
    return OutcomeRecord(
        task_id="task-1",
        ordinal=number,
        change=change(number),
        status=status,
        cause=CAUSE if known else None,
    )


def test_a_success_is_told_with_its_counts() -> None:
    done = task(TaskStatus.SUCCEEDED, deployed=2)
    message = task_message("ended", done, [outcome(n, S.DEPLOYED) for n in range(2)], LATER)
    assert message.subject == "certroll: November succeeded"
    assert message.body == (
        "Task November (task-1): succeeded.\n"
        "Resources: 2 deployed.\n"
        "Details: certroll task show task-1\n"
    )
    assert (message.outcomes, message.causes, message.at) == ({"deployed": 2}, (), LATER)


def test_what_nothing_has_verified_is_told() -> None:
    outcomes = [outcome(0, S.DEPLOYED), outcome(1, S.ROLLED_BACK), outcome(2, S.FAILED)]
    unseen = [
        each.model_copy(update={"change": each.change.model_copy(update={"unproven": "TLCP"})})
        for each in outcomes
    ]
    message = task_message("ended", task(TaskStatus.SUCCEEDED, deployed=3), unseen, LATER)
    assert message.unverified == 2
    assert "Of these 2 were accepted by the service, but not verified.\n" in message.body


def test_each_resource_that_is_not_as_wanted_is_told_with_its_cause() -> None:
    done = task(TaskStatus.PARTIALLY_ROLLED_BACK, rolled_back=1, rollback_failed=1, skipped=1)
    outcomes = [
        outcome(0, S.ROLLED_BACK),
        outcome(1, S.ROLLBACK_FAILED),
        outcome(2, S.SKIPPED, known=False),
    ]
    message = task_message("rolled_back-1", done, outcomes, NOW)
    assert message.subject == "certroll: November partially rolled back"
    assert "Resources: 1 skipped, 1 rolled back, 1 rollback failed." in message.body
    assert [each.resource for each in message.causes] == [
        outcomes[1].change.resource.id,
        outcomes[2].change.resource.id,
    ]
    assert f"- main/alibaba.cdn/host1.example.com rollback_failed: {CAUSE}\n" in message.body
    assert "host2.example.com skipped: none\n" in message.body


def test_a_mail_names_twenty_and_counts_the_rest_while_machines_get_all() -> None:
    many = CAUSES_SHOWN + 5
    outcomes = [outcome(number, S.FAILED) for number in range(many)]
    message = task_message("ended", task(TaskStatus.FAILED, failed=many), outcomes, NOW)
    assert len(message.causes) == many
    assert message.body.count("\n- main/") == CAUSES_SHOWN
    assert "- and 5 more\n" in message.body
    exact = task_message("ended", task(TaskStatus.FAILED), outcomes[:CAUSES_SHOWN], NOW)
    assert "more" not in exact.body


def test_a_trial_is_about_no_task() -> None:
    message = trial_message(NOW)
    assert (message.event, message.task_id, message.status) == ("test", None, None)
