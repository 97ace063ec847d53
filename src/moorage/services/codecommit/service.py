"""The CodeCommit service: where its operations register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.wire.dispatch import Service

if TYPE_CHECKING:
    from moorage.services.call import Call

codecommit: Service[Call] = Service("codecommit")
