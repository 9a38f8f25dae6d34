//go:build !unix

package swap

// May tells why File could not replace the file. Here only a try can tell more than that it is read.
func May(path string) error {
	_, err := Read(path)
	return err
}
