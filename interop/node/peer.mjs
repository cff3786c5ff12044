// What the scripts of this folder share: what the test has given them, how they
// ask it something, and how they say what was done.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'

export const given = JSON.parse(process.env.GIVEN)

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// ask puts a question to the test and returns its answer.
export async function ask(name, argument) {
  process.stdout.write(`? ${name} ${argument}\n`)
  const { value, done } = await lines.next()
  assert.ok(!done, `the test did not answer ${name}`)
  return value
}

export const done = (what) => console.log(what)

// fails asserts that a promise is rejected with an OAuth error code, and returns
// the error.
export async function fails(promise, code) {
  const { value, error } = await promise.then((value) => ({ value }), (error) => ({ error }))
  assert.ok(error, `want ${code}, got ${JSON.stringify(value)}`)
  assert.equal(error.error, code, String(error.cause ?? error.stack))
  return error
}

// refusedWithin asserts that a call is answered by 401 within milliseconds.
export async function refusedWithin(ms, call) {
  const began = Date.now()
  for (;;) {
    const { status } = await call()
    if (status === 401) return Date.now() - began
    assert.ok(Date.now() - began < ms, `still ${status} after ${ms} ms`)
  }
}

// play runs the flow that the test asks for.
export async function play(flows) {
  const flow = flows[given.flow]
  assert.ok(flow, `there is no flow ${given.flow}`)
  await flow()
  process.exit(0) // standard input is still open
}
