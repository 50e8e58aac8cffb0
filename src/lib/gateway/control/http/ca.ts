// The CA: which it is, for anybody; what it has issued and its rotation, for admins.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { type CaAnswer, type IssuedAnswer, PATHS, RotateRequest, type RotationAnswer } from '../../../api/contract.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { finishRotation, rotateCa, showRotation } from '../rotate-ca.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

export function caRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.ca, async (): Promise<z.infer<typeof CaAnswer>> => ({ ca_pem: context.authority.bundlePem }));

  app.get(PATHS.issued, async (request): Promise<z.infer<typeof IssuedAnswer>> => {
    assertAdmin(await whoCalls(request));
    return { issued: await context.store.certificates.count() };
  });

  app.get(PATHS.caRotation, async (request): Promise<RotationAnswer> => {
    assertAdmin(await whoCalls(request));
    return showRotation(context);
  });

  app.post(PATHS.caRotation, async (request): Promise<RotationAnswer> => {
    const caller = await whoCalls(request);
    return rotateCa(context, caller, readAs(RotateRequest, request.body).window_ms);
  });

  app.delete(PATHS.caRotation, async (request): Promise<RotationAnswer> => finishRotation(context, await whoCalls(request)));
}
