// oidc-provider as a token endpoint for `go run ./bench -tokens`: one client with
// client_secret_basic, access tokens as ES256 JWTs for one resource, all state in
// its own memory. Arguments: address, client id, secret, audience.
import { Provider } from 'oidc-provider'
import { exportJWK, generateKeyPair } from 'jose'

const [address, client_id, client_secret, audience] = process.argv.slice(2)
const [host, port] = address.split(':')
const { privateKey } = await generateKeyPair('ES256', { extractable: true })

const provider = new Provider(`http://${address}`, {
  scopes: ['orders:read'],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }] },
  clients: [{
    client_id, client_secret, grant_types: ['client_credentials'], response_types: [], redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_basic', id_token_signed_response_alg: 'ES256', scope: 'orders:read',
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({ scope: 'orders:read', audience, accessTokenFormat: 'jwt', accessTokenTTL: 3600, jwt: { sign: { alg: 'ES256' } } }),
    },
  },
})
provider.listen(Number(port), host)
