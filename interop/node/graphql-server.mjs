// A GraphQL server as one writes it in an afternoon, on the reference implementation:
// no limits, no authorization, batches, GET, introspection. It prints its port.
import http from 'node:http';
import { buildSchema, graphql } from 'graphql';

const schema = buildSchema(process.env.SDL);
const users = { alice: { id: 'alice', name: 'Alice', tenant: 't1' }, bob: { id: 'bob', name: 'Bob', tenant: 't1' }, eve: { id: 'eve', name: 'Eve', tenant: 't2' } };
const orders = {};
for (const [id, owner] of [['1', 'alice'], ['2', 'bob'], ['3', 'eve'], ['4', 'alice']]) {
  orders[id] = { id, owner, secret: `secret of ${owner}`, note: '' };
}
let calls = 0;

const user = (id) => users[id] && { __typename: 'User', ...users[id], orders: () => Object.values(orders).filter((o) => o.owner === id).map(order), friends: () => Object.keys(users).map(user) };
const order = (o) => o && { __typename: 'Order', ...o, tenant: users[o.owner].tenant, owner: () => user(o.owner), siblings: () => Object.values(orders).map(order), secret: () => { calls++; return o.secret; } };
const change = (id, note) => { if (orders[id]) orders[id].note = note; return order(orders[id]); };
const root = {
  order: ({ id }) => order(orders[id]),
  node: ({ id }) => order(orders[id]) ?? user(id),
  nodes: ({ ids }) => ids.map((id) => order(orders[id])),
  orders: () => Object.values(orders).map(order),
  mine: ({ owner }) => Object.values(orders).filter((o) => o.owner === owner).map(order),
  me: () => user('alice'),
  echo: ({ text, input }) => JSON.stringify([text, input]),
  total: ({ orderId }) => orders[orderId]?.secret,
  fail: () => { throw new Error('SELECT * FROM users WHERE host = "db1.internal"'); },
  note: ({ id, text }) => change(id, text),
  change: ({ input }) => ({ order: change(input.order, input.text), ok: true }),
  merge: ({ ids }) => ({ ok: ids.map((id) => change(id, 'merged')).length > 0 }),
  deleteOrder: ({ id }) => ({ ok: delete orders[id] }),
};

const run = ({ query, variables, operationName }) => graphql({ schema, source: query, rootValue: root, variableValues: variables, operationName });
http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://x');
  if (url.pathname === '/state') {
    res.end(JSON.stringify({ orders, calls }));
    return;
  }
  let text = '';
  for await (const chunk of req) text += chunk;
  const q = url.searchParams;
  const asked = req.method === 'GET' ? { query: q.get('query'), operationName: q.get('operationName'), variables: JSON.parse(q.get('variables') ?? 'null') } : JSON.parse(text);
  const result = Array.isArray(asked) ? await Promise.all(asked.map(run)) : await run(asked);
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify(result));
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
