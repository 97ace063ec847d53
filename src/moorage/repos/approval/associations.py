"""Which repositories' new pull requests get their rules from which templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.repos.approval import template_events, templates
from moorage.repos.repositories import does_not_exist
from moorage.storage import approval_rule_templates as rows
from moorage.storage import repositories as repository_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Caller
    from moorage.keys.keyring import Keyring
    from moorage.storage.approval_rule_templates import TemplateRow
    from moorage.storage.database import Database
    from moorage.storage.repositories import RepositoryRow

# Source: "Quotas in AWS CodeCommit": templates of one repository.
TEMPLATES_OF_A_REPOSITORY: Final = 25

_Change = Callable[["Connection", "TemplateRow", "RepositoryRow"], bool]


@dataclass(frozen=True, slots=True)
class Associations:
    """Ties templates to repositories and unties them, for one caller."""

    database: Database
    keyring: Keyring
    caller: Caller

    def associate(self, template: str, repository: str) -> None:
        """Tie a template to a repository; again is no error.

        Raises:
            Fault: ApprovalRuleTemplateDoesNotExistException, RepositoryDoesNotExistException, a KMS
                error, or MaximumRuleTemplatesAssociatedWithRepositoryException.
        """
        self._one(template, repository, template_events.ASSOCIATED, _tie)

    def disassociate(self, template: str, repository: str) -> None:
        """Untie a template from a repository; one that is not tied to it is no error.

        Raises:
            Fault: ApprovalRuleTemplateDoesNotExistException, RepositoryDoesNotExistException or a
                KMS error.
        """
        self._one(template, repository, template_events.DISASSOCIATED, _untie)

    def associate_all(self, template: str, repositories: Iterable[str]) -> dict[str, Fault | None]:
        """Tie a template to repositories, as many as can be; return what became of each, by name.

        Raises:
            Fault: ApprovalRuleTemplateDoesNotExistException or a KMS error; then nothing is changed.
        """
        return self._all(template, repositories, template_events.ASSOCIATED_BATCH, _tie)

    def disassociate_all(self, template: str, repositories: Iterable[str]) -> dict[str, Fault | None]:
        """Untie a template from repositories, as `associate_all` ties it."""
        return self._all(template, repositories, template_events.DISASSOCIATED_BATCH, _untie)

    def _one(self, template: str, repository: str, event: str, change: _Change) -> None:
        # Existence is asked in the documented order; what is locked, repositories come first.
        with self.database.write() as connection:
            row = self._repository(connection, repository)
            if row is None:
                raise does_not_exist(repository)
            self.keyring.require(self.caller, row, connection)
            found = templates.require(connection, self.caller, template, for_change=True)
            if change(connection, found, row):
                self._tell(connection, found, event, [row])

    def _all(
        self, template: str, repositories: Iterable[str], event: str, change: _Change
    ) -> dict[str, Fault | None]:
        outcome: dict[str, Fault | None] = {}
        changed: list[RepositoryRow] = []
        with self.database.write() as connection:
            # In one order, so that two batches never wait for each other.
            locked = {name: self._repository(connection, name) for name in sorted(set(repositories))}
            for row in locked.values():
                if row is not None:
                    self.keyring.require(self.caller, row, connection)
            found = templates.require(connection, self.caller, template, for_change=True)
            for name, row in locked.items():
                if row is None:
                    outcome[name] = does_not_exist(name)
                    continue
                try:
                    if change(connection, found, row):
                        changed.append(row)
                except Fault as fault:
                    outcome[name] = fault
                else:
                    outcome[name] = None
            if changed:
                self._tell(connection, found, event, changed)
        return outcome

    def _repository(self, connection: Connection, name: str) -> RepositoryRow | None:
        caller = self.caller
        return repository_rows.find(connection, caller.account_id, caller.region, name, for_change=True)

    def _tell(
        self, connection: Connection, template: TemplateRow, event: str, changed: list[RepositoryRow]
    ) -> None:
        template_events.tell(
            connection,
            self.caller,
            template,
            event,
            self.database.now_ms(connection),
            repositories={row.name: row.repository_id for row in changed},
        )


def _tie(connection: Connection, template: TemplateRow, row: RepositoryRow) -> bool:
    if not rows.associate(connection, template.template_id, row.repository_id):
        return False
    if rows.count_of_repository(connection, row.repository_id) > TEMPLATES_OF_A_REPOSITORY:
        rows.disassociate(connection, template.template_id, row.repository_id)
        raise Fault(
            "MaximumRuleTemplatesAssociatedWithRepositoryException",
            f"{row.name} has {TEMPLATES_OF_A_REPOSITORY} approval rule templates already",
        )
    return True


def _untie(connection: Connection, template: TemplateRow, row: RepositoryRow) -> bool:
    return rows.disassociate(connection, template.template_id, row.repository_id)
