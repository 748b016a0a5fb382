package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/types"
)

var (
	bundleElement = regexp.MustCompile(`(?s)<(?:\w+:)?Strings\b([^>]*)>(.*?)</(?:\w+:)?Strings>`)
	bundleText    = regexp.MustCompile(`<(?:\w+:)?Msg\s[^>]*?msgid="([^"]*)"[^>]*>([^<]*)<`)
	// translatable is an element whose text a bundle may have: its start without the end of the tag, name and msgid.
	translatable = regexp.MustCompile(`<((?:\w+:)?(\w+))(\s[^>]*?msgid="([^"]*)"[^>]*?)(?:/>|>[^<]*</[^>]*>)`)
	itemElement  = regexp.MustCompile(`(?s)<(?:\w+:)?Item(?:\s[^>]*)?>.*?</(?:\w+:)?Item>`)
	instanceID   = regexp.MustCompile(`InstanceI[Dd]>\s*([^<]*?)\s*<`)
	bound        = regexp.MustCompile(`^<[^>]*\bbound="(?:min|max)"`)
	ofOption     = regexp.MustCompile(`^(<[^>]*?)\s(?:\w+:)?configuration="([^"]*)"`)
	versions     = regexp.MustCompile(`(VirtualSystemType>)([^<]*)</`)
	byProperty   = regexp.MustCompile(`capacity="\$\{([^}]*)\}"`)
)

// localized puts the bundles' English texts, and those that the client gave, in the place of what they translate.
func localized(descriptor string, given []types.KeyValue) string {
	texts := map[string]string{}
	for _, bundle := range bundleElement.FindAllStringSubmatch(descriptor, -1) {
		if !strings.Contains(bundle[1], "lang=") || strings.Contains(bundle[1], `lang="en`) {
			for _, found := range bundleText.FindAllStringSubmatch(bundle[2], -1) {
				texts[found[1]] = found[2]
			}
		}
	}
	for _, one := range given {
		texts[one.Key] = escape(one.Value)
	}
	return translatable.ReplaceAllStringFunc(descriptor, func(element string) string {
		found := translatable.FindStringSubmatch(element)
		text, known := texts[found[4]]
		if !known || found[2] == "Msg" {
			return element
		}
		return "<" + found[1] + found[3] + ">" + text + "</" + found[1] + ">"
	})
}

// optionOf is the deployment option: the one asked for, or the default, which is the first if none says so.
func optionOf(envelope *ovf.Envelope, asked string) string {
	if asked != "" || envelope.DeploymentOption == nil || len(envelope.DeploymentOption.Configuration) == 0 {
		return asked
	}
	options := envelope.DeploymentOption.Configuration
	for _, option := range options {
		if option.Default != nil && *option.Default {
			return option.ID
		}
	}
	return options[0].ID
}

// inOption leaves the items that hold under the option, without their configuration: one made for it replaces the
// general one of its instance (DSP0243 9.8). Items with a bound are ranges, not devices.
func inOption(descriptor, option string) string {
	holds := func(item string) bool {
		found := ofOption.FindStringSubmatch(item)
		return found == nil || slices.Contains(strings.Fields(found[2]), option)
	}
	instance := func(item string) string {
		if found := instanceID.FindStringSubmatch(item); found != nil {
			return found[1]
		}
		return ""
	}
	made := map[string]bool{}
	for _, item := range itemElement.FindAllString(descriptor, -1) {
		if ofOption.MatchString(item) && holds(item) {
			made[instance(item)] = true
		}
	}
	return itemElement.ReplaceAllStringFunc(descriptor, func(item string) string {
		if bound.MatchString(item) || !holds(item) || (!ofOption.MatchString(item) && made[instance(item)]) {
			return ""
		}
		return ofOption.ReplaceAllString(item, "$1")
	})
}

// versioned leaves of the hardware versions that a machine may have, `vmx-10 vmx-13`, the newest that the hosts make.
func versioned(descriptor string) string {
	return versions.ReplaceAllStringFunc(descriptor, func(element string) string {
		found := versions.FindStringSubmatch(element)
		newest := ""
		for _, version := range strings.FieldsFunc(found[2], func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
			if versionOf(version) > versionOf(newest) {
				newest = version
			}
		}
		if newest == "" {
			return element
		}
		return found[1] + newest + "</"
	})
}

// versionOf is the N of `vmx-N`, 0 for what the hosts do not make.
func versionOf(family string) int {
	number := 0
	if n, err := fmt.Sscanf(family, "vmx-%d", &number); n != 1 || err != nil || number > newestVersion {
		return 0
	}
	return number
}

// sized gives the disks whose capacity is a property the property's value.
func sized(descriptor string, system *ovf.VirtualSystem, option string, given []types.KeyValue) string {
	set := map[string]string{}
	for _, one := range given {
		set[one.Key] = one.Value
	}
	values := map[string]string{}
	for _, product := range system.Product {
		for _, property := range product.Property {
			key := product.Key(property)
			value, ok := set[key]
			if !ok {
				value = defaultIn(property, option)
			}
			values[property.Key], values[key] = value, value
		}
	}
	return byProperty.ReplaceAllStringFunc(descriptor, func(attribute string) string {
		return `capacity="` + values[byProperty.FindStringSubmatch(attribute)[1]] + `"`
	})
}

// defaultIn is a property's value under an option.
func defaultIn(property ovf.Property, option string) string {
	general := ""
	if property.Default != nil {
		general = *property.Default
	}
	for _, value := range property.Values {
		if value.Configuration != nil && *value.Configuration == option {
			return value.Value
		}
		if value.Configuration == nil && general == "" {
			general = value.Value
		}
	}
	return general
}
