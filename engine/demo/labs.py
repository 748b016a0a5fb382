"""What the demo deploys: one profile of nine VMs, several times under other names, domains, vApps and portgroups."""

from dataclasses import dataclass
from pathlib import Path

from engine.catalog.profiles import Profile, read_profile

PROFILE = Path(__file__).parent / "nine.yaml"

PASSWORD_SETTING = "demo_lab_password"  # noqa: S105 - the setting's name


@dataclass(frozen=True, slots=True)
class Lab:
    """One deployment of the profile; `name` is also the vApp's, and part of domain and portgroup."""

    name: str
    endpoint: str

    @property
    def portgroup(self) -> str:
        """The network that all its VMs are on."""
        return f"{self.name}-segment"

    @property
    def profile(self) -> Profile:
        """The profile, filled in for this lab."""
        return read_profile(
            PROFILE,
            [
                ("name", self.name),
                ("endpoint", self.endpoint),
                ("domain", f"{self.name}.example.com"),
                ("vapp", self.name),
                ("network.portgroup", self.portgroup),
            ],
        )


LABS = (Lab("lab01", "vc01"), Lab("lab02", "vc01"), Lab("lab03", "vc02"), Lab("lab04", "vc02"))
