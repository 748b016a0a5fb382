"""The OVF environment that a component with `InjectOvfEnv` gets as `guestinfo.ovfEnv`, in the form that govc gives it.

vCenter makes one of its own at power on where the OVF names a transport; an ESXi host does not, and some guests look
for this one (DSP0243 10; govmomi, cli/importx: injectOvfEnv). It holds the property values, passwords included.
"""

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

KEY = "guestinfo.ovfEnv"

_ENVIRONMENT = "http://schemas.dmtf.org/ovf/environment/1"


def ovf_environment(about: tuple[str, str, str], vm: str, properties: Mapping[str, str]) -> str:
    """The XML for the VM of that MoRef value. `about` is vCenter's name, version and vendor."""
    kind, version, vendor = (escape(text) for text in about)
    values = "".join(
        f"<Property oe:key={quoteattr(key)} oe:value={quoteattr(value)}/>" for key, value in properties.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Environment xmlns="{_ENVIRONMENT}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns:oe="{_ENVIRONMENT}" xmlns:ve="http://www.vmware.com/schema/ovfenv" oe:id="" '
        f"ve:esxId={quoteattr(vm)}>"
        f"<PlatformSection><Kind>{kind}</Kind><Version>{version}</Version><Vendor>{vendor}</Vendor>"
        "<Locale>US</Locale></PlatformSection>"
        f"<PropertySection>{values}</PropertySection></Environment>"
    )
