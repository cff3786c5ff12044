// oauth4webapi (certified, lower level than openid-client: every response is
// checked apart) against the gateway. As a resource server it checks our access
// tokens by RFC 9068, too.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { ask, done, fails, given, play, refusedWithin } from './peer.mjs'

const { issuer, api, audience, redirect_uri } = given
const scope = 'openid offline_access orders:read'
const client = { client_id: given.client_id }
const proof = given.client_secret ? oauth.ClientSecretPost(given.client_secret) : oauth.None()
const resource = { additionalParameters: { resource: audience } }

async function discover(algorithm = 'oidc') {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm }))
}

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } })

// accepted checks an access token as a resource server of others would.
const accepted = (as, token) => oauth.validateJwtAccessToken(as, new Request(api, bearer(token)), audience)

async function login(as, { par = false, DPoP } = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const nonce = oauth.generateRandomNonce()
  const state = oauth.generateRandomState()
  const parameters = new URLSearchParams({
    client_id: client.client_id, response_type: 'code', redirect_uri, scope, nonce, state, resource: audience,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const url = new URL(as.authorization_endpoint)
  if (par) {
    const pushed = await oauth.pushedAuthorizationRequest(as, client, proof, parameters, { DPoP })
    const { request_uri, expires_in } = await oauth.processPushedAuthorizationResponse(as, client, pushed)
    assert.equal(expires_in, 60)
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri })
  } else {
    url.search = parameters
  }
  const callback = oauth.validateAuthResponse(as, client, new URL(await ask('authorize', url.href)), state)
  assert.equal(callback.get('iss'), issuer)
  const redeem = (code = verifier) => oauth.authorizationCodeGrantRequest(as, client, proof, callback, redirect_uri, code, { DPoP, ...resource })
  return { callback, nonce, url, redeem }
}

async function tokensOf(as, { nonce, redeem }) {
  return oauth.processAuthorizationCodeResponse(as, client, await redeem(), { expectedNonce: nonce, requireIdToken: true })
}

await play({
  async code() {
    const as = await discover()
    assert.deepEqual(await discover('oauth2'), as)
    done('discovery by OpenID Connect and by RFC 8414: the same document')

    const begun = await login(as)
    const tokens = await tokensOf(as, begun)
    const id = oauth.getValidatedIdTokenClaims(tokens)
    assert.equal(id.sub, given.sub)
    done('authorization code with PKCE S256, nonce, state and iss')
    const { payload } = await jwtVerify(tokens.id_token, createRemoteJWKSet(new URL(as.jwks_uri)), { issuer, audience: client.client_id, algorithms: ['ES256'] })
    assert.equal(payload.exp - payload.iat, 300)
    done('the id_token by jose')
    const claims = await accepted(as, tokens.access_token)
    assert.deepEqual([claims.sub, claims.client_id, claims.scope], [given.sub, client.client_id, scope])
    assert.equal(claims.exp - claims.iat, 900)
    done('the access token by RFC 9068')

    const info = await oauth.userInfoRequest(as, client, tokens.access_token)
    assert.equal((await oauth.processUserInfoResponse(as, client, id.sub, info)).sub, id.sub)
    done('userinfo')
    const orders = await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(api))
    assert.deepEqual(await orders.json(), ['1'])
    done('the API is called with the token')

    const rs = { client_id: given.rs_id }
    const introspect = async (token) =>
      oauth.processIntrospectionResponse(as, rs, await oauth.introspectionRequest(as, rs, oauth.ClientSecretBasic(given.rs_secret), token))
    assert.equal((await introspect(tokens.access_token)).active, true)
    assert.equal((await introspect('no-such-token')).active, false)
    done('introspection')

    const refresh = async (token) =>
      oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, proof, token, resource))
    const second = await refresh(tokens.refresh_token)
    const third = await refresh(second.refresh_token)
    await accepted(as, third.access_token)
    done('refresh, twice')
    await fails(refresh(tokens.refresh_token), 'invalid_grant')
    done(`the first refresh token again ends the family: the access token is refused after ${await refusedWithin(1000, () => fetch(api, bearer(third.access_token)))} ms`)
    await fails(refresh(third.refresh_token), 'invalid_grant')
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, third.refresh_token))
    done('revocation of what is revoked is no error')
  },

  async par() {
    const as = await discover()
    const begun = await login(as, { par: true })
    await accepted(as, (await tokensOf(as, begun)).access_token)
    done('pushed authorization request')
    assert.equal(await ask('open', begun.url.href), '400')
    done('its request_uri is refused the second time')
    const another = await login(as, { par: true })
    const wrong = oauth.processAuthorizationCodeResponse(as, client, await another.redeem(oauth.generateRandomCodeVerifier()))
    await fails(wrong, 'invalid_grant')
    await fails(tokensOf(as, another), 'invalid_grant')
    done('a wrong verifier ends the code')
  },

  async dpop() {
    const as = await discover()
    const keys = await oauth.generateKeyPair('ES256')
    const DPoP = oauth.DPoP(client, keys)
    const tokens = await tokensOf(as, await login(as, { par: true, DPoP }))
    assert.equal(tokens.token_type, 'dpop')
    const { sub } = oauth.getValidatedIdTokenClaims(tokens)
    const info = await oauth.userInfoRequest(as, client, tokens.access_token, { DPoP })
    assert.equal((await oauth.processUserInfoResponse(as, client, sub, info)).sub, sub)
    done('code, token and userinfo with proofs')
    // As the client of this resource server: the request is caught and checked.
    let request
    await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(api), undefined, undefined, {
      DPoP, [oauth.customFetch]: async (url, init) => ((request = new Request(url, { method: 'GET', headers: init.headers })), new Response()),
    })
    assert.ok((await oauth.validateJwtAccessToken(as, request, audience)).cnf.jkt)
    done('the access token and its proof by RFC 9449')
    assert.equal((await fetch(api, bearer(tokens.access_token))).status, 401)
    done('the token without a proof is refused')
    const called = await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(api), undefined, undefined, { DPoP })
    assert.equal(called.status, 200)
    done('the API is called with the token and a proof')
    const again = await fetch(api, { headers: request.headers })
    assert.equal(again.status, 200)
    assert.equal((await fetch(api, { headers: request.headers })).status, 401)
    done('a proof is taken once')
    const refresh = async (DPoP) =>
      oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, { DPoP, ...resource }))
    await fails(refresh(oauth.DPoP(client, await oauth.generateKeyPair('ES256'))), 'invalid_dpop_proof')
    assert.equal((await refresh(DPoP)).token_type, 'dpop')
    done('refresh with the same key, and with no other')
  },

  async device() {
    const as = await discover()
    const answer = await oauth.deviceAuthorizationRequest(as, client, proof, { scope, resource: audience })
    const begun = await oauth.processDeviceAuthorizationResponse(as, client, answer)
    const poll = async () => oauth.processDeviceCodeResponse(as, client, await oauth.deviceCodeGrantRequest(as, client, proof, begun.device_code, resource))
    await fails(poll(), 'authorization_pending')
    await fails(poll(), 'slow_down')
    done('authorization_pending, and slow_down for who polls too soon')
    const page = new URL(begun.verification_uri_complete)
    assert.equal(page.searchParams.get('user_code'), begun.user_code)
    done(`the person sees: ${await ask('device', `${page.href} ${begun.user_code}`)}`)
    await new Promise((done) => setTimeout(done, 10_100))
    const tokens = await poll()
    assert.equal((await accepted(as, tokens.access_token)).sub, given.sub)
    done('the device has tokens, and a resource server takes them')
  },

  async logout() {
    const as = await discover()
    const tokens = await tokensOf(as, await login(as))
    const url = new URL(as.end_session_endpoint)
    url.search = new URLSearchParams({ id_token_hint: tokens.id_token, client_id: client.client_id, post_logout_redirect_uri: `${given.goodbye_uri}/elsewhere` })
    assert.equal(await ask('open', url.href), '200')
    done('RP-initiated logout to a URI that is not registered: logged out, and sent nowhere')
    const told = await jwtVerify(await ask('logout_token', ''), createRemoteJWKSet(new URL(as.jwks_uri)), {
      issuer, audience: client.client_id, typ: 'logout+jwt', algorithms: ['ES256'], requiredClaims: ['iat', 'jti', 'sub', 'events'],
    })
    const { sub, sid } = oauth.getValidatedIdTokenClaims(tokens)
    assert.equal(told.payload.sub, sub)
    assert.ok(sid && told.payload.sid === sid)
    assert.deepEqual(told.payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} })
    assert.equal(told.payload.nonce, undefined)
    done('back-channel logout: a logout token that jose verifies, of the session that the id_token names')
    done(`the access token is refused after ${await refusedWithin(1000, () => fetch(api, bearer(tokens.access_token)))} ms`)
  },

  async machine() {
    const as = await discover('oauth2')
    const ask = async (parameters, DPoP) =>
      oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, proof, parameters, { DPoP }))
    const tokens = await ask({ scope: 'orders:read', resource: audience })
    assert.equal((await accepted(as, tokens.access_token)).sub, client.client_id)
    assert.equal((await fetch(api, bearer(tokens.access_token))).status, 200)
    done('client credentials by client_secret_post')
    const bound = await ask({ scope: 'orders:read' }, oauth.DPoP(client, await oauth.generateKeyPair('ES256')))
    assert.equal(bound.token_type, 'dpop')
    done('client credentials bound to a key')
  },
})
