"""The package format: OVA and OVF files, read without unpacking. Knows no vSphere."""
