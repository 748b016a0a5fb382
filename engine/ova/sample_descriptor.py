"""The descriptor of a sample OVA, in the form that ovftool gives to an export of a small Linux VM."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from engine.ova.descriptor import DeploymentOption, Property

_GIB = 1 << 30
_DISKS_PER_CONTROLLER = 15
_STREAM_OPTIMIZED = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
_ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
{files}
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
{disks}
  </DiskSection>
  <NetworkSection>
    <Info>Logical networks</Info>
{networks}
  </NetworkSection>
{options}  <VirtualSystem ovf:id={name}>
    <Info>A virtual machine</Info>
    <Name>{title}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="otherLinux64Guest">
      <Info>The guest operating system</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection ovf:transport="com.vmware.guestInfo">
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{title}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
{items}
    </VirtualHardwareSection>
{products}{assignment}{licences}  </VirtualSystem>
</Envelope>
"""


def sample_descriptor(
    name: str,
    *,
    disks: Mapping[str, int],
    properties: Sequence[Property],
    networks: Sequence[str],
    nics: Sequence[str],
    deployment_options: Sequence[DeploymentOption],
    ip_schemes: Sequence[str] = (),
    licences: Sequence[str] = (),
) -> str:
    """A descriptor with a file of `disks[href]` bytes per disk; the disks' capacities are whole GiB."""
    numbered = list(enumerate(disks.items(), start=1))
    return _ENVELOPE.format(
        name=quoteattr(name),
        title=escape(name),
        files="\n".join(
            f'    <File ovf:id="file{number}" ovf:href={quoteattr(href)} ovf:size="{size}"/>'
            for number, (href, size) in numbered
        ),
        disks="\n".join(
            f'    <Disk ovf:diskId="vmdisk{number}" ovf:fileRef="file{number}" ovf:capacity="{-(-size // _GIB) or 1}"'
            f' ovf:capacityAllocationUnits="byte * 2^30" ovf:populatedSize="{size}" ovf:format="{_STREAM_OPTIMIZED}"/>'
            for number, (_, size) in numbered
        ),
        networks="\n".join(
            f"    <Network ovf:name={quoteattr(network)}><Description>{escape(network)}</Description></Network>"
            for network in networks
        ),
        options=_options(deployment_options),
        items="\n".join(_items(len(disks), nics, [option.id for option in deployment_options])),
        products="".join(_product(name, number, group) for number, group in enumerate(_by_section(properties))),
        assignment=_ip_assignment(ip_schemes),
        licences="".join(
            f"    <EulaSection><Info>A licence</Info><License>{escape(text)}</License></EulaSection>\n"
            for text in licences
        ),
    )


def _ip_assignment(schemes: Sequence[str]) -> str:
    if not schemes:
        return ""
    return (
        f'    <vmw:IpAssignmentSection ovf:required="false" vmw:protocols="IPv4" vmw:schemes="{",".join(schemes)}">\n'
        "      <Info>How the guest learns its address</Info>\n    </vmw:IpAssignmentSection>\n"
    )


def _options(options: Sequence[DeploymentOption]) -> str:
    if not options:
        return ""
    configurations = "\n".join(
        f'    <Configuration ovf:id={quoteattr(option.id)} ovf:default="{str(option.default).lower()}">'
        f"<Label>{escape(option.label or option.id)}</Label>"
        f"<Description>{escape(option.description)}</Description></Configuration>"
        for option in options
    )
    return f"  <DeploymentOptionSection>\n    <Info>Sizes</Info>\n{configurations}\n  </DeploymentOptionSection>\n"


def _items(disks: int, nics: Sequence[str], options: Sequence[str]) -> list[str]:
    """CPU, memory, controllers, disks and NICs; elements in the order of CIM's schema, which vCenter insists on.

    Each option has its own memory.
    """
    instance = iter(range(1, 10_000))
    items = [
        _item(
            AllocationUnits="hertz * 10^6",
            ElementName="1 virtual CPU",
            InstanceID=next(instance),
            ResourceType=3,
            VirtualQuantity=1,
        ),
        *(
            _item(
                option,
                AllocationUnits="byte * 2^20",
                ElementName=f"{number * 64} MB of memory",
                InstanceID=next(instance),
                ResourceType=4,
                VirtualQuantity=number * 64,
            )
            for number, option in enumerate(options or [""], 1)
        ),
    ]
    controller = 0
    for number in range(disks):
        place = number % _DISKS_PER_CONTROLLER
        if place == 0:
            controller = next(instance)
            bus = number // _DISKS_PER_CONTROLLER
            items.append(
                _item(
                    Address=bus,
                    ElementName=f"SCSI Controller {bus}",
                    InstanceID=controller,
                    ResourceSubType="lsilogic",
                    ResourceType=6,
                )
            )
        items.append(
            _item(
                AddressOnParent=place + (place >= 7),  # 7 is the controller's own place on its bus
                ElementName=f"Hard disk {number + 1}",
                HostResource=f"ovf:/disk/vmdisk{number + 1}",
                InstanceID=next(instance),
                Parent=controller,
                ResourceType=17,
            )
        )
    items.extend(
        _item(
            AddressOnParent=number + 7,
            AutomaticAllocation="true",
            Connection=network,
            ElementName=f"Network adapter {number + 1}",
            InstanceID=next(instance),
            ResourceSubType="VmxNet3",
            ResourceType=10,
        )
        for number, network in enumerate(nics)
    )
    return items


def _item(option: str = "", /, **elements: str | int) -> str:
    lines = "".join(f"        <rasd:{key}>{escape(str(value))}</rasd:{key}>\n" for key, value in elements.items())
    configuration = f" ovf:configuration={quoteattr(option)}" if option else ""
    return f"      <Item{configuration}>\n{lines}      </Item>"


def _by_section(properties: Sequence[Property]) -> list[list[Property]]:
    """Properties by class and instance: each pair is a ProductSection of its own. At least one names the product."""
    sections: dict[tuple[str, str], list[Property]] = {("", ""): []}
    for known in properties:
        sections.setdefault((known.class_id, known.instance_id), []).append(known)
    return list(sections.values())


def _product(name: str, number: int, properties: Sequence[Property]) -> str:
    key = ""
    if properties and properties[0].class_id:
        key += f" ovf:class={quoteattr(properties[0].class_id)}"
    if properties and properties[0].instance_id:
        key += f" ovf:instance={quoteattr(properties[0].instance_id)}"
    title = f"{name} part {number}" if number else name
    return (
        f"    <ProductSection{key}>\n      <Info>Properties</Info>\n"
        f"      <Product>{escape(title)}</Product>\n      <Vendor>Slipway samples</Vendor>\n"
        f"      <Version>1.0</Version>\n" + "".join(map(_property, properties)) + "    </ProductSection>\n"
    )


def _property(known: Property) -> str:
    attributes = {
        "key": known.id,
        "type": known.type,
        "userConfigurable": str(known.user_configurable).lower(),
        "value": known.default,
        "qualifiers": known.qualifiers,
        "password": "true" if known.password else "",
    }
    written = " ".join(f"ovf:{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    label, description = escape(known.label or known.id), escape(known.description or known.id)
    category = f"      <Category>{escape(known.category)}</Category>\n" if known.category else ""
    return (
        f"{category}      <Property {written}>\n        <Label>{label}</Label>\n"
        f"        <Description>{description}</Description>\n      </Property>\n"
    )
