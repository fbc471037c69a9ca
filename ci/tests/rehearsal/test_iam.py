"""What a role may do."""

from __future__ import annotations

from typing import Any

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.iam import granted, may

ROLE = "arn:aws:iam::123456789012:role/R"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:toy/pypi-AbCdEf"
READ = "secretsmanager:GetSecretValue"


def template(*statements: dict[str, Any], **role: object) -> Template:
    """One role of those statements, and another of none."""
    policy = {"Roles": [{"Ref": "R"}], "PolicyDocument": {"Statement": list(statements)}}
    resources = {
        "Other": {"Type": "AWS::IAM::Role"},
        "R": {"Type": "AWS::IAM::Role", "Properties": role},
        "P": {"Type": "AWS::IAM::Policy", "Properties": policy},
    }
    return Template({"Resources": resources})


def allowed(*statements: dict[str, Any], **role: object) -> bool:
    """Whether a role of those statements may read SECRET."""
    return may(template(*statements, **role), ROLE, READ, SECRET)


def statement(effect: str = "Allow", **parts: object) -> dict[str, Any]:
    return {"Effect": effect, "Action": READ, "Resource": SECRET, **parts}


def test_what_is_not_allowed_is_denied() -> None:
    assert not allowed()


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"Action": ["x:Y", "secretsmanager:get*"]},
        {"Resource": ["a", SECRET.replace("AbCdEf", "??????")]},
        {"Resource": "*"},
    ],
)
def test_wildcards_match_as_iam_has_them(parts: dict[str, Any]) -> None:
    assert allowed(statement(**parts))


@pytest.mark.parametrize(
    "parts",
    [
        {"Action": "secretsmanager:Describe*"},
        {"Resource": SECRET.replace("AbCdEf", "?????")},
        {"Resource": SECRET.replace("pypi", "PYPI")},
        {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
    ],
)
def test_what_does_not_match_allows_nothing(parts: dict[str, Any]) -> None:
    assert not allowed(statement(**parts))


def test_a_deny_wins_even_under_a_condition() -> None:
    assert not allowed(statement(), statement("Deny", Condition={"Bool": {}}))


def test_not_resource_means_all_others() -> None:
    deny = {"Effect": "Deny", "Action": READ, "NotResource": "*/dist/*"}
    assert not allowed(statement(), deny)
    assert allowed(statement(), {**deny, "NotResource": SECRET})


def test_policies_inside_the_role_count() -> None:
    assert allowed(Policies=[{"PolicyDocument": {"Statement": [statement()]}}])


def test_a_policy_that_names_its_role_counts() -> None:
    found = template()
    policy = {"RoleName": {"Ref": "R"}, "PolicyDocument": {"Statement": [statement()]}}
    found.document["Resources"]["Q"] = {"Type": "AWS::IAM::RolePolicy", "Properties": policy}
    assert granted(found, READ, SECRET) == {"R"}


@pytest.mark.parametrize("attached_by", ["policy", "role"])
def test_a_managed_policy_counts_whichever_names_the_other(attached_by: str) -> None:
    found = template(**({"ManagedPolicyArns": [{"Ref": "M"}]} if attached_by == "role" else {}))
    policy: dict[str, Any] = {"PolicyDocument": {"Statement": [statement()]}}
    policy |= {"Roles": [{"Ref": "R"}]} if attached_by == "policy" else {}
    found.document["Resources"]["M"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": policy}
    assert granted(found, READ, SECRET) == {"R"}


def test_a_policy_that_is_not_in_the_template_is_named() -> None:
    with pytest.raises(UserError, match="rehearsal-managed-policy"):
        allowed(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])


def test_a_role_that_is_not_in_the_template_is_named() -> None:
    with pytest.raises(UserError, match="rehearsal-role"):
        may(Template({"Resources": {}}), ROLE, READ, SECRET)


CONDITION = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.mark.parametrize(
    ("statements", "roles"),
    [
        ([], set()),
        ([statement()], {"R"}),
        ([statement(Condition=CONDITION)], {"R"}),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": SECRET}], {"R"}),
        ([statement(), statement("Deny")], set()),
        ([statement(), statement("Deny", Condition=CONDITION)], {"R"}),
    ],
    ids=["nothing", "allowed", "on a condition", "not that", "denied", "denied on a condition"],
)
def test_a_role_has_a_grant_that_no_condition_is_sure_to_take_away(
    statements: list[dict[str, Any]], roles: set[str]
) -> None:
    assert granted(template(*statements), READ, SECRET) == roles
