"""`slipway ova show`: for people within 80 columns, for scripts as one document."""

import json
import subprocess
import sys
from pathlib import Path

from engine.ova.descriptor import DeploymentOption, Property
from engine.ova.samples import build_ova
from tests.ova.archives import envelope, member, write_ova

ROOT = Path(__file__).parents[2]


def show(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", "ova", "show", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def box(tmp_path: Path) -> Path:
    return build_ova(
        tmp_path / "box.ova",
        name="box-1.0",
        disks=[3 << 20, 5],
        properties=[
            Property("hostname", user_configurable=True, default="box\nof many words " * 9),
            Property("password", class_id="guestinfo", password=True),
        ],
        networks=("mgmt",),
        deployment_options=(DeploymentOption("small", "Small", default=True),),
    ).path


def test_for_people(tmp_path: Path) -> None:
    told = show(box(tmp_path))
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    for line in (
        "Name        box-1.0",
        "Size        3.0 MiB in 4 files",
        "Product     box-1.0 1.0 (Slipway samples)",
        "Transport   com.vmware.guestInfo",
        "Manifest    SHA256 of 3 files",
        "Hardware    1 CPU, 64.0 MiB memory, SCSI lsilogic, vmx-13, otherLinux64Guest",
        "vmdisk1  1.0 GiB   3.0 MiB  box-1.0-disk1.vmdk",
        "vmdisk2  1.0 GiB   5 B      box-1.0-disk2.vmdk",
        "mgmt     mgmt",
        "Network adapter 1  VmxNet3  mgmt",
        "password  no     guestinfo.password  -",
        "small   yes      1 CPU, 64.0 MiB, 2 disks of 2.0 GiB  Small",
    ):
        assert line in lines, told.stdout
    assert any(line.startswith("string    yes    hostname            box of many words box") for line in lines)
    assert max(len(line) for line in lines if "File" not in line) <= 80


def test_for_scripts(tmp_path: Path) -> None:
    told = json.loads(show(box(tmp_path), "--json").stdout)
    assert (told["name"], told["product"]["name"], told["size"]) == ("box-1.0", "box-1.0", told["size"])
    assert [network["name"] for network in told["networks"]] == ["mgmt"]
    assert [file["size"] for file in told["files"]] == [3 << 20, 5]
    assert [disk["capacity_bytes"] for disk in told["disks"]] == [1 << 30, 1 << 30]
    assert [known["key"] for known in told["properties"]] == ["hostname", "guestinfo.password"]
    [option] = told["deployment_options"]
    assert (option["id"], option["label"], option["default"], option["hardware"]["memory_mb"]) == (
        "small",
        "Small",
        True,
        64,
    )
    assert [(file["chunks"], file["used_by"]) for file in told["files"]] == [(1, ["vmdisk1"]), (1, ["vmdisk2"])]
    assert told["hardware"]["cpus"] == 1
    assert told["manifest"]["box-1.0-disk1.vmdk"]["algorithm"] == "sha256"
    assert (told["missing"], told["problems"], told["is_collection"]) == ([], [], False)


def test_a_bare_descriptor_tells_what_is_missing_and_wrong(tmp_path: Path) -> None:
    (tmp_path / "box.ovf").write_text(
        envelope('<DiskSection><Disk ovf:diskId="d" ovf:fileRef="file1" ovf:capacity="x"/></DiskSection>')
    )
    told = show(tmp_path / "box.ovf").stdout
    assert "Missing files\ndisk1.vmdk\n" in told
    assert "Findings\nerror       box.ovf line 1: Disk 'd': has the capacity 'x'; correct" in told
    [problem] = json.loads(show(tmp_path / "box.ovf", "--json").stdout)["problems"]
    assert problem == "box.ovf line 1: Disk 'd': has the capacity 'x'"
    [finding] = json.loads(show(tmp_path / "box.ovf", "--json").stdout)["findings"]
    assert (finding["severity"], finding["where"]) == ("error", "box.ovf line 1: Disk 'd'")
    assert "d     unknown   -     disk1.vmdk" in told
    assert "Manifest    none" in told
    assert json.loads(show(tmp_path / "box.ovf", "--json").stdout)["manifest"] is None


def test_how_files_are_stored_and_who_uses_them(tmp_path: Path) -> None:
    hardware = (
        '<vmw:IpAssignmentSection vmw:schemes="dhcp,ovfenv" vmw:protocols="IPv4"/><VirtualHardwareSection>'
        '<vmw:ExtraConfig ovf:required="false" vmw:key="nvram" vmw:value="ovf:/file/n"/></VirtualHardwareSection>'
    )
    files = (
        '<File ovf:id="file1" ovf:href="disk1.vmdk" ovf:chunkSize="4" ovf:compression="gzip"/>'
        '<File ovf:id="n" ovf:href="box.nvram"/><File ovf:id="en" ovf:href="en.msg"/>'
    )
    disk = '<DiskSection><Disk ovf:diskId="d" ovf:fileRef="file1" ovf:capacity="1"/></DiskSection>'
    text = envelope(f'{disk}<Strings ovf:fileRef="en"/>', system=hardware, files=files)
    chunks = [member(f"disk1.vmdk.{number:09d}", b"1234") for number in range(3)]
    path = write_ova(tmp_path / "box.ova", member("box.ovf", text), *chunks, member("en.msg", "<Strings/>"))
    assert "'box.nvram' is missing" in show(path).stderr
    path = write_ova(path, member("box.ovf", text), *chunks, member("box.nvram", ""), member("en.msg", "<Strings/>"))
    lines = show(path).stdout.splitlines()
    for line in (
        "12 B  gzip, 3 chunks  d        disk1.vmdk",
        "0 B   -               nvram    box.nvram",
        "10 B  -               texts    en.msg",
        "Addresses   IPv4 by dhcp, ovfenv",
        "no        nvram    ovf:/file/n",
    ):
        assert line in lines, lines


def test_a_package_of_many_options_is_read_in_forty_of_them(tmp_path: Path) -> None:
    options = [DeploymentOption(f"option{number}", str(number)) for number in range(45)]
    path = build_ova(tmp_path / "box.ova", name="box", deployment_options=options).path
    told = json.loads(show(path, "--json").stdout)["deployment_options"]
    assert [option["hardware"] is None for option in told] == [False] * 40 + [True] * 5
    assert show(path).stdout.rstrip().endswith(" 44")


def test_machines_of_a_collection_are_listed(tmp_path: Path) -> None:
    machines = '<VirtualSystemCollection ovf:id="lab"><VirtualSystem ovf:id="one"/></VirtualSystemCollection>'
    (tmp_path / "lab.ovf").write_text(envelope(machines, files=""))
    told = show(tmp_path / "lab.ovf").stdout
    assert "Virtual machines\nNAME  HARDWARE\none   -\nbox   -\n" in told


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    text = envelope(system="<AnnotationSection><Annotation>red\u009b31m \u202eevil</Annotation></AnnotationSection>")
    told = show(write_ova(tmp_path / "box.ova", member("box.ovf", text), member("disk1.vmdk", b"")))
    assert r"Annotation  red\x9b31m \u202eevil" in told.stdout


def test_what_cannot_be_read_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ova", write_ova(tmp_path / "empty.ova")):
        told = show(path)
        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr.count("\n") == 1
        assert str(path) in told.stderr
    error = json.loads(show(tmp_path / "none.ova", "--json").stderr)["error"]
    assert (error["code"], error["object"]) == ("bad_input", str(tmp_path / "none.ova"))
