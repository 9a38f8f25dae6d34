package audit

import "strings"

// unsure notes that something asked for could not be compared, which keeps the verdict from Intact.
func (v *verification) unsure(format string, args ...any) {
	v.doubts = true
	v.lacks(format, args...)
}

// conclude turns what was found into a verdict and the sentences that go with it. A touched log guarantees nothing, so
// only the faults are said.
func (v *verification) conclude() Report {
	if len(v.Faults) > 0 {
		v.Verdict, v.Holds, v.Lacks = Touched, nil, nil
		return v.Report
	}
	if v.Entries == 0 {
		v.unsure("there are no entries")
		return v.Report
	}
	if v.some != nil {
		v.sayPart()
	} else {
		v.sayWhole()
	}
	v.sayKey()
	v.sayAnchor()
	if !v.doubts {
		v.Verdict = Intact
	}
	return v.Report
}

func (v *verification) sayPart() {
	if v.signed == nil {
		return
	}
	v.holds("every entry is in the tree of %d entries that %s signed", v.signed.Size, v.keyNames())
	if v.strangers {
		v.holds("no entry and no file of the export was changed or removed since it was written")
	} else {
		v.holds("no entry and no file of the export was changed, added or removed since it was written")
	}
	v.lacks("entries that were never exported cannot be seen here: the export of the whole log shows them")
}

func (v *verification) sayWhole() {
	v.holds("the chain from entry 1 to %d is unbroken", v.Last)
	for _, p := range v.pins {
		v.holds("%s fits", p.by)
	}
	switch {
	case v.signed == nil && len(v.pins) == 0:
		v.lacks("no signed checkpoint and no anchor: whoever could write the log could have written all of it anew")
	case v.signed != nil && v.signed.Size < v.Last:
		v.lacks("entries %s are newer than the newest signed checkpoint: only the chain covers them", span(v.signed.Size+1, v.Last))
	}
}

func (v *verification) sayKey() {
	switch {
	case v.signed == nil && len(v.anchors) == 0:
	case len(v.keys) == 0:
		v.lacks("signatures were not checked, since no key is known: give --key")
	case v.ownKey:
		v.lacks("the key %s was taken from the export itself: give --key to bind it to a key you trust", v.keyNames())
	default:
		v.holds("the signatures are by the key you gave, %s", v.keyNames())
	}
}

func (v *verification) sayAnchor() {
	var newest uint64
	for _, a := range v.anchors {
		newest = max(newest, a.Size)
	}
	end := v.Last
	if v.some != nil && v.signed != nil {
		end = v.signed.Size
	}
	switch {
	case newest == 0:
		v.lacks("no outside anchor given: a cut tail after entry %d cannot be excluded, nor a rewrite by a holder of the signing key", end)
	case newest < end:
		v.lacks("after the newest anchor (%d entries) a cut tail and a rewrite by a holder of the signing key cannot be excluded", newest)
	}
}

func (v *verification) keyNames() string {
	names := make([]string, len(v.keys))
	for i, k := range v.keys {
		names[i] = keyName(k)
	}
	return strings.Join(names, " or ")
}
