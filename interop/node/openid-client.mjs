// openid-client (certified relying party) against the gateway.
import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { ask, done, fails, given, play, refusedWithin } from './peer.mjs'

const { issuer, api, audience, client_id, client_secret, redirect_uri } = given
const scope = 'openid offline_access orders:read'

const discover = () =>
  client.discovery(new URL(issuer), client_id, undefined, client_secret ? client.ClientSecretBasic(client_secret) : client.None())

const resourceServer = () =>
  client.discovery(new URL(issuer), given.rs_id, undefined, client.ClientSecretBasic(given.rs_secret))

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } })

// login sends a person through the pages and returns the tokens.
async function login(config, { par = false, dpop } = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const nonce = client.randomNonce()
  const state = client.randomState()
  const parameters = {
    redirect_uri, scope, nonce, state, resource: audience,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }
  const url = par
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, dpop && { DPoP: dpop })
    : client.buildAuthorizationUrl(config, parameters)
  if (par) assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  const callback = new URL(await ask('authorize', url.href))
  assert.equal(callback.searchParams.get('iss'), issuer, 'RFC 9207: the response says who it is from')
  const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, callback, checks, { resource: audience }, dpop && { DPoP: dpop })
  assert.ok(tokens.refresh_token && tokens.id_token)
  assert.equal(tokens.claims().nonce, nonce)
  return { tokens, callback, checks, url }
}

await play({
  async code() {
    const config = await discover()
    const metadata = config.serverMetadata()
    assert.equal(metadata.authorization_response_iss_parameter_supported, true)
    assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
    done('discovery')

    const { tokens, callback, checks } = await login(config)
    done('authorization code with PKCE S256, nonce, state and iss')
    assert.equal(tokens.token_type, 'bearer')
    const { sub } = tokens.claims()
    assert.equal(sub, given.sub)
    assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).sub, sub)
    done('userinfo')
    const orders = await client.fetchProtectedResource(config, tokens.access_token, new URL(api), 'GET')
    assert.deepEqual(await orders.json(), ['1'])
    done('the API is called with the token')

    const server = await resourceServer()
    const seen = await client.tokenIntrospection(server, tokens.access_token)
    assert.equal(seen.active, true)
    assert.deepEqual([seen.sub, seen.client_id, seen.iss], [sub, client_id, issuer])
    await assert.rejects(client.tokenIntrospection(config, tokens.access_token), 'no resource server')
    done('introspection')

    const second = await client.refreshTokenGrant(config, tokens.refresh_token, { resource: audience })
    assert.notEqual(second.refresh_token, tokens.refresh_token)
    if (second.id_token) assert.equal(second.claims().sub, sub)
    assert.equal((await fetch(api, bearer(second.access_token))).status, 200)
    done('refresh')

    await client.tokenRevocation(config, second.refresh_token)
    await fails(client.refreshTokenGrant(config, second.refresh_token), 'invalid_grant')
    done(`revocation; the access token is refused after ${await refusedWithin(1000, () => fetch(api, bearer(second.access_token)))} ms`)
    assert.equal((await client.tokenIntrospection(server, second.access_token)).active, false)
    done('a revoked token is inactive')

    await fails(client.authorizationCodeGrant(config, callback, checks), 'invalid_grant')
    done('the code is refused the second time')
  },

  async par() {
    const config = await discover()
    const { tokens, url } = await login(config, { par: true })
    assert.equal((await fetch(api, bearer(tokens.access_token))).status, 200)
    done('pushed authorization request')
    assert.equal(await ask('open', url.href), '400')
    done('its request_uri is refused the second time')
  },

  async dpop() {
    const config = await discover()
    const keys = await client.randomDPoPKeyPair('ES256')
    const dpop = client.getDPoPHandle(config, keys)
    const { tokens } = await login(config, { par: true, dpop })
    assert.equal(tokens.token_type, 'dpop')
    done('a token that is bound to a key by DPoP')
    const { sub } = tokens.claims()
    assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP: dpop })).sub, sub)
    done('userinfo with a proof')
    const server = await resourceServer()
    const seen = await client.tokenIntrospection(server, tokens.access_token)
    assert.ok(seen.cnf.jkt)
    done('introspection tells the key')
    const orders = await client.fetchProtectedResource(config, tokens.access_token, new URL(api), 'GET', undefined, undefined, { DPoP: dpop })
    assert.deepEqual(await orders.json(), ['1'])
    done('the API is called with the token and a proof')
    assert.equal((await fetch(api, bearer(tokens.access_token))).status, 401)
    done('the token without a proof is refused')

    const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    await assert.rejects(client.fetchProtectedResource(config, tokens.access_token, new URL(api), 'GET', undefined, undefined, { DPoP: stranger }))
    done('the token with a proof of another key is refused')
    const second = await client.refreshTokenGrant(config, tokens.refresh_token, { resource: audience }, { DPoP: dpop })
    assert.equal(second.token_type, 'dpop')
    done('refresh with the same key')
    await fails(client.refreshTokenGrant(config, second.refresh_token, { resource: audience }, { DPoP: stranger }), 'invalid_dpop_proof')
    done('refresh with another key is refused')
  },

  async device() {
    const config = await discover()
    const begun = await client.initiateDeviceAuthorization(config, { scope, resource: audience })
    assert.equal(begun.interval, 5)
    done(`the device shows ${begun.user_code} and ${begun.verification_uri}`)
    done(`the person sees: ${await ask('device', `${begun.verification_uri} ${begun.user_code}`)}`)
    const tokens = await client.pollDeviceAuthorizationGrant(config, begun)
    assert.equal(tokens.claims().sub, given.sub)
    assert.equal((await fetch(api, bearer(tokens.access_token))).status, 200)
    done('the device has tokens, and the API answers')
    const second = await client.refreshTokenGrant(config, tokens.refresh_token)
    assert.equal((await fetch(api, bearer(second.access_token))).status, 200)
    done('refresh')
    await fails(client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 0 }), 'invalid_grant')
    done('the device code is refused the second time')
  },

  async logout() {
    const config = await discover()
    const { tokens } = await login(config)
    const url = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token, post_logout_redirect_uri: given.goodbye_uri, state: 'bye',
    })
    assert.equal(await ask('open', url.href), `${given.goodbye_uri}?state=bye`)
    done('RP-initiated logout')
    done(`the access token is refused after ${await refusedWithin(1000, () => fetch(api, bearer(tokens.access_token)))} ms`)
    await fails(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant')
    done('the refresh token is refused')
  },

  async machine() {
    const config = await discover()
    const tokens = await client.clientCredentialsGrant(config, { scope: 'orders:read', resource: audience })
    assert.equal(tokens.refresh_token, undefined)
    assert.ok(tokens.expires_in > 3500 && tokens.expires_in <= 3600)
    assert.equal((await fetch(api, bearer(tokens.access_token))).status, 200)
    done('client credentials')
    await fails(client.clientCredentialsGrant(config, { scope: 'orders:write' }), 'invalid_scope')
    await fails(client.clientCredentialsGrant(config, { resource: 'https://elsewhere.example' }), 'invalid_target')
    done('a scope and a resource that are not its own are refused')
    await client.tokenRevocation(config, tokens.access_token)
    done(`revocation; the token is refused after ${await refusedWithin(1000, () => fetch(api, bearer(tokens.access_token)))} ms`)
  },
})
