"""How a VM's guest gets its IP address (vAppConfig.ipAssignment): what a component's spec asks for."""

from pyVmomi import vim

_DHCP = "dhcpPolicy"


def assignment_change(
    there: vim.vApp.IPAssignmentInfo | None, policy: str, protocol: str
) -> vim.vApp.IPAssignmentInfo | None:
    """The change that gives a VM this policy and protocol ("" keeps what it has); None when nothing is to change.

    What its guest does not support is left as vCenter made it at the import: the options for the policy are those of
    supportedAllocationScheme (VAppIPAssignmentInfo), and zPodLibrary asks for DHCP of every appliance.
    """
    if there is None:
        return None
    scheme = "dhcp" if policy == _DHCP else "ovfenv"
    changes_policy = policy not in ("", there.ipAllocationPolicy) and scheme in there.supportedAllocationScheme
    changes_protocol = protocol not in ("", there.ipProtocol) and protocol in there.supportedIpProtocol
    if not changes_policy and not changes_protocol:
        return None
    return vim.vApp.IPAssignmentInfo(
        ipAllocationPolicy=policy if changes_policy else None, ipProtocol=protocol if changes_protocol else None
    )
