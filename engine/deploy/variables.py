"""The template variables of one VM (`zpod_hostname`, `zpod_ipaddress`, ..; zpodfactory sheet)."""

import os
from ipaddress import ip_network

from engine.catalog.profiles import Entry, Profile, Secret
from engine.errors import BadInput
from storage import settings
from storage.components import Component
from storage.store import Store

# Any value makes an ESXi's host name its full one (zPodFactory's setting).
ESXI_FQDN = "ff_esxi_hostname_is_fqdn"


def variables_for(
    store: Store, profile: Profile, portgroup: str, entry: Entry, component: Component, password: str
) -> dict[str, str | None]:
    """Variable -> value for one entry. None for what the profile leaves out; the rendering makes that an empty text."""
    subnet = ip_network(profile.network.subnet, strict=False)
    full_name = component.type == "esxi" and settings.value(store, ESXI_FQDN) != ""
    return {
        "zpod_hostname": entry.vm_name(profile.domain) if full_name else entry.hostname,
        "zpod_ipaddress": str(profile.address(entry)),
        "zpod_netmask": str(subnet.netmask),
        "zpod_netprefix": str(subnet.prefixlen),
        "zpod_gateway": profile.network.gateway,
        "zpod_dns": profile.network.dns or _zcore_address(profile),
        "zpod_nfs": profile.network.nfs,
        "zpod_ntp": profile.network.ntp,
        "zpod_domain": profile.domain,
        "zpod_searchpath": profile.domain,
        "zpod_password": password,
        "zpod_sshkey": profile.sshkey,
        "zpod_portgroup": portgroup,
    }


def read_password(store: Store, secret: Secret | None) -> str:
    """The lab's password from where the profile says it is, "" when it names none. Raises BadInput, NotFound."""
    if secret is None:
        return ""
    if secret.setting is not None:
        return settings.get(store, secret.setting).value
    value = os.environ.get(secret.env or "")
    if value is None:
        raise BadInput(
            "no password in the environment variable",
            on=str(secret.env),
            why="it is not set",
            fix=f"export {secret.env}",
        )
    return value


def _zcore_address(profile: Profile) -> str:
    """The first entry is the lab's zcore, which serves its DNS (zPodFactory's rule)."""
    return str(profile.address(profile.steps[0][0]))
