"""Search attributes: what lists of tasks are filtered by in the Temporal Web UI and CLI.

The server keeps these in clear, encrypted payloads or not: only names and times belong here.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.tasks.messages import TaskInput
from domain.tasks.status import TaskStatus

TASK_NAME = SearchAttributeKey.for_keyword("CertrollTask")
STATUS = SearchAttributeKey.for_keyword("CertrollStatus")
CERTIFICATES = SearchAttributeKey.for_keyword_list("CertrollCertificates")
SCHEDULED_AT = SearchAttributeKey.for_datetime("CertrollScheduledAt")

MOST_BYTES = 1900
"""Of one attribute's 2,048, as JSON."""

ALL = (TASK_NAME, STATUS, CERTIFICATES, SCHEDULED_AT)


def at_start(task: TaskInput) -> TypedSearchAttributes:
    """What a task is started with."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(TASK_NAME, task.name),
            SearchAttributePair(STATUS, TaskStatus.SCHEDULED.value),
            SearchAttributePair(CERTIFICATES, _first(task.certificates)),
            SearchAttributePair[datetime](SCHEDULED_AT, task.at),
        ]
    )


def _first(names: Sequence[str]) -> list[str]:
    """As many as the server takes in one attribute; the task itself knows all of them."""
    taken: list[str] = []
    left = MOST_BYTES
    for name in names:
        left -= len(json.dumps(name)) + 1
        if left < 0:
            break
        taken.append(name)
    return taken
