package main

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/types"
)

func TestItemsOfTheOption(t *testing.T) {
	item := func(attributes, id, name string) string {
		return "<Item" + attributes + "><rasd:ElementName>" + name + "</rasd:ElementName><rasd:InstanceID>" + id + "</rasd:InstanceID></Item>"
	}
	descriptor := item("", "1", "general") + item(` ovf:configuration="large huge"`, "1", "of large") +
		item(` ovf:bound="max"`, "1", "range") + item(` ovf:configuration="small"`, "2", "of small") + item("", "3", "always")
	for option, names := range map[string][]string{
		"large": {"of large", "always"}, "small": {"general", "of small", "always"}, "": {"general", "always"},
	} {
		left := inOption(descriptor, option)
		for _, name := range []string{"general", "of large", "range", "of small", "always"} {
			wanted := false
			for _, one := range names {
				wanted = wanted || one == name
			}
			if strings.Contains(left, ">"+name+"<") != wanted {
				t.Errorf("option %q: %q", option, left)
			}
		}
		if strings.Contains(left, "configuration") {
			t.Errorf("option %q is still named: %q", option, left)
		}
	}
}

func TestOfSeveralVersionsTheNewestThatTheHostsMake(t *testing.T) {
	for said, wanted := range map[string]string{
		"vmx-13 vmx-11 vmx-10": "vmx-13", "vmx-07,vmx-99": "vmx-07", " vmx-09 ": "vmx-09", "virtualbox-2.2": "virtualbox-2.2",
	} {
		if made := versioned("<vssd:VirtualSystemType>" + said + "</"); made != "<vssd:VirtualSystemType>"+wanted+"</" {
			t.Errorf("%q: %s", said, made)
		}
	}
}

func TestTextsOfBundles(t *testing.T) {
	descriptor := `<License ovf:msgid="a">as written</License><Label ovf:msgid="b"/><Label ovf:msgid="c">own</Label>` +
		`<Strings xml:lang="de-DE"><Msg ovf:msgid="c">deutsch</Msg></Strings><Strings><Msg ovf:msgid="a">English</Msg></Strings>`
	made := localized(descriptor, []types.KeyValue{{Key: "b", Value: "given & more"}})
	for _, wanted := range []string{
		`<License ovf:msgid="a">English</License>`, `<Label ovf:msgid="b">given &amp; more</Label>`, `<Label ovf:msgid="c">own</Label>`,
	} {
		if !strings.Contains(made, wanted) {
			t.Errorf("%q lacks %q", made, wanted)
		}
	}
}

func TestCapacityOfAProperty(t *testing.T) {
	class, general, large := "net", "2", "large"
	system := &ovf.VirtualSystem{Product: []ovf.ProductSection{{Class: &class, Property: []ovf.Property{{
		Key: "gb", Default: &general, Values: []ovf.PropertyConfigurationValue{{Value: "5", Configuration: &large}},
	}}}}}
	disk := `<Disk ovf:capacity="${gb}"/>`
	for _, one := range []struct {
		option string
		given  []types.KeyValue
		wanted string
	}{{"", nil, "2"}, {large, nil, "5"}, {large, []types.KeyValue{{Key: "net.gb", Value: "9"}}, "9"}} {
		if made := sized(disk, system, one.option, one.given); made != `<Disk ovf:capacity="`+one.wanted+`"/>` {
			t.Errorf("%+v: %s", one, made)
		}
	}
}
