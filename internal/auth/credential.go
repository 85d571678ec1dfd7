package auth

// NewCredential makes a token in the form of a service account's for who keeps
// its hash elsewhere: the token itself, what to store of it, and its beginning.
func NewCredential() (plain, hash, hint string) {
	plain = newToken(serviceTokenPrefix)
	return plain, fingerprint(plain), plain[:len(serviceTokenPrefix)+4]
}

// CredentialHash is what is stored of a token that NewCredential made; ok is
// false for everything that is no such token, which then needs no database.
func CredentialHash(plain string) (hash string, ok bool) {
	if !wellFormed(plain, serviceTokenPrefix) {
		return "", false
	}
	return fingerprint(plain), true
}
