"""Storage policies come from another service of vCenter, in the session of the first."""

import pytest

from engine.errors import NotFound
from engine.vsphere.policies import find_policy
from tests.vsphere.ground import Ground

NAME = "VM Encryption Policy"


def test_a_session_that_has_expired_is_renewed_for_it_too(ground: Ground) -> None:
    there = find_policy(ground.session, NAME)
    ground.vcenter.admin.expire_sessions()
    assert find_policy(ground.session, NAME) == there


def test_an_unknown_one_is_told_with_those_that_there_are(ground: Ground) -> None:
    with pytest.raises(NotFound, match=NAME):
        find_policy(ground.session, "VM Encription Policy")
