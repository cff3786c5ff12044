package jose

import "math/big"

// rocaPrimes are the primes by which keys of CVE-2017-15361 are known.
var rocaPrimes = [...]int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167}

// weak reports whether a modulus was made by the library of CVE-2017-15361 (ROCA),
// whose private keys can be computed: modulo each of the primes it is a power of 65537.
// A sound key is taken for one less often than once in 2^27.
func weak(n *big.Int) bool {
	var rest, prime big.Int
	for _, p := range rocaPrimes {
		r := rest.Mod(n, prime.SetInt64(p)).Int64()
		power := int64(1)
		for power != r {
			if power = power * 65537 % p; power == 1 {
				return false // all powers were seen
			}
		}
	}
	return true
}
