"""The product and its properties, and the deployment options, as a descriptor tells them (DSP0243 9.5 and 9.8)."""

from collections.abc import Iterable, Iterator

from engine.ova.descriptor import DeploymentOption, Product, Property
from engine.ova.messages import Messages
from engine.ova.xml import Element, is_true


def deployment_options(root: Element, texts: Messages) -> tuple[DeploymentOption, ...]:
    """What the OVF offers; one is the default if there are any."""
    found = [option for section in root.every("DeploymentOptionSection") for option in section.every("Configuration")]
    # Without a default the first one is it (DSP0243 9.8).
    default = next((option for option in found if is_true(option.get("default"))), next(iter(found), None))
    return tuple(
        DeploymentOption(
            option.get("id"),
            texts.of(option, "Label"),
            texts.of(option, "Description"),
            option is default,
            option.line,
        )
        for option in found
    )


def properties_of(sections: Iterable[Element], texts: Messages, option: str) -> Iterator[Property]:
    """Those of the sections, with their values under a deployment option."""
    for section in sections:
        category = ""
        for child in section.children:
            if child.name == "Category":
                category = texts.text(child)
            elif child.name == "Property":
                kind = child.get("type")
                yield Property(
                    id=child.get("key"),
                    class_id=section.get("class"),
                    instance_id=section.get("instance"),
                    type=kind,
                    qualifiers=" ".join(filter(None, (child.get("qualifiers"), child.get("vmw.qualifiers")))),
                    user_configurable=is_true(child.get("userConfigurable")),
                    password=is_true(child.get("password")) or kind.lower().startswith("password"),
                    default=_default(child, option),
                    label=texts.of(child, "Label"),
                    description=texts.of(child, "Description"),
                    category=category,
                    line=child.line,
                )


def _default(element: Element, option: str) -> str:
    """The value made for the option, else the property's own."""
    values = {value.get("configuration"): value.get("value") for value in element.every("Value")}
    general = element.get("value") or values.get("", "")
    return values.get(option, general) if option else general


def product_of(sections: Iterable[Element], texts: Messages) -> Product:
    """The first section that names a product: the others hold properties of its parts."""
    named = next((section for section in sections if texts.of(section, "Product")), None)
    if named is None:
        return Product()
    return Product(
        name=texts.of(named, "Product"),
        vendor=texts.of(named, "Vendor"),
        version=named.text_of("Version"),
        full_version=named.text_of("FullVersion"),
        product_url=named.text_of("ProductUrl"),
        vendor_url=named.text_of("VendorUrl"),
    )
