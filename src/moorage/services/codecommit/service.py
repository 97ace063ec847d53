"""The CodeCommit service: where its operations register."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moorage.services.codecommit import pages
from moorage.wire.dispatch import HandlerT, ResourceRule, Service

if TYPE_CHECKING:
    from moorage.services.call import Call


class _CodeCommit(Service["Call"]):
    """Its lists have pages, which are checked before anybody's rights: with the rest of a request's form."""

    def operation(
        self, name: str, *, resource: ResourceRule[Call], action: str | None = None
    ) -> Callable[[HandlerT], HandlerT]:
        return super().operation(name, resource=pages.checked(name, resource), action=action)


codecommit: Service[Call] = _CodeCommit("codecommit")
