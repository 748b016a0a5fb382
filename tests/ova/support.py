"""docs/ovf-support.md: which construct of OVF Slipway supports how.

    python -m tests.ova.support

`test_support` sees to it that the document is up to date, that each named test exists, and that the refusals of the
corpus are those listed.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.e2e.side_by_side import DESCRIPTORS, EXPLAINED, ON_STOCK
from tests.ova.constructs import CONSTRUCTS, DESCRIPTORS_OF_CORPUS, FAMILIES, SIDE_BY_SIDE, Construct

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "ovf-support.md"


HEAD = """\
# What of OVF is supported

Made by `make docs` from `tests/ova/constructs.py`; a test says when it is out of date, and that every test named here
exists. Sections are those of DSP0243 1.1.1.

- **same effect as vSphere**: the VM is what vCenter makes of the descriptor, on the direct path and as a clone.
- **read**: Slipway itself acts on it, or shows it.
- **left to vCenter**: vCenter gets the descriptor as it is, and judges.
- **refused**: before the first byte is sent, by name, with what to do (`slipway ova check FILE` lists all at once).
- **ignored with a note**: `slipway ova check` tells.
"""

SIDE_HEAD = """\
## Side by side with govc

`{test}` builds a package around each of {count} real descriptors and imports it with `govc import.ova` and the spec
that `govc import.spec` gives (networks mapped, every property given another value, provisioning and deployment option
by turns), with Slipway's direct import, and with Slipway's staging and clone. Read back with `govc vm.info -json` and
`govc device.info -json`, the three VMs have the same hardware (CPUs, cores, memory, version, guest, firmware), disks
(capacity, controller, place, mode, provisioning), adapters (type, network, start connected), other devices, properties
(key, type, default, value, userConfigurable), products, licences, transport, address assignment, options and notes.
`e2e/test_side_by_side.py::test_on_stock_vcsim` does so on stock vcsim with {stock} that it can import, and
`vsphere/test_import_corpus.py` tries every descriptor of the corpus: what govc imports into the simulated vCenter,
Slipway imports as the same VM or refuses by name.

What differs, and why:

{table}
"""

CORPUS_HEAD = """\
## Real descriptors that are refused

Of the {count} descriptors of the corpus (govmomi's, COT's and vcsim's) each that `govc import.spec` accepts is read
and shown. For import these are refused; a descriptor may be so for more than one reason.

{table}
"""


def page() -> str:
    """The document."""
    parts = [HEAD]
    for title, rows in CONSTRUCTS.items():
        head = ("Construct", "DSP0243", "Supported", "", "Proof")
        parts += [f"## {title}\n", _table(head, (_told(row) for row in rows))]
    explained = _table(("What", "Why"), EXPLAINED.items())
    parts.append(
        SIDE_HEAD.format(
            test=SIDE_BY_SIDE.removeprefix("tests/"), count=len(DESCRIPTORS), stock=len(ON_STOCK), table=explained
        )
    )
    refused = _table(
        ("Because it", "Descriptors", "Why", "For example"),
        ((one.reason, str(one.count), one.why, f"`{one.example}`") for one in FAMILIES),
    )
    parts.append(CORPUS_HEAD.format(count=DESCRIPTORS_OF_CORPUS, table=refused).rstrip("\n"))
    return "\n".join(parts) + "\n"


def _told(row: Construct) -> Sequence[str]:
    return (
        row.name,
        row.section,
        row.how,
        row.what,
        "<br>".join(f"`{test.removeprefix('tests/')}`" for test in row.tests),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(page())
