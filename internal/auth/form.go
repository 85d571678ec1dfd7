package auth

// Credentials of machines that other packages keep, such as the keys of the
// flag server, have the form of API tokens.

// MakeToken makes a secret of the kind that prefix names, e.g. "spf_".
func MakeToken(prefix string) string { return newToken(prefix) }

// TokenFormed reports whether token has the form of a token of this kind and
// its checksum is right.
func TokenFormed(token, prefix string) bool { return wellFormed(token, prefix) }
