// samlify as the identity provider of one organisation: it reads our metadata,
// takes our requests, signed or not, and answers them in several shapes. The test is
// the browser between the two.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import samlify from 'samlify'
import { ask, done, given, play } from './peer.mjs'

samlify.setSchemaValidator({ validate: async () => 'not judged' })

const { namespace } = samlify.Constants
const statement = '<saml:AuthnStatement AuthnInstant="{AuthnInstant}" SessionIndex="{AssertionID}" SessionNotOnOrAfter="{SessionNotOnOrAfter}">' +
  '<saml:AuthnContext><saml:AuthnContextClassRef>{AuthnContextClassRef}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>'
const attribute = (name, valueTag) => ({ name, valueTag, nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic', valueXsiType: 'xs:string' })

const identityProvider = (settings) => samlify.IdentityProvider({
  entityID: given.idp,
  privateKey: readFileSync(given.key),
  signingCert: readFileSync(given.cert),
  nameIDFormat: ['urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
  singleSignOnService: [{ Binding: namespace.binding.redirect, Location: given.sso }],
  wantAuthnRequestsSigned: given.signed === 'true',
  loginResponseTemplate: {
    context: samlify.SamlLib.defaultLoginResponseTemplate.context.replace('{AuthnStatement}', statement),
    attributes: [attribute('email', 'user.email'), attribute('groups', 'user.groups')],
  },
  ...settings,
})

// serviceProvider is us, as our metadata say.
async function serviceProvider(settings) {
  const answer = await fetch(given.metadata)
  assert.equal(answer.status, 200)
  return samlify.ServiceProvider({ metadata: await answer.text(), ...settings })
}

// take reads the request that the browser was sent away with.
async function take(idp, sp, address) {
  const query = Object.fromEntries(new URL(address).searchParams)
  const octetString = ['SAMLRequest', 'RelayState', 'SigAlg'].map((name) => `${name}=${encodeURIComponent(query[name])}`).join('&')
  const { extract } = await idp.parseLoginRequest(sp, 'redirect', { query, octetString })
  assert.equal(extract.request.assertionConsumerServiceUrl, sp.entityMeta.getAssertionConsumerService('post'))
  return { extract, relayState: query.RelayState }
}

// answer signs somebody in. changes are of what the response says.
async function answer(idp, sp, request, user, changes = {}) {
  const now = Date.now()
  const at = (seconds) => new Date(now + seconds * 1000).toISOString()
  const acs = sp.entityMeta.getAssertionConsumerService('post')
  const tags = {
    ID: idp.entitySetting.generateID(), AssertionID: idp.entitySetting.generateID(), Destination: acs, SubjectRecipient: acs, Audience: sp.entityMeta.getEntityID(),
    Issuer: idp.entityMeta.getEntityID(), IssueInstant: at(0), StatusCode: samlify.Constants.StatusCode.Success,
    ConditionsNotBefore: at(-5), ConditionsNotOnOrAfter: at(300), SubjectConfirmationDataNotOnOrAfter: at(300),
    NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent', NameID: user.id, InResponseTo: request.extract.request.id,
    AuthnInstant: at(-1), SessionNotOnOrAfter: at(3600), AuthnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
    attrUserEmail: user.email, attrUserGroups: user.groups, ...changes,
  }
  const { context } = await idp.createLoginResponse(sp, request, 'post', user, {
    customTagReplacement: (template) => ({ id: tags.ID, context: samlify.SamlLib.replaceTagsByValue(template, tags) }),
  })
  return context
}

// signIn goes all the way, and returns where the browser ends.
async function signIn(idp, sp, user, changes) {
  const request = await take(idp, sp, await ask('leave', user.email))
  const response = await answer(idp, sp, request, user, changes)
  return JSON.parse(await ask('return', JSON.stringify({ response, relayState: request.relayState })))
}

const ann = { id: 'f3b1c2', email: 'ann@acme.example', groups: 'clerks' }

await play({
  async shapes() {
    await ask('metadata', Buffer.from(identityProvider().getMetadata()).toString('base64'))
    done('our reader takes its metadata')
    for (const wantMessageSigned of [false, true]) {
      const sp = await serviceProvider({ wantMessageSigned })
      const { code } = await signIn(identityProvider(), sp, ann)
      assert.ok(code, 'no code')
      await ask('token', code)
      done(`signed in by ${wantMessageSigned ? 'a signed response with a signed assertion' : 'a signed assertion'}`)
    }
    const renamed = identityProvider({ requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512' })
    const { code } = await signIn(renamed, await serviceProvider(), ann)
    assert.ok(code, 'no code')
    done('signed in by RSA with SHA-512')
  },
  async refusals() {
    const sp = await serviceProvider()
    const refused = async (what, idp, changes) => {
      const { code, status } = await signIn(idp, sp, ann, changes)
      assert.equal(code, undefined, `${what}: let in`)
      assert.ok(status >= 400 && status < 500, `${what}: ${status}`)
      done(`refused: ${what}`)
    }
    await refused('another audience', identityProvider(), { Audience: 'https://other.example/' })
    await refused('another recipient', identityProvider(), { SubjectRecipient: 'https://other.example/' })
    await refused('another destination', identityProvider(), { Destination: 'https://other.example/' })
    await refused('the answer to another request', identityProvider(), { InResponseTo: '_other' })
    await refused('another issuer', identityProvider(), { Issuer: 'https://other.example/' })
    await refused('expired', identityProvider(), { SubjectConfirmationDataNotOnOrAfter: new Date(Date.now() - 61_000).toISOString() })
    await refused('SHA-1', identityProvider({ requestSignatureAlgorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }))
    await refused('another key', identityProvider({ privateKey: readFileSync(given.other_key), signingCert: readFileSync(given.other_cert) }))
    await refused('it did not work', identityProvider(), { StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:AuthnFailed' })
    const unsigned = await serviceProvider()
    unsigned.entityMeta.isWantAssertionsSigned = () => false // then it signs the response alone
    const request = await take(identityProvider(), unsigned, await ask('leave', ann.email))
    const response = await answer(identityProvider(), unsigned, request, ann)
    const { code } = JSON.parse(await ask('return', JSON.stringify({ response, relayState: request.relayState })))
    assert.equal(code, undefined, 'an assertion that is not signed itself was believed')
    done('refused: an unsigned assertion in a signed response')
  },
})
