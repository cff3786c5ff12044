// An organisation's OpenID provider: npm oidc-provider, whose people need no
// password. The test's browser is sent here and back.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { generateKeyPair, exportJWK } from 'jose'
import { Provider } from 'oidc-provider'
import { given, ask, done, play } from './peer.mjs'

const groups = { ann: ['clerks', 'staff'], bob: ['staff'] }
let verified = true // e-mail addresses are
let present = 'ann' // who sits at the browser
let refuses = false

// listen starts the provider of which the gateway is told.
async function listen() {
  const { privateKey } = await generateKeyPair(given.alg, { extractable: true })
  const provider = new Provider(given.provider, {
    clients: [{
      client_id: 'gatehouse', client_secret: given.client_secret, redirect_uris: [given.redirect_uri], id_token_signed_response_alg: given.alg,
      token_endpoint_auth_method: given.client_auth, post_logout_redirect_uris: [given.signed_out_uri],
    }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: given.alg, use: 'sig', kid: 'one' }] },
    cookies: { keys: ['of the test'] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'PS256', 'EdDSA'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    conformIdTokenClaims: given.userinfo === 'true', // claims of scopes by userinfo alone
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { logoutSource: (ctx, form) => { ctx.body = form.replace('</form>', '<button name="logout" value="yes"></button></form>') } },
    },
    interactions: { url: (ctx, i) => `/interaction/${i.uid}` },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@acme.example`, email_verified: verified, groups: groups[id] }) }),
    async loadExistingGrant(ctx) {
      const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
      grant.addOIDCScope('openid email groups')
      await grant.save()
      return grant
    },
  })
  provider.on('server_error', (_, error) => console.error(error))
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next()
    await provider.interactionDetails(ctx.req, ctx.res)
    const result = refuses ? { error: 'access_denied', error_description: 'not today' } : { login: { accountId: present } }
    ctx.respond = false
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false })
  })
  const { port, hostname } = new URL(given.provider)
  await once(provider.listen(port, hostname), 'listening')
}

// outcome is what the test says of one sign-in: a person as our API sees them, or
// the status of the page that refuses.
const outcome = async (how) => JSON.parse(await ask('sign-in', how))

await play({
  async enterprise() {
    await listen()
    const ann = await outcome('new')
    assert.equal(ann.acr, 'aal1')
    assert.deepEqual(ann.roles, ['clerk'])
    assert.equal(ann.tenant, 't1')
    done('a person is made, with the mapped role alone')

    assert.equal((await outcome('new')).sub, ann.sub)
    done('and is the same one the next time')

    assert.equal(await ask('sign-out', ''), given.goodbye_uri)
    done('and signs out at both, by the id_token that was kept')

    assert.equal((await outcome('fresh')).sub, ann.sub)
    done('and with prompt=login, with an auth_time that is new')

    groups.ann = ['staff']
    assert.equal((await outcome('new')).roles, undefined)
    done('and without the role when the group is gone')

    refuses = true
    assert.deepEqual(await outcome('new'), { status: 403 })
    refuses = false
    done('an error of the provider is a page')

    present = 'bob'
    verified = false
    assert.deepEqual(await outcome('new'), { status: 403 })
    done('nobody is made of an address that is not verified')
  },
})
