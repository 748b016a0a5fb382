"""Which construct of OVF Slipway supports how, with the tests that prove it; and what of the corpus is refused.

docs/ovf-support.md is made of it (`support`).
"""

from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """What becomes of a construct."""

    READ = "read"
    SAME = "same effect as vSphere"
    LEFT = "left to vCenter"
    NOTED = "ignored with a note"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Construct:
    """One row: the section of DSP0243 1.1.1 (2.1 where it says so), and the tests that prove it by pytest's names."""

    name: str
    section: str
    how: How
    what: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Descriptors of the corpus that are refused for the same reason: words of the finding, how many, one of them."""

    reason: str
    count: int
    why: str
    example: str


def _row(name: str, section: str, how: How, what: str, *tests: str) -> Construct:
    return Construct(name, section, how, what, tests)


_OVA, _IMPORT, _E2E = "tests/ova/", "tests/vsphere/test_import_content.py::", "tests/e2e/"
_READING, _MORE = _OVA + "test_descriptor.py::", _OVA + "test_constructs.py::"
SIDE_BY_SIDE = _E2E + "test_side_by_side.py::test_every_descriptor"
_WRITTEN = _OVA + "test_invariance.py::test_however_it_is_written"

CONSTRUCTS = {
    "Package": (
        _row(
            "OVA: one tar archive, the files in any order",
            "5.3",
            How.SAME,
            "streamed, never unpacked; ustar, PAX and GNU, 8 GiB and more",
            _OVA + "test_archive.py::test_the_descriptor_may_lie_anywhere",
            _OVA + "test_archive.py::test_sizes_over_8_gib",
        ),
        _row(
            "a bare `.ovf` with its files beside it",
            "5.4",
            How.SAME,
            "files are looked for in its folder only",
            _OVA + "test_package.py::test_a_bare_descriptor_finds_what_lies_beside_it",
        ),
        _row(
            "manifest: SHA-1, SHA-256, SHA-512",
            "5.1",
            How.SAME,
            "the descriptor's digest when it is opened, every other while it is sent; a mismatch aborts the import",
            _OVA + "test_hostile.py::test_manifests_of_every_writer_are_heeded",
            _IMPORT + "test_a_chunk_that_the_manifest_denies_leaves_nothing",
        ),
        _row(
            "certificate",
            "5.1",
            How.READ,
            "signature and chain, against the system's and configured roots; what follows is the endpoint's policy",
            _OVA + "test_signature.py::test_a_chain_to_a_trusted_root_is_valid",
        ),
        _row(
            "files to which nothing refers",
            "5.1",
            How.NOTED,
            "not uploaded",
            _OVA + "test_check.py::test_files_are_compared_with_the_descriptor",
        ),
    ),
    "References": (
        _row(
            "File: href as a URI, names in any script",
            "7.1",
            How.SAME,
            "escaped and plain names, composed and decomposed",
            _OVA + "test_contents.py::test_names_are_found_in_every_spelling",
        ),
        _row(
            "File: `size`",
            "7.1",
            How.NOTED,
            "another one than the file has is a warning, as ovftool has it",
            _OVA + "test_check.py::test_files_are_compared_with_the_descriptor",
        ),
        _row(
            "File: `chunkSize`",
            "7.1",
            How.SAME,
            "chunks are joined while they are sent",
            _OVA + "test_contents.py::test_a_host_gets_the_bytes_however_they_are_stored",
            _IMPORT + "test_a_disk_arrives_as_it_was_before_it_was_stored",
        ),
        _row(
            "File: `compression` gzip, identity",
            "7.1",
            How.SAME,
            "expanded while it is sent, up to the setting `ova_gzip_ratio`",
            _OVA + "test_contents.py::test_gzip_as_gzip_reads_it",
            _IMPORT + "test_a_disk_arrives_as_it_was_before_it_was_stored",
        ),
        _row(
            "chunks that are missing, of another size, or beside the whole file; gzip that is damaged or a bomb",
            "7.1",
            How.REFUSED,
            "each by name",
            _OVA + "test_contents.py::test_a_missing_chunk_is_named",
            _OVA + "test_contents.py::test_a_chunk_of_another_size_is_named",
            _OVA + "test_contents.py::test_a_file_both_whole_and_in_chunks_is_refused",
            _IMPORT + "test_gzip_that_is_not_sound_sends_nothing",
            _OVA + "test_contents.py::test_a_bomb_is_refused_as_soon_as_it_is_one",
        ),
        _row(
            "File: any other `compression`",
            "7.1",
            How.REFUSED,
            "",
            _MORE + "test_a_compression_that_nobody_knows_is_refused",
        ),
        _row(
            "File outside of the package: `../`, absolute, `http://`",
            "7.1",
            How.REFUSED,
            "nothing is fetched or opened",
            _READING + "test_problems_name_their_element",
            _OVA + "test_hostile.py::test_nothing_outside_is_opened_or_connected_to",
        ),
        _row(
            "File at `https://`",
            "7.1",
            How.SAME,
            "refused, unless the setting `ova_remote_hosts` names its host: then fetched while it is sent",
            _OVA + "test_remote.py::test_whatever_else_lies_elsewhere_is_refused_and_nobody_is_asked",
            _IMPORT + "test_a_disk_on_an_allowed_host_goes_from_there_to_the_endpoint",
        ),
    ),
    "Disks": (
        _row(
            "Disk: `capacity` and its units",
            "9.1",
            How.SAME,
            "`byte * 2^30` and the older words",
            _READING + "test_allocation_units",
            SIDE_BY_SIDE,
        ),
        _row(
            "Disk: `capacity` given by a property",
            "9.1",
            How.SAME,
            "the value of the VM, of the option or the default; a VM that sets it is imported directly",
            _READING + "test_a_capacity_may_be_a_property",
            _E2E + "test_every_file.py::test_a_property_that_sizes_a_disk_is_no_matter_for_a_clone",
            _IMPORT + "test_a_capacity_that_is_a_property_follows_its_value",
        ),
        _row(
            "Disk without a file",
            "9.1",
            How.SAME,
            "made empty; one each for several devices",
            _MORE + "test_shared_disks_are_refused_and_empty_ones_are_one_each",
        ),
        _row(
            "Disk: `parentRef` (delta disks)",
            "9.1",
            How.REFUSED,
            "",
            _MORE + "test_delta_disks_are_refused_with_the_reason",
            _E2E + "test_every_file.py::test_what_cannot_be_imported_sends_nothing",
        ),
        _row(
            "one Disk with a file on several devices; SharedDiskSection",
            "9.1; 2.1: 9.13",
            How.REFUSED,
            "",
            _MORE + "test_shared_disks_are_refused_and_empty_ones_are_one_each",
            _MORE + "test_sections_that_nobody_knows",
        ),
    ),
    "Networks": (
        _row(
            "NetworkSection",
            "9.2",
            How.SAME,
            "each name mapped by the profile or the component",
            _E2E + "test_parity.py::test_the_profiles_networks_win_over_the_components",
            SIDE_BY_SIDE,
        ),
        _row(
            "an adapter on a Network that is not there",
            "9.2",
            How.REFUSED,
            "",
            _READING + "test_problems_name_their_element",
        ),
        _row(
            "adapter types, AutomaticAllocation (starts connected)",
            "8.3",
            How.SAME,
            "clones too",
            SIDE_BY_SIDE,
        ),
    ),
    "Hardware": (
        _row("CPU, memory, cores per socket, firmware, version, guest", "8.1, 8.3, 9.9", How.SAME, "", SIDE_BY_SIDE),
        _row("controllers: IDE, SCSI; places of disks", "8.3", How.SAME, "", _READING + "test_hardware", SIDE_BY_SIDE),
        _row(
            "controllers: SATA, NVMe",
            "8.3",
            How.LEFT,
            "read and shown; the simulated vCenters take no disks on them",
            _READING + "test_hardware",
        ),
        _row(
            "CD, DVD and floppy with a file; NVRAM",
            "8.3",
            How.SAME,
            "uploaded where vCenter asks for them; told where it does not",
            _IMPORT + "test_iso_floppy_nvram_and_disk_arrive",
            _E2E + "test_every_file.py::test_every_kind_of_file_is_uploaded_once_and_cloned",
        ),
        _row(
            "ranges (`bound`)",
            "8.4",
            How.READ,
            "they are no devices",
            _READING + "test_hardware",
        ),
        _row(
            "`vmw:Config`, `vmw:ExtraConfig`",
            "8.2",
            How.SAME,
            "extra options are told as a warning (required) or a note",
            _MORE + "test_options_of_the_vm_and_the_files_they_name",
            _IMPORT + "test_texts_options_and_transport_arrive",
        ),
        _row(
            "a choice of several hardware versions or device models",
            "8.1, 8.3",
            How.SAME,
            "vCenter takes the newest version that the hosts make; none of them: refused before anything is sent",
            SIDE_BY_SIDE,
            "tests/deploy/test_fit.py::test_a_hardware_version_that_no_host_has",
        ),
        _row(
            "several VirtualHardwareSections",
            "8.1",
            How.NOTED,
            "the first is read; vCenter chooses",
            _MORE + "test_of_several_hardware_sections_the_first_is_read",
        ),
        _row(
            "several VMs: VirtualSystemCollection (vApp)",
            "7.2",
            How.REFUSED,
            "read and shown",
            _MORE + "test_a_collection_of_machines_is_read_and_refused",
            _E2E + "test_every_file.py::test_what_cannot_be_imported_sends_nothing",
        ),
    ),
    "Deployment": (
        _row(
            "DeploymentOptionSection; items, disks and values of an option",
            "9.8",
            How.SAME,
            "on the staged path a variant of the template",
            _READING + "test_deployment_options_change_hardware_disks_and_defaults",
            _IMPORT + "test_items_disks_and_values_of_the_option",
            _E2E + "test_parity.py::test_a_spec_key_means_the_same_on_both_paths",
        ),
        _row(
            "`vmw:IpAssignmentSection`",
            "VMware",
            How.SAME,
            "policy and protocol given to imports and clones",
            _MORE + "test_ip_assignment",
            _E2E + "test_parity.py::test_a_policy_that_was_changed_after_staging_is_given_to_the_clones",
        ),
        _row(
            "`transport` of the OVF environment",
            "11.2",
            How.SAME,
            "values for a VM without one are refused: its guest would never see them",
            SIDE_BY_SIDE,
            _OVA.replace("ova", "deploy") + "test_values.py::test_values_are_found_fault_with_where_they_are_given",
        ),
        _row(
            "StartupSection, InstallSection, ResourceAllocationSection, VMware's own sections",
            "9.3, 9.7, 9.10",
            How.LEFT,
            "vCenter gets the whole descriptor",
            _MORE + "test_sections_that_nobody_knows",
        ),
        _row(
            "unknown sections",
            "7.3",
            How.REFUSED,
            "when `required`; else a warning or a note",
            _MORE + "test_sections_that_nobody_knows",
        ),
    ),
    "Products": (
        _row(
            "ProductSection: product, vendor, versions", "9.5", How.SAME, "", _READING + "test_properties", SIDE_BY_SIDE
        ),
        _row(
            "Property: class, instance, type, default, category",
            "9.5.1",
            How.SAME,
            "",
            _READING + "test_properties",
            SIDE_BY_SIDE,
        ),
        _row(
            "Property: `userConfigurable` false, hidden ones",
            "9.5.1",
            How.SAME,
            "kept with their defaults; a value for one is refused",
            SIDE_BY_SIDE,
            "tests/deploy/test_values.py::test_values_are_found_fault_with_where_they_are_given",
        ),
        _row(
            "Property: qualifiers (MinLen, MaxLen, ValueMap, numbers, addresses), passwords",
            "9.5.1",
            How.READ,
            "a value that breaks them is refused before anything is sent; the value is never shown",
            "tests/deploy/test_values.py::test_qualifiers",
            "tests/deploy/test_values.py::test_a_secret_value_is_not_repeated",
        ),
        _row(
            "EulaSection",
            "9.6",
            How.READ,
            "accepted per component, with who and when; clones and imports carry the text",
            "tests/catalog/test_admission.py::test_a_licence_waits_until_somebody_accepts_it",
            SIDE_BY_SIDE,
        ),
        _row(
            "AnnotationSection",
            "9.4",
            How.SAME,
            "the VM's notes, with Slipway's own last line below",
            SIDE_BY_SIDE,
        ),
    ),
    "Writing": (
        _row(
            "OVF 0.9, 1.x and 2.x; any prefix; orders; line ends",
            "7",
            How.READ,
            "the same meaning, whatever the form",
            _WRITTEN,
            _OVA + "test_invariance.py::test_every_real_descriptor_in_every_way",
        ),
        _row(
            "UTF-8, UTF-16, ISO 8859-1, Windows 1252, byte order marks",
            "6",
            How.READ,
            "other encodings are refused by name",
            _OVA + "test_encoding.py::test_encodings",
            _WRITTEN,
        ),
        _row(
            "message bundles in the envelope and in files of the package",
            "10",
            How.READ,
            "English, or as written, or any language; vCenter gets the English ones",
            _MORE + "test_texts_are_english_or_as_written",
            _MORE + "test_bundles_may_be_files_of_the_package",
            _WRITTEN,
        ),
        _row(
            "a message bundle that is missing; one that is damaged",
            "10",
            How.NOTED,
            "texts as they are written, and a warning; more than 1 MiB of them is refused",
            _MORE + "test_a_bundle_that_is_missing_leaves_the_texts_as_written",
            _MORE + "test_a_bundle_that_cannot_be_read_leaves_the_texts_as_written",
        ),
        _row(
            "optional sections left out",
            "9",
            How.READ,
            "the others mean the same",
            _OVA + "test_invariance.py::test_a_section_that_is_not_there_changes_nothing_else",
        ),
        _row(
            "DTD, entities",
            "6",
            How.REFUSED,
            "nothing is expanded, opened or connected to",
            _OVA + "test_hostile.py::test_entities_are_refused_before_they_expand",
        ),
    ),
}

_MADE_WRONG = "made wrong to test readers"
_XML = "govmomi/external/OVFToolTemplates/OVF/xmltestfiles/"
FAMILIES = (
    Family(
        "is not a file of the package",
        110,
        "files of test resources in folders outside (`../../../vmdk/x.vmdk`)",
        _XML + "DiskSection_1_0/Pos/valid_disk.ovf",
    ),
    Family("Slipway imports packages of one VM", 72, "vApps", "govmomi/virtualsystemcollection.ovf"),
    Family(
        "has no VirtualSystem",
        17,
        "examples of single sections",
        "govmomi/external/ImportOvf2014/tagBasedPlacementGroupSection/tagBasedPlacementGroup003.ovf",
    ),
    Family("refers to the File", 5, _MADE_WRONG, _XML + "Envelope/Neg/invalid_no_ref.ovf"),
    Family(
        "only https://host/path is ever fetched",
        4,
        "files on a web server",
        _XML + "Envelope_1_0/Pos/http_uri_in_file.ovf",
    ),
    Family("refers to the Disk", 3, _MADE_WRONG, _XML + "DiskSection/Neg/inside_content.ovf"),
    Family("refers to the Network", 3, _MADE_WRONG, _XML + "NetworkSection_1_0/Neg/no_net.ovf"),
    Family(
        "disks cannot be shared",
        2,
        "two devices on one disk",
        "govmomi/external/ImportOvf2014/nostalgia-two-disks-same.ovf",
    ),
    Family("has the capacity", 2, _MADE_WRONG, _XML + "DiskSection/Neg/no_capacity.ovf"),
    Family("is a delta disk", 2, "exported with snapshots", "govmomi/external/SugarCRM/SugarCRM.ovf"),
    Family("elements with that", 2, _MADE_WRONG, _XML + "Envelope/Neg/invalid_ref_dup_id.ovf"),
)
"""Together they tell every error that `read_descriptor` finds in the corpus."""
DESCRIPTORS_OF_CORPUS = 461
