package app

import "crypto/tls"

// Certificates is the TLS side of an address that is listened on; nil where neither file is given, for plain HTTP. A
// renewed certificate needs no restart. Alertmanager's door checks a client certificate against its own authority, so
// here one is only asked for, never judged.
func Certificates(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { // read anew for each connection
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		},
	}, nil
}
