"""Which failures pass: every fault by its own type, as vSphere sends it."""

import pytest
from pyVmomi import vim, vmodl

from engine.errors import (
    BadPackage,
    Cancelled,
    CertificateRefused,
    EndpointUnreachable,
    SlipwayError,
    StagingFault,
    UploadFailed,
)
from engine.vsphere.session import translated, translated_fault
from engine.vsphere.transient import LASTING, PASSING, PASSING_ERRORS, passes

NAMED_AFTER_HOST = {"HostNotConnected", "HostNotReachable"}


def fault(name: str) -> vmodl.MethodFault:
    """A fault of vSphere by its type name, wherever pyVmomi has it."""
    kind = getattr(vim.fault, name, None) or getattr(vmodl.fault, name)
    made: vmodl.MethodFault = kind()
    assert isinstance(made, vmodl.MethodFault)
    return made


@pytest.mark.parametrize("name", PASSING)
def test_these_pass(name: str) -> None:
    assert passes(translated_fault(fault(name), "clone", "vm1"))


@pytest.mark.parametrize(
    "name",
    [*LASTING, "PasswordExpired", "InvalidPowerState", "InsufficientStorageSpace", "NotSupported", "InvalidArgument"],
)
def test_these_do_not(name: str) -> None:
    assert not passes(translated_fault(fault(name), "clone", "vm1"))


def test_no_fault_is_in_both_tables() -> None:
    assert not PASSING.keys() & LASTING.keys()


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError("reset"), TimeoutError(), OSError("no route"), KeyError(""), ConnectionRefusedError()],
    ids=lambda error: type(error).__name__,
)
def test_a_vcenter_that_does_not_answer_comes_back(error: Exception) -> None:
    assert passes(translated(error, "read", "vm1", "vc01:443"))


@pytest.mark.parametrize(
    "error",
    [
        Cancelled("stopped"),
        BadPackage("damaged"),
        CertificateRefused("refused"),
        StagingFault("cannot stage"),
        UploadFailed("404", passes=False),
    ],
    ids=lambda error: type(error).__name__,
)
def test_own_errors_that_last(error: SlipwayError) -> None:
    assert not passes(error)


def test_own_errors_that_pass() -> None:
    assert all(passes(kind("cannot")) for kind in PASSING_ERRORS)
    assert set(PASSING_ERRORS) == {EndpointUnreachable, UploadFailed}
