import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { changeAgent, getAgent } from './agents.ts';
import { LOCAL_ADMIN } from './caller.ts';
import { listRoutes } from './list-routes.ts';

test('an allowance inside another is listed at both, warned of when it is made, and audited', async (t) => {
  const { agent, audited, control, store } = await controlStand(t);
  await agent('web1', { routes: ['10.0.0.0/16', '*.corp.example'] });
  await agent('web2', { routes: ['172.16.0.0/12'] });
  const { warnings } = await changeAgent(control.context, LOCAL_ADMIN, 'web2', { routes: ['10.0.5.0/24', 'db.corp.example'] });
  assert.deepEqual(
    warnings.map((text) => text.split(':')[0]),
    ['10.0.5.0/24 overlaps with 10.0.0.0/16 of agent web1', 'db.corp.example overlaps with *.corp.example of agent web1'],
  );
  assert.equal((await audited()).at(-1), 'agent.changed');
  assert.deepEqual((await store.audit.list(1, 100)).rows.at(-1)?.detail['warnings'], warnings);
  await control.forEdge.advertise('link-web2', { epoch: 2n, subnets: ['10.0.5.0/24'], names: [] });
  assert.deepEqual(
    listRoutes(control.context, LOCAL_ADMIN, { limit: 10 }).routes.map(({ route, agent: of, state, overlaps }) => [route, of, state, overlaps]),
    [
      ['*.corp.example', 'web1', 'online', [{ route: 'db.corp.example', agent: 'web2' }]],
      ['10.0.0.0/16', 'web1', 'online', [{ route: '10.0.5.0/24', agent: 'web2' }]],
      ['10.0.5.0/24', 'web2', 'online', [{ route: '10.0.0.0/16', agent: 'web1' }]],
    ],
  );
});

test('what an agent asks for in vain is listed as refused with what it would take, and audited when it changes', async (t) => {
  const { agent, audited, control, store } = await controlStand(t);
  await agent('web1', { routes: ['10.0.0.0/16'] });
  await agent('greedy', { routes: ['172.16.0.0/24'] });
  const wishes = { subnets: ['0.0.0.0/0', '10.0.5.0/24', '127.0.0.0/8'], names: [{ name: 'com', autoDetected: false }] };
  await control.forEdge.advertise('link-greedy', { epoch: 2n, ...wishes });
  await control.forEdge.advertise('link-greedy', { epoch: 3n, ...wishes });
  const { routes } = listRoutes(control.context, LOCAL_ADMIN, { limit: 10 });
  assert.deepEqual(
    routes.filter(({ agent: of }) => of === 'greedy').map(({ route, state, overlaps }) => [route, state, overlaps.map((other) => other.agent)]),
    [
      ['0.0.0.0/0', 'refused', ['web1']],
      ['10.0.5.0/24', 'refused', ['web1']],
      ['127.0.0.0/8', 'refused', []],
      ['172.16.0.0/24', 'online', []],
      ['com', 'refused', []],
    ],
  );
  assert.deepEqual((await getAgent(control.context, LOCAL_ADMIN, 'greedy')).refused_routes, ['0.0.0.0/0', '10.0.5.0/24', '127.0.0.0/8', 'com']);
  const rows = (await audited()).filter((code) => code === 'agent.routes-refused');
  assert.equal(rows.length, 1);
  const row = (await store.audit.list(1, 100)).rows.find(({ code }) => code === 'agent.routes-refused');
  assert.deepEqual(
    [row?.detail['count'], row?.detail['overlaps']],
    [
      4,
      [
        { route: '10.0.0.0/16', agent: 'web1' },
        { route: '10.0.0.0/16', agent: 'web1' },
      ],
    ],
  );
});
