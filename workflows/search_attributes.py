"""Search attributes: the fields by which the Temporal Web UI and CLI filter tasks.

starter/temporal registers them; tasks set them at their start and when they change. The server
stores them in clear, even if payloads are encrypted: only names and times belong here.
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

MAX_BYTES = 1900
"""The server accepts 2,048 bytes of JSON in one attribute."""

ALL = (TASK_NAME, STATUS, CERTIFICATES, SCHEDULED_AT)


def build_initial_attributes(task: TaskInput) -> TypedSearchAttributes:

    return TypedSearchAttributes(
        [
            SearchAttributePair(TASK_NAME, task.name),
            SearchAttributePair(STATUS, TaskStatus.SCHEDULED.value),
            SearchAttributePair(CERTIFICATES, _cut_to_size(task.certificates)),
            SearchAttributePair[datetime](SCHEDULED_AT, task.at),
        ]
    )


def _cut_to_size(names: Sequence[str]) -> list[str]:
    """As many names as the server accepts in one attribute; the task itself has all of them."""
    taken: list[str] = []
    left = MAX_BYTES
    for name in names:
        left -= len(json.dumps(name)) + 1
        if left < 0:
            break
        taken.append(name)
    return taken
