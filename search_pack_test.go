package pointsman

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
)

// packer puts a state that waits to be looked into where it takes little room: a level of the search in the size for a
// release has hundreds of thousands of them, of ten kilobytes each. A worker has one of its own.
type packer struct{ to *flate.Writer }

// pack takes the state's own memory away. What a store would keep is all that there is: from has looked.
func (p *packer) pack(n *spot) error {
	var b bytes.Buffer
	if p.to == nil {
		var err error
		if p.to, err = flate.NewWriter(&b, flate.BestSpeed); err != nil {
			return err
		}
	}
	p.to.Reset(&b)
	if err := json.NewEncoder(p.to).Encode(n.state); err != nil {
		return err
	}
	if err := p.to.Close(); err != nil {
		return err
	}
	n.packed, n.state = b.Bytes(), State{}
	return nil
}

// unpacked is the spot with its state.
func (n *spot) unpacked() (*spot, error) {
	if n.packed == nil {
		return n, nil
	}
	in, out := flate.NewReader(bytes.NewReader(n.packed)), *n
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	out.packed = nil
	return &out, json.Unmarshal(text, &out.state)
}
