"""Who has to do what is still open: a check or an action by its own entry, or by where it is done."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, Self

from pydantic import Field, model_validator

from ..engine.rules import RuleModel
from .findings import usable
from .library import OWNERS, shipped_directory

Reach = Literal["remote", "onsite"]


class Role(RuleModel):
    """Somebody who can have a task: an id, what readers call it, and where it works."""

    id: str
    title: str
    reach: Reach


class Owned(RuleModel):
    """Whose something is, by the role's id, and where that is written or why it is judged so."""

    owner: str
    source: str


class VendorContact(RuleModel):
    """Where the vendor takes reports, for what, and where that is written."""

    address: str
    for_: str = Field(alias="for")
    source: str


class Owners(RuleModel):
    """The roles, and what belongs to each of them."""

    roles: tuple[Role, ...]
    defaults: Mapping[Reach, Owned]
    checks: Mapping[str, Owned]
    actions: Mapping[str, Owned]
    vendor_contact: VendorContact

    @model_validator(mode="after")
    def _roles_are_known(self) -> Self:
        known = {role.id for role in self.roles}
        for owned in (*self.defaults.values(), *self.checks.values(), *self.actions.values()):
            if owned.owner not in known:
                raise ValueError(f"{owned.owner!r} is no role; known are {', '.join(sorted(known))}")
        return self

    def title(self, role_id: str) -> str:
        """What readers call a role."""
        return next(role.title for role in self.roles if role.id == role_id)

    def of_check(self, check_id: str, where: Reach) -> Owned:
        """Who does a check."""
        return self.checks.get(check_id, self.defaults[where])

    def of_action(self, title: str, where: Reach) -> Owned:
        """Who takes an action, by the title that its fault's file gives it."""
        return self.actions.get(title, self.defaults[where])


@cache
def owners() -> Owners:
    """The shipped owners. Raises KnowledgeError where their file cannot be used."""
    return usable(Owners, shipped_directory() / OWNERS)
